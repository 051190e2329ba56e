"""`wenshi fine-tune`: from a person's own videos and captions to a model that knows them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.options import JsonOption
from serving.cli.terminal import INTERRUPTED, clock, print_json, printable, say

if TYPE_CHECKING:
    from training.fine_tuning import Estimate, FineTuned

_SHOWN = 5      # sentences about lines or videos that cannot be used


def fine_tune(
    captions: Annotated[Path, typer.Option(metavar="FILE", help="CSV or JSONL with the columns path and caption.")],
    videos: Annotated[Path, typer.Option(metavar="DIR", help="The folder with the videos.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Frames, states, model; a run there goes on.")],
    model: Annotated[str, typer.Option(metavar="DIR|NAME", help="The model to begin with.")],
    recipe: Annotated[Path, typer.Option(metavar="RECIPE", help="Another recipe.")] = Path("fine_tune"),
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=VALUE", help="Change a setting of the recipe; repeatable.")
    ] = None,
    validation_share: Annotated[
        float, typer.Option(min=0.01, max=0.5, help="Videos held back to measure by, where the table has no split.")
    ] = 0.1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    restart: Annotated[bool, typer.Option("--restart", help="Forget the run that is there; frames are kept.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would take, and do nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Fine-tune a model on your own videos and captions, and measure it before and after on some held back."""
    from data_pipeline.captioned import read_captioned
    from data_pipeline.sources.files import find_videos
    from training import fine_tuning

    found = find_videos([videos])
    listed = read_captioned(captions, found.videos, validation_share=validation_share)
    _say_some(listed.unused, "lines of the table cannot be used")
    overrides = settings or []
    if dry_run:
        _print_estimate(
            fine_tuning.estimate(listed, model=model, recipe=recipe, overrides=overrides, device=device), as_json=as_json
        )
        return
    from serving.cli.progress import counted
    from serving.cli.training_progress import TrainingProgress
    from serving.ingest.machine import available_cores

    with counted("videos") as on_video, TrainingProgress() as progress:
        done = fine_tuning.fine_tune(
            listed, output, model=model, recipe=recipe, overrides=overrides, device=device, restart=restart,
            workers=available_cores(), on_video=lambda stage, number, total: on_video(number, total), on_step=progress.step,
        )  # fmt: skip
    _say_some([failure.message for failure in done.corpus.failures], "videos cannot be used")
    _print_result(done, output, as_json=as_json)
    if not done.report.finished:
        raise typer.Exit(INTERRUPTED)


def _print_result(done: FineTuned, output: Path, *, as_json: bool) -> None:
    model = str((output / "model").absolute())
    if as_json:
        corpus = done.corpus
        print_json({
            "finished": done.report.finished, "model": model, "videos": corpus.videos, "failed": corpus.failed,
            "steps": done.report.steps, "best_step": done.report.progress.best_step,
            "gain": None if done.gain is None else done.gain.as_json(),
        })  # fmt: skip
    elif done.gain is not None:
        for sentence in done.gain.sentences():
            typer.echo(sentence)
        typer.echo(f"Model: {printable(model)}")
    else:
        say(f"Stopped after step {done.report.steps:,} of {done.report.of_steps:,}; the same command goes on.")


def _print_estimate(found: Estimate, *, as_json: bool) -> None:
    if as_json:
        from dataclasses import asdict

        print_json(asdict(found))
        return
    run = found.run
    _say_some(found.unreadable, "of the videos tried cannot be used")
    typer.echo(f"videos: {found.train:,} to train on, {found.validation:,} to measure by")
    typer.echo(f"weights: {run.trained_parameters:,} of {run.parameters:,} are trained")
    reading, training = clock(int(1000 * found.reading_seconds)), clock(int(3_600_000 * found.training_hours))
    typer.echo(f"time: about {reading} to read the videos, {training} for {found.steps:,} steps of {found.batch} clips")
    typer.echo(f"memory: about {run.memory_bytes / 1e9:.2f} GB beside the program itself")
    frames, whole = found.frames_bytes / 1e9, (found.frames_bytes + run.disk_bytes) / 1e9
    typer.echo(f"disk: about {whole:.2f} GB, {frames:.2f} GB of it frames")


def _say_some(sentences: tuple[str, ...] | list[str], what: str) -> None:
    for sentence in sentences[:_SHOWN]:
        say(printable(sentence))
    if len(sentences) > _SHOWN:
        say(f"{len(sentences):,} {what} in all.")
