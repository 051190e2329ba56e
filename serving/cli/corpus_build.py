"""`wenshi corpus build`, `filter`, `status`, `retry` and `estimate`: from raw videos to pairs."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retrieval.errors import InputError
from serving.cli.corpus_sources import ExcludeOption, LicenseOption, RightsOption, SourcesArgument
from serving.cli.options import CorpusArgument, JsonOption
from serving.cli.terminal import clock, print_json, printable, say

if TYPE_CHECKING:
    from data_pipeline.building.build import Account
    from data_pipeline.building.estimate import Estimate
    from data_pipeline.building.local import Runner
    from data_pipeline.building.plan import Added
    from data_pipeline.building.settings import BuildSettings
    from data_pipeline.sources import Sources

_FIRST = 5
_WORTH_AN_ESTIMATE = 100


class RunnerName(str, Enum):
    """Where shards are processed."""

    local = "local"
    ray = "ray"


OutOption = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The corpus; one that is there goes on.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="Settings as YAML. Default: the corpus's own.", readable=False),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="A.B=VALUE", help="A setting, such as speech.engine=sherpa-onnx; repeatable.")
]
WorkersOption = Annotated[
    int, typer.Option("--workers", "-w", min=1, help="Processes that work on videos.")
]
ModelsOption = Annotated[
    int | None,
    typer.Option(
        "--models", min=0, metavar="N",
        help="Processes that hold the relevance model and the speech engine for all workers; 0: each worker holds its own. "
        "Default: one for two workers, but with one or two workers, a speech engine or Ray 0.",
    ),
]
RunnerOption = Annotated[RunnerName, typer.Option("--runner", help="ray: on a cluster, or on this machine without --address.")]
AddressOption = Annotated[str | None, typer.Option("--address", help="ray: of the cluster, such as auto.")]


def build(
    paths: SourcesArgument,
    out: OutOption,
    config: ConfigOption = None,
    overrides: SetOption = None,
    workers: WorkersOption = 1,
    models: ModelsOption = None,
    runner: RunnerOption = RunnerName.local,
    address: AddressOption = None,
    license_code: LicenseOption = None,
    i_have_rights: RightsOption = False,
    exclude: ExcludeOption = None,
    frames: Annotated[bool, typer.Option(help="Write shards of frames for training, too.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Turn raw videos into clean video-text pairs; nothing is lost, and the same command goes on after a stop."""
    from data_pipeline.building.build import EXTRACTED, check_place
    from data_pipeline.building.build import build as build_corpus
    from data_pipeline.building.default_stages import default_stages
    from data_pipeline.building.estimate import estimate as estimate_build
    from data_pipeline.building.local import Work
    from data_pipeline.sources import read_sources
    from serving.cli.build_progress import BuildProgress

    check_place(out)
    settings = _settings(out, config, overrides)
    run = _runner(runner, workers, models, address, settings)
    found = read_sources(
        paths, default_license=license_code, i_have_rights=i_have_rights, exclude=exclude or (), extract_to=out / EXTRACTED
    )
    _tell_rejected(found)
    if len(found.rows) > _WORTH_AN_ESTIMATE and not (out / "measured").exists():
        about = estimate_build(found.rows, settings, default_stages)
        _show_estimate(about, workers=workers, models=_model_processes(runner, workers, models, settings), show=say)
    with BuildProgress(out) as progress:
        def planned(added: Added, expected: int) -> None:
            _tell_changes(added)
            progress.begin(expected)

        account = build_corpus(
            found.rows, Work(directory=out, settings=settings, make_stages=default_stages),
            run, refused=found.rejected, named=paths, planned=planned, more=progress.expect, done=progress.done,
        )  # fmt: skip
    _finish(out, settings, account, rejected=len(found.rejected), frames=frames, workers=workers, as_json=as_json)
    _tell_outdated(out)
    _fail_without_any(account)


