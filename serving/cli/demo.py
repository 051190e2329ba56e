"""`wenshi demo`: a small world of videos, rendered, added and searched on this machine, without a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.terminal import INTERRUPTED, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data_pipeline.miniature.queries import DemoQuery
    from data_pipeline.miniature.spec import SceneSpec
    from data_pipeline.miniature.world import Query
    from retrieval.evaluation import Run
    from retrieval.library import Library
    from retrieval.search import SearchEngine, SearchResult
    from serving.ingest.report import AddReport

_LEAST_SHARE = 0.5      # of the descriptions that must find a right clip first


def demo(
    directory: Annotated[Path, typer.Option(help="Where the clips and their library go.")] = Path("wenshi-demo"),
    clips: Annotated[int, typer.Option(min=20, max=5000, help="How many clips that the model has never seen.")] = 120,
    train: Annotated[
        bool, typer.Option("--train", help="Train the model from scratch first, instead of using the one that is shipped.")
    ] = False,
) -> None:
    """Render a world of clips, add them to a library, search it by words and by what is seen, and print the answers."""
    from data_pipeline.miniature.scenes import SCENES
    from retrieval.encoders import load_encoder
    from retrieval.library import Library
    from retrieval.search import SearchEngine, SearchSettings
    from serving.demo.unseen import MODEL, unseen_scenes

    model = _trained(directory) if train else MODEL
    unseen = unseen_scenes(clips)
    report = _render_and_add(SCENES, unseen, directory, model)
    if report.interrupted:
        raise typer.Exit(INTERRUPTED)
    with Library.open(directory / "library") as library:
        encoder = load_encoder(str(model))
        engine = SearchEngine(library, encoder=encoder)
        said = _search_by_words(engine)
        seen = _search_by_sight(
            SearchEngine(library, encoder=encoder, settings=SearchSettings(channels=frozenset({"visual"}))),
            unseen,
            [*SCENES, *unseen],
        )
        _measure(library, unseen, encoder)
    typer.echo(
        f'\nNow yours:  wenshi add YOUR_FOLDER   then   wenshi search "…"   (this library: -l {directory / "library"})'
    )
    if not said or not seen:
        raise typer.Exit(1)


def _trained(directory: Path) -> Path:
    from serving.cli.progress import counted
    from serving.cli.training_progress import TrainingProgress
    from serving.demo.training import draw_world, train_model

    typer.echo(f"Drawing the world that the model learns from into {directory / 'world'} ...")
    with counted("clips drawn") as progress:
        shards = draw_world(directory, progress=progress)
    typer.echo("Training: single frames first, then how things move; Ctrl-C at any time, the same command goes on ...")
    with TrainingProgress() as display:
        model = train_model(directory, shards, on_step=display.step)
    if model is None:
        raise typer.Exit(INTERRUPTED)
    return model


def _render_and_add(
    written: Sequence[SceneSpec], unseen: Sequence[SceneSpec], directory: Path, model: Path
) -> AddReport:
    """Clips with titles, subtitles and on-screen text, and unseen ones of which only the pictures are looked at."""
    from data_pipeline.miniature.render import render_all

    typer.echo(f"Rendering {len(written) + len(unseen)} clips into {directory} ...")
    folders = {directory / "clips": written, directory / "unseen": unseen}
    rendered = [clip for folder, scenes in folders.items() for clip in render_all(folder, specs=scenes)]
    if any(clip.text_left_out for clip in rendered):
        say("note: no font with Chinese characters was found, so the text in the pictures is drawn in Latin letters.")
    typer.echo("Adding them to a library: pictures are cut into clips and encoded, subtitles and on-screen text are read ...")
    report = _add(directory / "clips", directory, model, on_screen_text=True)
    if report.interrupted:
        return report
    typer.echo("And those that the model has never seen: they are encoded, what is written in them is not read ...")
    return _add(directory / "unseen", directory, model, on_screen_text=False)


def _add(folder: Path, directory: Path, model: Path, *, on_screen_text: bool) -> AddReport:
    from serving.cli.progress import AddProgress
    from serving.ingest.run import AddOptions, add_videos

    options = AddOptions(model=str(model), manifest=folder / "manifest.jsonl", on_screen_text=on_screen_text)
    with AddProgress() as progress:
        report = add_videos(directory / "library", [folder], options, progress=progress)
    for sentence in report.notices:
        say(f"note: {sentence}")
    typer.echo(f"{directory / 'library'}: " + ", ".join(f"{count} {name}" for name, count in report.counts.items()))
    return report


def _search_by_words(engine: SearchEngine) -> bool:
    """Ask for what is written and said; whether every expected clip stands first."""
    from data_pipeline.miniature.queries import DEMO_QUERIES

    found = 0
    for query in DEMO_QUERIES:
        result = engine.search(query.text, count=3)
        found += _expected_first(query, result)
        _show(query.text, query.shows, result)
    typer.echo(
        f"\n{found} of {len(DEMO_QUERIES)} searches by words found the expected clip first"
        " (and its moment, where the query is about one)."
    )
    return found == len(DEMO_QUERIES)


def _search_by_sight(engine: SearchEngine, unseen: Sequence[SceneSpec], scenes: Sequence[SceneSpec]) -> bool:
    """Ask for what is seen, in full and in a few words; whether most descriptions find a right clip first.

    Nobody labelled these clips: the truth is drawn. A few words are the harder question for a model this small.
    """
    from serving.demo.unseen import descriptions, short_queries

    found = _ask(engine, descriptions(unseen), scenes, kind="descriptions")
    _ask(engine, short_queries(scenes), scenes, kind="searches of a few words")
    return found >= _LEAST_SHARE


def _ask(engine: SearchEngine, asked: Sequence[Query], scenes: Sequence[SceneSpec], *, kind: str) -> float:
    """The share of the queries whose first answer is right."""
    from data_pipeline.miniature.truth import satisfies
    from serving.demo.unseen import answers

    by_name = {scene.name: scene for scene in scenes}
    found = 0
    for query in asked:
        result = engine.search(query.text, count=3)
        right = [answers(query, hit, by_name) for hit in result.hits]
        found += right[:1] == [True]
        true_of = sum(satisfies(scene, query.condition) for scene in scenes)
        remark = f"只看画面：{true_of} 个片段符合，前三个中 {sum(right)} 个对"
        _show(query.text, remark, result, options="--channel visual ")
    typer.echo(f"\n{found} of {len(asked)} {kind} put a clip first that shows what was asked for.")
    return found / max(len(asked), 1)


def _measure(library: Library, unseen: Sequence[SceneSpec], encoder) -> None:  # type: ignore[no-untyped-def]
    from serving.demo.unseen import StoredScenes, measure

    run = measure(library, StoredScenes.of(library, unseen), encoder=encoder)
    typer.echo(f"\nHow well the pictures alone are found: {run.protocol}")
    for line in _table(run):
        typer.echo(line)


def _table(run: Run) -> list[str]:
    lines = ["                           R@1    R@5   R@10  R@sum"]
    names = {"text_to_video": "text to video", "video_to_text": "video to text"}
    for row in run.rows:
        if row.direction in names:
            metrics = row.metrics
            figures = (metrics.recall_at_1, metrics.recall_at_5, metrics.recall_at_10, metrics.r_sum)
            lines.append(f"{row.score:>9} {names[row.direction]}" + "".join(f"{figure:7.1f}" for figure in figures))
    sums = ", ".join(f"{score} {total:.1f}" for score, total in run.r_sum_both_ways().items())
    return [*lines, f"R@sum both ways, of 600: {sums}"]


def _show(text: str, remark: str, result: SearchResult, *, options: str = "") -> None:
    from serving.cli.search import print_result

    typer.echo(f"\n$ wenshi search {options}{text!r}    # {remark}")
    print_result(result)


def _expected_first(query: DemoQuery, result: SearchResult) -> bool:
    """Whether the expected clip stands first and, where the query is about a moment, the right moment is the first one."""
    if not result.hits or Path(result.hits[0].path).stem != query.clip:
        return False
    if query.span_ms is None:
        return True
    start, end = query.span_ms
    return min(result.hits[0].end_ms, end) > max(result.hits[0].start_ms, start)
