"""Options that say which videos a search may answer with."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retrieval.library import VideoFilter

PathFilter = Annotated[
    list[str] | None,
    typer.Option("--path", metavar="PATH", help="Only this file or folder, or paths like '*/2024/*' (repeatable: any)."),
]
TagFilter = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="Only videos with this tag (repeatable: all of them).")
]
LongerFilter = Annotated[
    float | None, typer.Option("--longer", metavar="SECONDS", min=0, help="Only videos that last at least so long.")
]
ShorterFilter = Annotated[
    float | None, typer.Option("--shorter", metavar="SECONDS", min=0, help="Only videos that last at most so long.")
]
SinceFilter = Annotated[
    str | None,
    typer.Option("--since", metavar="DAY", help="Only videos of this day or later, by manifest or change of the file."),
]
UntilFilter = Annotated[
    str | None, typer.Option("--until", metavar="DAY", help="Only videos of this day or earlier, such as 2024-03-01.")
]
VideoIdFilter = Annotated[
    list[str] | None, typer.Option("--video", metavar="ID", help="Only the video with this id (repeatable: any).")
]


def video_filter(
    *, path: list[str] | None, tag: list[str] | None, longer: float | None, shorter: float | None, since: str | None,
    until: str | None, video: list[str] | None,
) -> VideoFilter:
    """What was asked for on the command line. Raises InputError for a day that is none and spans that are empty."""
    from retrieval.library import VideoFilter

    return VideoFilter(
        paths=tuple(map(_whole, path or ())),
        tags=tuple(tag or ()),
        shortest_ms=None if longer is None else round(1000 * longer),
        longest_ms=None if shorter is None else round(1000 * shorter),
        since=_day(since),
        until=_day(until),
        videos=frozenset(video) if video else None,
    )


def _whole(path: str) -> str:
    """The whole path of a file or folder; a pattern that begins with * stays as it is."""
    return path if path.startswith("*") else str(Path(path).expanduser().absolute())


def _day(text: str | None) -> date | None:
    from retrieval.errors import InputError

    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no day: write it like 2024-03-01.") from error