def retry(
    corpus: CorpusArgument,
    kinds: Annotated[
        list[str] | None, typer.Option("--kind", metavar="KIND", help="Only these failures. Default: all that may end otherwise.")
    ] = None,
    workers: WorkersOption = 1,
    models: ModelsOption = None,
    runner: RunnerOption = RunnerName.local,
    address: AddressOption = None,
    frames: Annotated[bool, typer.Option(help="Write shards of frames for training, too.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Process the rows that failed again, and no others."""
    from data_pipeline.building.build import retry as retry_rows
    from data_pipeline.building.default_stages import default_stages
    from data_pipeline.building.local import Work
    from data_pipeline.building.settings import saved_settings
    from serving.cli.build_progress import BuildProgress

    settings = saved_settings(corpus)
    with BuildProgress(corpus) as progress:
        progress.begin(0)
        account = retry_rows(
            Work(directory=corpus, settings=settings, make_stages=default_stages),
            _runner(runner, workers, models, address, settings), kinds=kinds or (), done=progress.done,
        )  # fmt: skip
    _finish(corpus, settings, account, rejected=0, frames=frames, workers=workers, as_json=as_json)
    _fail_without_any(account)


def filter_(
    corpus: CorpusArgument,
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide again which pairs are kept, on the scores that are stored: no model runs, no video is opened.

    Only selection.* may be changed, so --set keep_share=0.78 is enough.
    """
    from data_pipeline.building.build import account as account_of
    from data_pipeline.building.settings import save_settings, saved_settings, with_selection
    from data_pipeline.corpus.files import only_writer

    asked = _settings(corpus, config, [one if "." in one.split("=")[0] else f"selection.{one}" for one in overrides or ()])
    settings = with_selection(saved_settings(corpus), asked)
    account = account_of(corpus)
    with only_writer(corpus):
        save_settings(corpus, settings)
    _finish(corpus, settings, account, rejected=0, frames=False, workers=1, as_json=as_json)
    _tell_outdated(corpus)


def status(corpus: CorpusArgument, as_json: JsonOption = False) -> None:
    """Show where a corpus stands, also while it is being built."""
    from data_pipeline.building.status import status as status_of
    from serving.cli.build_progress import told

    account, progress = status_of(corpus)
    if as_json:
        print_json({**asdict(account), "running": progress and asdict(progress)})
        return
    _show_account(account)
    if account.waiting:
        typer.echo(f"{account.waiting:,} of {account.shards:,} shards are not committed")
    if progress is not None:
        typer.echo(f"A build is running: {progress.done:,} of {max(progress.expected, progress.done):,} videos, {told(progress)}")


def estimate(
    paths: SourcesArgument,
    config: ConfigOption = None,
    overrides: SetOption = None,
    workers: WorkersOption = 1,
    models: ModelsOption = None,
    license_code: LicenseOption = None,
    i_have_rights: RightsOption = False,
    exclude: ExcludeOption = None,
    samples: Annotated[int, typer.Option(min=1, max=1000, help="Videos that are processed to find out.")] = 6,
    as_json: JsonOption = False,
) -> None:
    """Process a few of the videos, and say what all of them would take."""
    from data_pipeline.building.default_stages import default_stages
    from data_pipeline.building.estimate import estimate as estimate_build
    from data_pipeline.building.settings import read_settings
    from data_pipeline.sources import read_sources

    settings = read_settings(config, overrides=overrides or ())
    with tempfile.TemporaryDirectory() as taken_out:    # the videos of tar shards, as a build takes them out into the corpus
        found = read_sources(
            paths, default_license=license_code, i_have_rights=i_have_rights, exclude=exclude or (), extract_to=Path(taken_out)
        )
        _tell_rejected(found)
        about = estimate_build(found.rows, settings, default_stages, samples=samples)
    held = _model_processes(RunnerName.local, workers, models, settings)
    if as_json:
        print_json({
            **asdict(about), "workers": workers, "model_processes": held,
            "total_seconds": about.total_seconds(workers, model_processes=held), "total_bytes": about.total_bytes,
        })  # fmt: skip
    else:
        _show_estimate(about, workers=workers, models=held, show=typer.echo)


def _settings(directory: Path, config: Path | None, overrides: list[str] | None) -> BuildSettings:
    """Those of the file, else of the corpus, else the defaults; overrides on top."""
    from data_pipeline.building.settings import overridden, read_settings, saved_settings
    from data_pipeline.corpus.about import CORPUS

    if config is None and (directory / CORPUS).exists():
        return overridden(saved_settings(directory), overrides or ())
    return read_settings(config, overrides=overrides or ())


def _runner(name: RunnerName, workers: int, models: int | None, address: str | None, settings: BuildSettings) -> Runner:
    """Raises InputError where models are to be shared on Ray, or Ray is not installed."""
    if name is RunnerName.ray:
        from data_pipeline.building.ray_runner import ray_runner

        if models:
            raise InputError("--models is for workers on this machine: on Ray each worker holds its own models.")
        return ray_runner(workers, address=address)
    from data_pipeline.building.local import local_runner

    return local_runner(workers, model_processes=_model_processes(name, workers, models, settings))


def _model_processes(name: RunnerName, workers: int, models: int | None, settings: BuildSettings) -> int:
    """How many hold the models for all workers; 0 = each worker holds its own."""
    from data_pipeline.building.local import usual_model_processes

    if name is RunnerName.ray:
        return 0
    return usual_model_processes(workers, settings) if models is None else models


def _finish(
    directory: Path, settings: BuildSettings, account: Account, *, rejected: int, frames: bool, workers: int, as_json: bool
) -> None:
    """Decide, write what training reads and the report, and tell the result."""
    from data_pipeline.corpus.files import only_writer
    from data_pipeline.report.write import write_report
    from data_pipeline.selection.select import write_selection

    with only_writer(directory):
        selected = write_selection(directory, settings.selection)
    if frames and selected.candidates.kept:
        _write_frames(directory, workers)
    page = write_report(directory).page
    kept, filtered = selected.candidates.kept, dict(selected.candidates.filtered)
    if as_json:
        print_json({
            **asdict(account), "rejected": rejected, "pairs": kept, "filtered": filtered, "report": str(page.absolute())
        })  # fmt: skip
        return
    _show_account(account)
    typer.echo(f"{account.candidates:,} candidate pairs: {kept:,} kept{_by_kind(filtered, 'rejected')}")
    typer.echo(f"Report: {printable(str(page))}")


def _fail_without_any(account: Account) -> None:
    """A script that goes on after a build needs at least one video."""
    if not account.measured:
        raise typer.Exit(1)


def _tell_outdated(directory: Path) -> None:
    from data_pipeline.export.exporting import outdated_exports

    for export in outdated_exports(directory):
        say(printable(f"{export} holds pairs of an earlier selection: wenshi corpus export into it again, with its options"))


def _write_frames(directory: Path, workers: int) -> None:
    from data_pipeline.export.exporting import ExportSettings, export_corpus
    from serving.cli.progress import counted

    with counted("clips") as progress:
        done = export_corpus(
            directory, directory / "shards", ExportSettings(form="webdataset"), workers=workers, progress=progress
        )
    for failure in done.failures[:_FIRST]:
        say(printable(failure.message))


def _show_account(account: Account) -> None:
    typer.echo(f"{account.rows:,} videos: {account.measured:,} measured{_by_kind(account.reasons, 'failed')}")
    if account.refused:
        typer.echo(f"{account.refused:,} more were named and refused: refused.jsonl says where each stands and why")
    typer.echo(f"Manifest hash: {account.manifest_sha256}")


def _by_kind(counts: Mapping[str, int], what: str) -> str:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count)
    return f", {sum(counts.values()):,} {what}" + (f" ({kinds})" if kinds else "")


def _tell_changes(added: Added) -> None:
    if added.changed:
        say(f"{added.changed:,} known videos are described otherwise now: what their owner says takes effect")
    if added.replaced:
        say(f"{added.replaced:,} files are not those that were measured: they are measured again")


def _tell_rejected(found: Sources) -> None:
    for told, what in ((found.rejected, "that are not read"), (found.notices, "cells that are left out")):
        for one in told[:_FIRST]:
            say(printable(f"{one.where}: {one.reason}"))
        if len(told) > _FIRST:
            say(f"... and {len(told) - _FIRST:,} more {what}: wenshi corpus sources --json shows them all")


def _show_estimate(about: Estimate, *, workers: int, models: int, show: Any) -> None:
    total_seconds = about.total_seconds(workers, model_processes=models)
    show(
        f"About {clock(round(1000 * total_seconds))} with {workers} worker{'s' * (workers > 1)} and "
        f"{about.total_bytes / 2**30:.2f} GiB (without frames) for {about.videos:,} videos: {about.sampled} of them took "
        f"{about.seconds:.1f} s each ({about.least_seconds:.1f} to {about.most_seconds:.1f}), {about.failed} failed"
    )
