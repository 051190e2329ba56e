"""`wenshi train`: from a recipe to a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.options import JsonOption
from serving.cli.terminal import INTERRUPTED, print_json, printable, say

if TYPE_CHECKING:
    from training.card import TrainingReport
    from training.dry_run import DryRun


def train(
    recipe: Annotated[
        Path,
        typer.Argument(metavar="RECIPE", help="A YAML file with what to train and how, or a packaged one by name: miniature."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Model, log and states; a run that is there goes on.")
    ],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=VALUE", help="Change a setting of the recipe; repeatable.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    restart: Annotated[bool, typer.Option("--restart", help="Forget the run that is there.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check recipe and data, do one small step, estimate the time.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a model by a recipe, or go on with a run that was ended."""
    from training.recipe_file import read_recipe

    wanted = read_recipe(recipe, overrides=settings or [])
    if dry_run:
        from training.dry_run import try_recipe

        _print_dry_run(try_recipe(wanted, device=device), as_json=as_json)
        return
    from serving.cli.training_progress import TrainingProgress
    from training.trainer import train as train_model

    first = os.environ.get("RANK", "0") == "0"
    with TrainingProgress(visible=first) as progress:
        report = train_model(wanted, output, device=device, restart=restart, on_step=progress.step)
    if first:
        _print_report(report, output, as_json=as_json)
    if not report.finished:
        raise typer.Exit(INTERRUPTED)


def _print_report(report: TrainingReport, output: Path, *, as_json: bool) -> None:
    progress = report.progress
    if as_json:
        print_json({
            "finished": report.finished, "steps": report.steps, "of_steps": report.of_steps, "seconds": progress.seconds,
            "best_step": progress.best_step, "validation": progress.validation, "bad_samples": report.bad_samples,
            "model": str((output / "model").absolute()) if progress.best_step is not None else None,
        })  # fmt: skip
    elif report.finished:
        figures = progress.validation
        typer.echo(
            f"R@sum {figures['r_sum']:.1f} of 300 on validation, best at step {progress.best_step:,} of {report.of_steps:,}"
        )
        typer.echo(f"Model: {printable(str(output / 'model'))}")
    if report.bad_samples:
        say(f"{report.bad_samples:,} samples could not be used; {printable(str(output / 'training.json'))} names them")
    if not report.finished:
        say(f"Stopped after step {report.steps:,} of {report.of_steps:,}; the state is saved.")


def _print_dry_run(found: DryRun, *, as_json: bool) -> None:
    if as_json:
        print_json(found.as_json())
        return
    for name, value in found.as_json().items():
        typer.echo(f"{name.replace('_', ' ')}: {value}")
