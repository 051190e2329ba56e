"""Which videos a search may answer with, as people and programs say it: lengths in seconds, days as dates or their text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from retrieval.errors import InputError
from retrieval.library import VideoFilter


def video_filter(
    *, path: Sequence[str] | None = None, tag: Sequence[str] | None = None, longer: float | None = None,
    shorter: float | None = None, since: date | str | None = None, until: date | str | None = None,
    video: Sequence[str] | None = None,
) -> VideoFilter:  # fmt: skip
    """None and empty lists leave a side open. Raises InputError for a day that is none, spans that are empty and paths that
    are not whole.
    """
    return VideoFilter(
        paths=tuple(one if one.startswith("*") else str(Path(one)) for one in path or ()),
        tags=tuple(tag or ()),
        shortest_ms=None if longer is None else round(1000 * longer),
        longest_ms=None if shorter is None else round(1000 * shorter),
        since=_day(since),
        until=_day(until),
        videos=frozenset(video) if video else None,
    )


def whole(paths: Sequence[str] | None) -> list[str]:
    """Files and folders of this machine as whole paths; a pattern that begins with * stays as it is."""
    return [path if path.startswith("*") else str(Path(path).expanduser().absolute()) for path in paths or ()]


def _day(given: date | str | None) -> date | None:
    if not isinstance(given, str):
        return given
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise InputError(f"{given!r} is no day: write it like 2024-03-01.") from error
