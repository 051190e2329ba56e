"""`wenshi corpus export` and `card`: a finished corpus in the form in which others read it."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from serving.cli.options import CorpusArgument, Fit, JsonOption
from serving.cli.terminal import print_json, printable, say

_FIRST = 5


class Form(str, Enum):
    """What is written."""

    jsonl = "jsonl"
    cnvid = "cnvid"
    webdataset = "webdataset"
    parquet = "parquet"


class Placing(str, Enum):
    """What becomes of the video files, in the CNVid layout."""

    none = "none"
    link = "link"
    copy = "copy"


def export(
    corpus: CorpusArgument,
    form: Annotated[Form, typer.Option("--format", "-f", help="webdataset: shards of frames with times, for training.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="An earlier export there is replaced. Default: CORPUS/shards."),
    ] = None,
    license_filter: Annotated[
        str | None, typer.Option("--license", metavar="FILTER", help="commercial-ok, derivatives-ok, or a licence's code.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only this split: train, validation or test.")] = None,
    frames: Annotated[int, typer.Option(min=1, max=256, help="webdataset: frames a clip, evenly spread.")] = 8,
    side: Annotated[int, typer.Option(min=16, max=1024, help="webdataset: pixels a side of each frame.")] = 224,
    fit: Annotated[Fit, typer.Option(help="webdataset: as the model will be shown videos.")] = Fit.stretch,
    videos: Annotated[Placing, typer.Option(help="cnvid: whether the video files are linked or copied too.")] = Placing.none,
    workers: Annotated[int, typer.Option(min=1, help="webdataset: processes that decode.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Write the pairs of a corpus as JSON lines, tables, the CNVid layout or shards of frames, with a dataset card."""
    from data_pipeline.export.exporting import ExportSettings, export_corpus
    from data_pipeline.export.frames import FrameOptions
    from retrieval.errors import InputError
    from serving.cli.progress import counted

    if output is None:
        if form is not Form.webdataset:
            raise InputError("Say where to write: -o DIR.")
        output = corpus / "shards"
    settings = ExportSettings(
        form=form.value, license_filter=license_filter, split=split, placing=videos.value,
        frames=FrameOptions(count=frames, side=side, fit=fit.value),
    )  # fmt: skip
    with counted("clips") as progress:
        done = export_corpus(corpus, output, settings, workers=workers, progress=progress)
    if as_json:
        print_json({
            "directory": str(done.directory), "videos": done.videos, "clips": done.clips, "pairs": done.pairs,
            "sha256": done.sha256,
            "failed": [{"clip": one.id, "kind": one.kind, "message": one.message} for one in done.failures],
        })  # fmt: skip
        return
    for failure in done.failures[:_FIRST]:
        say(printable(failure.message))
    failed = f"; {len(done.failures):,} clips have no frames" if done.failures else ""
    typer.echo(f"{done.videos:,} videos, {done.clips:,} clips, {done.pairs:,} pairs{failed}: {printable(str(done.directory))}")
    typer.echo(f"content {done.sha256}")


def card(
    corpus: CorpusArgument,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: standard output.")] = None,
) -> None:
    """The dataset card of a whole corpus: counts, licences, settings, and the hash by which it is known again."""
    from data_pipeline.corpus.files import whole_file
    from data_pipeline.export.exporting import corpus_card

    text = corpus_card(corpus)
    if output is None:
        typer.echo(text)
    else:
        with whole_file(output) as file:
            file.write(text.encode())
