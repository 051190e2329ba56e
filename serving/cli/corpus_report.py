"""`wenshi corpus report`: what a corpus holds, as a page and as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from serving.cli.options import JsonOption
from serving.cli.terminal import print_json, printable


def report(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A corpus, finished or not.")],
    characters: Annotated[
        int, typer.Option(min=0, help="How many characters of kept texts are cut into words: some 6,000 take a second.")
    ] = 60_000,
    as_json: JsonOption = False,
) -> None:
    """Write report.html, one page that opens without a network, and statistics.json into a corpus."""
    from data_pipeline.report.write import write_report

    made = write_report(directory, characters=characters)
    if as_json:
        print_json(made.statistics)
        return
    videos, pairs = made.statistics["videos"], made.statistics["pairs"]
    rejected = pairs["candidates"] - pairs["kept"] - pairs["undecided"]
    typer.echo(f"{videos['rows']:,} files: {videos['measured']:,} measured, {videos['failed']:,} failed")
    typer.echo(
        f"{pairs['candidates']:,} candidate pairs: {pairs['kept']:,} kept, {rejected:,} rejected"
        + (f", {pairs['undecided']:,} undecided (run wenshi corpus filter)" if pairs["undecided"] else "")
    )
    for path in (made.page, made.statistics_file):
        typer.echo(printable(str(path)))
