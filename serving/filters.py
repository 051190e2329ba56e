"""Which videos a search may answer with, as people and programs say it: lengths in seconds, days as dates or their text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from data_pipeline.sources.files import plain_path
from retrieval.days import read_day
from retrieval.errors import InputError
from retrieval.library import VideoFilter

MOST_SECONDS = 10**9                # that a filter may ask for; its milliseconds fit into a column


def video_filter(
    *, path: Sequence[str] | None = None, tag: Sequence[str] | None = None, longer: float | None = None,
    shorter: float | None = None, since: date | str | None = None, until: date | str | None = None,
    video: Sequence[str] | None = None,
) -> VideoFilter:  # fmt: skip
    """None and empty lists leave a side open. Raises InputError for a day or a length that is none, spans that are empty and
    paths that are not whole.
    """
    return VideoFilter(
        paths=tuple(str(plain_path(one)) if Path(one).is_absolute() else one for one in path or ()),
        tags=tuple(tag or ()),
        shortest_ms=_milliseconds(longer),
        longest_ms=_milliseconds(shorter),
        since=_day(since),
        until=_day(until),
        videos=frozenset(video) if video else None,
    )


def whole(paths: Sequence[str] | None) -> list[str]:
    """Files and folders of this machine as whole paths; a pattern that begins with * stays as it is."""
    return [path if path.startswith("*") else str(plain_path(Path(path).expanduser())) for path in paths or ()]


def _day(given: date | str | None) -> date | None:
    if not isinstance(given, str):
        return given
    day = read_day(given, whole=True)
    if day is None:
        raise InputError(f"{given!r} is no day: write it like 2024-03-01.")
    return day


def _milliseconds(seconds: float | None) -> int | None:
    if seconds is None:
        return None
    if not 0 <= seconds <= MOST_SECONDS:
        raise InputError(f"A video does not last {seconds} seconds: give a number from 0 to {MOST_SECONDS}.")
    return round(1000 * seconds)
