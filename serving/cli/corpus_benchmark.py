"""`wenshi corpus benchmark`: the training videos of a published benchmark as shards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.options import Fit, JsonOption
from serving.cli.terminal import print_json, printable, say

if TYPE_CHECKING:
    from data_pipeline.corpus.benchmark_rows import BenchmarkRows
    from data_pipeline.corpus.build import CorpusReport

_FIRST = 5


def benchmark(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A benchmark with a training split, such as msrvtt-1k-A.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The corpus; one that is there goes on.")],
    data: Annotated[
        Path, typer.Option(metavar="PATH", help="The folder of the benchmark's lists (docs/benchmarks.md).", readable=False)
    ],
    videos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder of video files. Default: beside the lists.")
    ] = None,
    frames: Annotated[int, typer.Option(min=1, max=256, help="Frames a video, evenly spread.")] = 12,
    side: Annotated[int, typer.Option(min=16, max=1024, help="Pixels a side of each frame.")] = 224,
    fit: Annotated[Fit, typer.Option(help="As the model will be shown videos: CLIP crops, Chinese-CLIP stretches.")] = Fit.crop,
    held_out: Annotated[
        int, typer.Option(min=2, help="Training videos kept for validation, where the benchmark has no such split.")
    ] = 500,
    workers: Annotated[int, typer.Option(min=1, help="Processes that decode.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Decode a benchmark's training videos once, into shards with the splits `train` and `validation`."""
    from data_pipeline.corpus.benchmark_rows import benchmark_rows
    from data_pipeline.corpus.build import build_corpus
    from data_pipeline.corpus.samples import PictureFormat
    from serving.cli.progress import counted

    found = benchmark_rows(name, data=data, videos=videos, held_out=held_out)
    with counted("videos (examined, then decoded)") as progress:
        report = build_corpus(
            found.rows, output, form=PictureFormat(height=side, width=side), frames=frames, fit=fit.value, workers=workers,
            progress=lambda stage, done, total: progress(done, total),
        )  # fmt: skip
    if as_json:
        print_json({
            "videos": len(found.rows) + len(found.missing), "missing": list(found.missing), "rows": report.rows,
            "kept": report.kept, "merged": report.merged, "failed": report.failed, "reasons": report.reasons,
            "pairs": report.pairs, "notices": list(found.notices), "shards": str((output / "shards").absolute()),
        })  # fmt: skip
    else:
        _print_report(found, report, output)


def _print_report(found: BenchmarkRows, report: CorpusReport, output: Path) -> None:
    for notice in found.notices:
        say(f"note: {printable(notice)}")
    if found.missing:
        more = len(found.missing) - _FIRST
        names = ", ".join(found.missing[:_FIRST]) + (f" and {more:,} more" if more > 0 else "")
        say(f"{len(found.missing):,} videos are missing: {printable(names)}")
    for failure in report.failures[:_FIRST]:
        say(printable(failure.message))
    reasons = ", ".join(f"{count:,} {kind}" for kind, count in report.reasons.items())
    typer.echo(
        f"{report.rows:,} videos: {report.kept:,} kept, {report.merged:,} merged with a copy, {report.failed:,} failed"
        + (f" ({reasons})" if reasons else "")
        + f"; {report.pairs:,} captions"
    )
    typer.echo(f"Shards: {printable(str(output / 'shards'))}")
