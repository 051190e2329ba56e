"""`wenshi add`: put videos into a library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.cli.options import (
    DEFAULT_LIBRARY,
    AsrLanguageOption,
    AsrModelOption,
    AsrOption,
    JsonOption,
    LibraryOption,
    MemoryLimitOption,
    StallLimitOption,
    speech_asked_for,
)
from serving.cli.terminal import INTERRUPTED, print_json, printable, say

if TYPE_CHECKING:
    from serving.ingest.report import FileOutcome


def add(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Video files, or folders to look through.")],
    library: LibraryOption = DEFAULT_LIBRARY,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR|none", help="Model for the visual channel: a hub name or a folder; `none` = text only."
        ),
    ] = None,
    sentences: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR|none",
            help="Sentence model for the meaning channel (extra `wenshi[sentence]`). Default: the library's own, if any.",
        ),
    ] = None,
    tags: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Words to look for in the pictures, one a line; those seen are tags.", readable=False),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="CSV or JSONL with file, title, tags, date; other columns are kept.", readable=False
        ),
    ] = None,
    exclude: Annotated[
        list[str], typer.Option(metavar="PATTERN", help="Leave out names or paths that match (repeatable).")
    ] = [],  # noqa: B006
    on_screen_text: Annotated[bool, typer.Option(help="Read text in the picture (extra `wenshi[ocr]`).")] = True,
    asr: AsrOption = None,
    asr_model: AsrModelOption = None,
    asr_language: AsrLanguageOption = None,
    decoder: Annotated[
        str, typer.Option(help="What decodes the pictures: pyav, or torchcodec (extra `wenshi[torchcodec]`).")
    ] = "pyav",
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Files read at once. Default: one a core.")
    ] = None,
    stall_limit: StallLimitOption = 60.0,
    memory_limit: MemoryLimitOption = 4.0,
    as_json: JsonOption = False,
) -> None:
    """Add videos. Run it again at any time: what is known is left alone, what is new, moved or renamed is taken up."""
    from retrieval.errors import InputError
    from serving.cli.progress import AddProgress
    from serving.ingest.run import AddOptions, add_videos

    if not all(path.strip() for path in paths):
        raise InputError("An empty name stands among the files to add (an unset variable?).")

    options = AddOptions(
        model=model,
        sentences=sentences,
        tags=tags,
        manifest=manifest,
        exclude=tuple(exclude),
        on_screen_text=on_screen_text,
        speech=speech_asked_for(asr, asr_model, asr_language),
        decoder=decoder,
        readers=jobs,
        stall_seconds=stall_limit,
        memory_bytes=int(memory_limit * 2**30),
    )
    with AddProgress() as progress:
        report = add_videos(library, [Path(path) for path in paths], options, progress=progress)
    _say_some([printable(f"note: {sentence}") for sentence in report.notices])
    _say_some([_explain(outcome) for outcome in report.outcomes if outcome.message])
    if report.stopped:
        say(f"wenshi: {report.stopped}")
    if as_json:
        print_json(report.to_json())
    else:
        typer.echo(f"{library}: " + ", ".join(f"{count} {name}" for name, count in report.counts.items()) + report.found)
    if report.interrupted:
        raise typer.Exit(INTERRUPTED)
    if report.counts["failed"] or report.stopped:
        raise typer.Exit(1)


def _explain(outcome: FileOutcome) -> str:
    if outcome.outcome == "failed":
        return printable(f"not added: {outcome.message}")
    return printable(f"damaged: {outcome.path}: {outcome.message}")


def _say_some(sentences: list[str], most: int = 50) -> None:
    for sentence in sentences[:most]:
        say(sentence)
    if len(sentences) > most:
        say(f"... and {len(sentences) - most} more; --json and `wenshi library status` list them all")
