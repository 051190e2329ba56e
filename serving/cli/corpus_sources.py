"""`wenshi corpus sources`: what a build would read, before it reads anything."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.options import JsonOption
from serving.cli.terminal import print_json, printable, say

if TYPE_CHECKING:
    from data_pipeline.corpus.measured import SourceRow
    from data_pipeline.sources import Rejected, Sources

SourcesArgument = Annotated[
    list[Path],
    typer.Argument(metavar="PATH...", help="Folders, tables, CNVid folders, tar shards, video files.", readable=False),
]
LicenseOption = Annotated[
    str | None, typer.Option("--license", metavar="CODE", help="The licence of all rows that state none, such as CC-BY-4.0.")
]
RightsOption = Annotated[
    bool, typer.Option("--i-have-rights", help="Use rows without a known licence too: you answer for them.")
]
ExcludeOption = Annotated[
    list[str] | None, typer.Option("--exclude", metavar="PATTERN", help="Leave out what matches in folders; repeatable.")
]


def sources(
    paths: SourcesArgument,
    license_code: LicenseOption = None,
    i_have_rights: RightsOption = False,
    exclude: ExcludeOption = None,
    limit: Annotated[int, typer.Option("--limit", "-k", min=0, help="Show so many of each; --json gives them all.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Show which videos would be read, what is said about them, and why the others would not."""
    from data_pipeline.sources import read_sources

    found = read_sources(paths, default_license=license_code, i_have_rights=i_have_rights, exclude=exclude or ())
    if as_json:
        print_json({
            "rows": [asdict(row) for row in found.rows], "rejected": [one._asdict() for one in found.rejected],
            "notices": [one._asdict() for one in found.notices], "other_files": found.other_files,
        })  # fmt: skip
    else:
        _show(found, limit=limit)
    if not found.rows:
        raise typer.Exit(1)


def _show(found: Sources, *, limit: int) -> None:
    rows = found.rows
    typer.echo(f"{len(rows):,} videos would be read, {len(found.rejected):,} things named would not")
    if rows:
        _show_rows(rows, limit=limit)
    say_rejected(found.rejected, "would not be read", limit=limit)
    say_rejected(found.notices, "cells left out of rows that are read", limit=limit)
    if found.other_files:
        say(f"{found.other_files:,} files in the folders are no videos; a table among them is read when you name it.")


def _show_rows(rows: tuple[SourceRow, ...], *, limit: int) -> None:
    for name, values in {
        "from": [row.origin for row in rows], "licence": [row.license_code or "not stated" for row in rows],
        "split": [row.split or "undecided" for row in rows],
    }.items():  # fmt: skip
        typer.echo(f"  {name}: " + ", ".join(f"{count:,} {printable(value)}" for value, count in Counter(values).most_common(8)))
    for name, count in {
        "a title": sum(row.title is not None for row in rows), "topics": sum(bool(row.topics) for row in rows),
        "captions": sum(bool(row.captions) for row in rows), "an uploader": sum(row.uploader is not None for row in rows),
    }.items():  # fmt: skip
        typer.echo(f"  with {name}: {count:,}")
    for row in rows[:limit]:
        typer.echo(f"    {printable(row.uri)}  {printable(row.title or '(no title)')}")


def say_rejected(rejected: tuple[Rejected, ...], what: str, *, limit: int) -> None:
    """The first reasons, and how many more there are."""
    if rejected:
        say(f"{len(rejected):,} {what}:")
    for one in rejected[:limit]:
        say(f"  {printable(one.where)}: {printable(one.reason)}")
    if len(rejected) > limit:
        say(f"  and {len(rejected) - limit:,} more: -k shows more, --json all")
