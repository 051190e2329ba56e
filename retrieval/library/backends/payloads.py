"""What a store knows of a row beside its vector, so that it can filter by itself; all of it whole numbers.

Paths and tags are stored as hashes: any bytes can be asked for, and a store learns no name. A condition may let too much
through (two days of two paths, a day of another time zone, equal hashes), never too little: the library looks at each
answer again.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import astuple, dataclass
from datetime import date, timezone
from hashlib import sha256

import numpy as np

from retrieval.library.database import select_in
from retrieval.library.filters import Selection, VideoFilter, day_of, folder_key, has_pattern
from retrieval.text import fold

FEW_VIDEOS = 1024                   # so many are named by their numbers, which is exact however old the copy is
MOST_VIDEOS = 65_536                # and so many where nothing else says it
MOST_KEYS = 4096                    # of a list: what Milvus takes
_EVERYTHING = 0                     # in place of a list that is too long: matches whatever is asked


@dataclass(frozen=True, kw_only=True)
class Payload:
    """What can be asked of a row: its video's number, and of that the paths with all folders above, tags, length and days.

    Days are counted from the year 1, that of a file's change in UTC, wherever it is pushed from; a video without one has a
    first day that lies behind the last.
    """

    video: int
    places: tuple[int, ...]
    tags: tuple[int, ...]
    duration_ms: int
    first_day: int
    last_day: int

    def stamp(self, vector: bytes) -> int:
        """63 bits that differ where the vector as it is stored, or anything here, does."""
        return _hash(repr(astuple(self)).encode() + vector)


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What must hold of a payload, all of it: (field, values of which one must be there), (field, least), (field, most)."""

    any_of: tuple[tuple[str, tuple[int, ...]], ...] = ()
    least: tuple[tuple[str, int], ...] = ()
    most: tuple[tuple[str, int], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.any_of or self.least or self.most)


LISTS = ("places", "tags")
NUMBERS = ("video", "duration_ms", "first_day", "last_day")


def payloads_of(db: sqlite3.Connection, videos: Collection[int]) -> dict[int, Payload]:
    """The payload of each video with one of these numbers."""
    places: dict[int, set[int]] = defaultdict(set)
    days: dict[int, list[int]] = defaultdict(list)
    sql = "SELECT video, path, json_extract(details, '$.date'), modified_ns FROM locations WHERE video IN {in}"
    for video, path, text, modified_ns in select_in(db, sql, videos):
        places[video].update(_place(part) for part in _with_folders(path))
        day = day_of(None if text is None else str(text), modified_ns=modified_ns, zone=timezone.utc)
        if day is not None:
            days[video].append(day.toordinal())
    tags: dict[int, set[int]] = defaultdict(set)
    sql = "SELECT video, text FROM evidence INDEXED BY evidence_of_video WHERE kind = 'tag' AND video IN {in}"
    for video, text in select_in(db, sql, videos):
        tags[video].add(_tag(text))
    sql = "SELECT number, duration_ms FROM videos WHERE number IN {in}"
    return {
        video: Payload(
            video=video, places=_list(places[video]), tags=_list(tags[video]), duration_ms=duration_ms,
            first_day=min(days[video], default=date.max.toordinal() + 1), last_day=max(days[video], default=0),
        )
        for video, duration_ms in select_in(db, sql, videos)
    }  # fmt: skip


def condition_of(where: VideoFilter | None, selected: Selection | None) -> Condition:
    """What a store is asked to look at for a filter that selects these videos [videos.number] at present."""
    if where is None or selected is None:
        return Condition()
    count = int(np.count_nonzero(selected))
    has_patterns = any(map(has_pattern, where.paths))
    by_number = where.videos is not None or has_patterns
    if count <= FEW_VIDEOS or (by_number and count <= MOST_VIDEOS):
        return Condition(any_of=(("video", tuple(np.flatnonzero(selected).tolist())),))
    any_of: list[tuple[str, tuple[int, ...]]] = [("tags", (_tag(tag), _EVERYTHING)) for tag in where.tags]
    if where.paths and not has_patterns:
        any_of.append(("places", (*(_place(folder_key(path)) for path in where.paths), _EVERYTHING)))
    # where it is searched, a change may have the day before or after that in UTC
    least = (("duration_ms", where.shortest_ms), ("last_day", _day(where.since, beside=-1)))
    most = (("duration_ms", where.longest_ms), ("first_day", _day(where.until, beside=1)))
    return Condition(any_of=tuple(any_of), least=_said(least), most=_said(most))


def _said(bounds: Iterable[tuple[str, int | None]]) -> tuple[tuple[str, int], ...]:
    return tuple((field, bound) for field, bound in bounds if bound is not None)


def _day(day: date | None, *, beside: int) -> int | None:
    return None if day is None else day.toordinal() + beside


def _with_folders(path: bytes) -> Iterator[bytes]:
    """A path and every folder above it, as `folder_key` names them."""
    yield path
    for end, letter in enumerate(path):
        if letter == ord("/"):
            yield path[:end] or b"/"


def _list(keys: set[int]) -> tuple[int, ...]:
    return tuple(sorted(keys)) if len(keys) <= MOST_KEYS else (_EVERYTHING,)


def _place(path: bytes) -> int:
    return _hash(b"place\0" + path)


def _tag(text: str) -> int:
    return _hash(b"tag\0" + fold(text).encode("utf-8", "surrogatepass"))


def _hash(content: bytes) -> int:
    return int.from_bytes(sha256(content).digest()[:8], "big") >> 1
