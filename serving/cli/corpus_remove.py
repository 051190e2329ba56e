"""`wenshi corpus remove`: take videos out of a corpus and of everything that was made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from serving.cli.options import CorpusArgument, JsonOption
from serving.cli.terminal import print_json, printable, say


def remove(
    corpus: CorpusArgument,
    video: Annotated[list[str] | None, typer.Option(metavar="ID", help="A video's id, or its first 8 digits or more.")] = None,
    uploader: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Everything that somebody has uploaded.")] = None,
    path: Annotated[
        list[Path] | None, typer.Option(metavar="PATH", help="A file, or everything below a folder.", readable=False)
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Go through all earlier removals again, for exports that are back.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete what a corpus and its exports hold of videos, and keep them out from now on. The video files stay."""
    from data_pipeline.removal.remove import remove as take_out
    from retrieval.errors import InputError

    if not (video or uploader or path or again):
        raise InputError("Say what to remove: --video, --uploader or --path; or --again.")
    done = take_out(corpus, videos=video or (), uploaders=uploader or (), paths=path or ())
    if as_json:
        print_json({
            "videos": done.videos, "sources": done.sources, "exports": list(map(str, done.exports)),
            "unreached": list(map(str, done.unreached)), "busy": list(map(str, done.busy)),
        })  # fmt: skip
    else:
        typer.echo(
            f"{done.videos:,} videos and {done.sources:,} sources are out; {done.shards:,} shards of measurements and "
            f"{len(done.exports):,} exports were written again."
        )
        typer.echo("`wenshi corpus filter` decides anew about what is left, and writes the report.")
    for export in done.unreached:
        say(f"{printable(str(export))} is not there: bring the export back and run this with --again, or delete its copies.")
    for export in done.busy:
        say(f"{printable(str(export))} is being written: run this with --again when that has ended.")
    if done.unreached or done.busy:
        raise typer.Exit(1)
