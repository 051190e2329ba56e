"""Which videos a search may answer with: by path, tag, duration, date and id."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime, tzinfo
from fnmatch import translate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.days import first_day
from retrieval.errors import InputError
from retrieval.library.connections import edition_here
from retrieval.library.database import select_in
from retrieval.text import fold

_KEPT = 32                          # selections of earlier searches, a byte a video each
_IS_PATTERN = re.compile(r"[*?\[]")

Selection = NDArray[np.bool_]       # by videos.number


@dataclass(frozen=True, kw_only=True)
class VideoFilter:
    """What a video must be to be found; what is left out says nothing, everything else must hold together.

    paths: any of them: a file, a folder with all that lies below, or a pattern with * ? [ ] over the whole path; a name
    that holds these signs itself is found too.
    tags: every one of them, whatever its case or script. shortest_ms, longest_ms: of its duration, inclusive.
    since, until: days, inclusive, of the manifest's date or else of the file's last change, at any one of its paths.
    videos: ids. Raises InputError when a span is empty or a path is not absolute.
    """

    paths: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    shortest_ms: int | None = None
    longest_ms: int | None = None
    since: date | None = None
    until: date | None = None
    videos: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if None not in (self.shortest_ms, self.longest_ms) and self.shortest_ms > self.longest_ms:  # type: ignore[operator]
            raise InputError(f"No video lasts at least {self.shortest_ms} ms and at most {self.longest_ms} ms.")
        if None not in (self.since, self.until) and self.since > self.until:  # type: ignore[operator]
            raise InputError(f"No day is on or after {self.since} and on or before {self.until}.")
        for path in self.paths:
            if not Path(path).is_absolute() and not _IS_PATTERN.match(path):
                raise InputError(f"The path to search in, {path!r}, is not absolute: give all of it, or begin it with *.")

    def __bool__(self) -> bool:
        return any(getattr(self, f.name) not in ((), None) for f in fields(self))


class Selections:
    """The videos that filters select, kept until the library changes. Safe to ask from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[VideoFilter, tuple[str, int]], Selection] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, db: sqlite3.Connection, wanted: VideoFilter | None) -> Selection | None:
        """bool by video number, True = may be found; None = every video may."""
        if wanted is None or not wanted:
            return None
        key = (wanted, edition_here(db))
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        selected = select_videos(db, wanted)
        with self._lock:
            self._kept[key] = selected
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return selected


def select_videos(db: sqlite3.Connection, wanted: VideoFilter) -> Selection:
    """bool by video number, True = every condition holds."""
    size = 1 + int(db.execute("SELECT coalesce(max(number), 0) FROM videos").fetchone()[0])
    parts: list[Selection] = []
    if wanted.videos is not None:
        sql = "SELECT number FROM videos WHERE id IN {in}"
        parts.append(_marked(size, (n for (n,) in select_in(db, sql, wanted.videos))))
    if wanted.shortest_ms is not None or wanted.longest_ms is not None:
        parts.append(_by_duration(db, size, wanted))
    if wanted.paths:
        parts.append(_marked(size, _in_paths(db, wanted.paths)))
    parts += [_marked(size, _with_tag(db, tag)) for tag in wanted.tags]
    if wanted.since is not None or wanted.until is not None:
        parts.append(_marked(size, _in_days(db, wanted.since or date.min, wanted.until or date.max)))
    if not parts:
        parts.append(_marked(size, (n for (n,) in db.execute("SELECT number FROM videos"))))
    return np.logical_and.reduce(parts)


def folder_key(path: str) -> bytes:
    """A path of a filter as it is stored: without a slash at its end."""
    return os.fsencode(path.rstrip("/") or "/")


def has_pattern(path: str) -> bool:
    """Whether a path of a filter may stand for others."""
    return _IS_PATTERN.search(path) is not None


def day_of(text: str | None, *, modified_ns: int, zone: tzinfo | None = None) -> date | None:
    """The day that a manifest's date names, the first of a month or year; else that of the last change.

    zone: where the change has that day, None = where this process runs. None for a change that no calendar holds.
    """
    named = first_day(text or "")
    if named is not None:
        return named
    try:
        return datetime.fromtimestamp(modified_ns / 1e9, zone).date()
    except (OverflowError, OSError, ValueError):
        return None


def _marked(size: int, numbers: Iterable[int]) -> Selection:
    selected = np.zeros(size, dtype=np.bool_)
    selected[np.fromiter(numbers, dtype=np.int64)] = True
    return selected


def _by_duration(db: sqlite3.Connection, size: int, wanted: VideoFilter) -> Selection:
    conditions = {"duration_ms >= ?": wanted.shortest_ms, "duration_ms <= ?": wanted.longest_ms}
    asked = {condition: value for condition, value in conditions.items() if value is not None}
    sql = f"SELECT number FROM videos WHERE {' AND '.join(asked)}"
    return _marked(size, (n for (n,) in db.execute(sql, list(asked.values()))))


def _in_paths(db: sqlite3.Connection, paths: Iterable[str]) -> Iterable[int]:
    for path in paths:
        exact = folder_key(path)
        folder = exact.rstrip(b"/") + b"/"
        sql = "SELECT video FROM locations WHERE path = ? OR (path > ? AND path < ?)"
        # "0" follows "/": between the two lies everything below the folder
        yield from (n for (n,) in db.execute(sql, [exact, folder, folder[:-1] + b"0"]))
        if has_pattern(path):               # beside that: names may hold the signs of a pattern, such as [720p]
            pattern = re.compile(translate(path))
            for number, stored in db.execute("SELECT video, path FROM locations"):
                if pattern.match(os.fsdecode(stored)):
                    yield number


def _with_tag(db: sqlite3.Connection, tag: str) -> Iterable[int]:
    wanted = fold(tag)
    tags = [text for (text,) in db.execute("SELECT DISTINCT text FROM evidence WHERE kind = 'tag'") if fold(text) == wanted]
    return (n for (n,) in select_in(db, "SELECT video FROM evidence WHERE kind = 'tag' AND text IN {in}", tags))


def _in_days(db: sqlite3.Connection, since: date, until: date) -> Iterable[int]:
    rows: Iterable[tuple[int, Any, int]] = db.execute(
        "SELECT video, json_extract(details, '$.date'), modified_ns FROM locations"
    )
    for video, text, modified_ns in rows:
        day = day_of(None if text is None else str(text), modified_ns=modified_ns)
        if day is not None and since <= day <= until:
            yield video
