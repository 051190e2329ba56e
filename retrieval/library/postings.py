"""Segments of the word index: for up to 65,536 rows of a kind, the rows of each token as one small blob in SQLite.

A posting is a row's place in its segment: 16-bit numbers, or a bitmap where that is shorter. A key `2 x` holds the
rows in which x occurs more than once. The arrays of a segment that never change are kept in memory, 16 bytes a row.
"""

from __future__ import annotations

import secrets
import sqlite3
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.library.database import select_in
from retrieval.records import EVIDENCE_KINDS, EvidenceKind
from retrieval.text import is_pair, ngrams

ROWS_OF_SEGMENT = 65_536
_BITMAP_BYTES = ROWS_OF_SEGMENT // 8
_K1, _B = 1.2, 0.75                 # as in FTS5's own bm25
_SECOND = 0.375                     # what a second occurrence adds to a row of mean length
_LONGER = 0.5
_SAMPLED = 61                       # each so many-th score is looked at first
_MOST_CACHED = 1024
_CHECKSUM_LENGTH = 8
_LAST = "\U0010ffff"                # after every character a token goes on with
_TABLES = (
    "CREATE TABLE IF NOT EXISTS word_segments (number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, "
    "name TEXT NOT NULL UNIQUE, first INTEGER NOT NULL, last INTEGER NOT NULL, rows INTEGER NOT NULL, "
    "ids BLOB NOT NULL, videos BLOB NOT NULL, lengths BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS word_postings (segment INTEGER NOT NULL, token TEXT NOT NULL, rows INTEGER NOT NULL, "
    "places BLOB NOT NULL, PRIMARY KEY (segment, token)) WITHOUT ROWID",
)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """The arrays [n] of one segment: evidence ids by place, their videos' numbers, what BM25 makes of their lengths."""

    number: int
    ids: NDArray[np.int64]
    videos: NDArray[np.uint32]
    norms: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A segment on the disk, by place; `rows` of the places are in use, the others were deleted."""

    ids: NDArray[np.int64]
    videos: NDArray[np.uint32]
    lengths: NDArray[np.uint8]
    rows: int


_cache: dict[str, Segment] = {}     # by name, which no two segments anywhere share


def _create_tables(db: sqlite3.Connection) -> None:
    """Make the tables of the segments where there are none."""
    for statement in _TABLES:
        db.execute(statement)


def clear(db: sqlite3.Connection) -> None:
    """Drop every segment."""
    _create_tables(db)
    db.execute("DELETE FROM word_postings")
    db.execute("DELETE FROM word_segments")


def last_id(db: sqlite3.Connection, kind: EvidenceKind) -> int:
    """The last row of a kind that ever stood in a segment, 0 when none does; later rows stand in the FTS5 table."""
    if not _exist(db):
        return 0
    return int(db.execute("SELECT coalesce(max(last), 0) FROM word_segments WHERE kind = ?", [kind]).fetchone()[0])


def keys(tokens: Sequence[str]) -> set[str]:
    """What a row with these tokens is listed under."""
    distinct = set(tokens)
    if len(distinct) < len(tokens):
        distinct.update([f"2 {token}" for token, n in Counter(tokens).items() if n > 1])
    return distinct


def add_segment(db: sqlite3.Connection, kind: EvidenceKind, rows: Sequence[tuple[int, int, str]]) -> None:
    """Write at most 65,536 rows (evidence id, video number, text), by id, as one segment."""
    _create_tables(db)
    places: dict[str, list[int]] = defaultdict(list)
    lengths = []
    for place, (_, _, text) in enumerate(rows):
        tokens = ngrams(text)
        lengths.append(len(tokens))
        for key in keys(tokens):
            places[key].append(place)
    write_segment(
        db, kind, ids=np.array([row[0] for row in rows], "<i8"), videos=np.array([row[1] for row in rows], "<u4"),
        lengths=np.minimum(lengths, 255).astype("u1"), rows=len(rows),
        lists={key: np.array(of_key, "<u2") for key, of_key in places.items()},
    )  # fmt: skip


def write_segment(
    db: sqlite3.Connection, kind: EvidenceKind, *, ids: NDArray[np.int64], videos: NDArray[np.uint32],
    lengths: NDArray[np.uint8], rows: int, lists: Mapping[str, NDArray[np.uint16]],
) -> None:
    """Write a segment: arrays by place, ids ascending; `rows` of the places are in use; the places of each key."""
    _create_tables(db)
    arrays = (ids.astype("<i8").tobytes(), videos.astype("<u4").tobytes(), lengths.astype("u1").tobytes())
    number = _next_number(db)
    facts = (number, kind, int(ids[0]), int(ids[-1]))
    salt = secrets.token_hex(16)
    db.execute(
        "INSERT INTO word_segments (number, kind, first, last, name, rows, ids, videos, lengths) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [*facts, _checksum(facts, salt, arrays) + salt, rows, *arrays],
    )
    db.executemany(
        "INSERT INTO word_postings VALUES (?, ?, ?, ?)",
        ((number, key, len(lists[key]), _pack(lists[key])) for key in sorted(lists)),
    )


def sizes(db: sqlite3.Connection, kind: EvidenceKind) -> list[tuple[int, int]]:
    """Number and places of every segment of a kind, by the evidence that they hold."""
    if not _exist(db):
        return []
    sql = "SELECT number, length(lengths) FROM word_segments WHERE kind = ? ORDER BY first"
    return db.execute(sql, [kind]).fetchall()


def stored(db: sqlite3.Connection, number: int) -> Stored:
    """A segment as it stands on the disk. DatabaseError when it is malformed."""
    sql = "SELECT number, kind, first, last, name, rows, ids, videos, lengths FROM word_segments WHERE number = ?"
    *facts, name, rows, ids, videos, lengths = db.execute(sql, [number]).fetchone()
    if name[:_CHECKSUM_LENGTH] != _checksum(tuple(facts), name[_CHECKSUM_LENGTH:], (ids, videos, lengths)):
        raise sqlite3.DatabaseError(f"segment {number} of the word index is malformed")
    return Stored(
        ids=np.frombuffer(ids, "<i8"), videos=np.frombuffer(videos, "<u4"), lengths=np.frombuffer(lengths, np.uint8), rows=rows
    )


def lists_of(db: sqlite3.Connection, number: int) -> Iterator[tuple[str, NDArray[np.uint16]]]:
    """Every key of a segment with its places."""
    for key, blob in db.execute("SELECT token, places FROM word_postings WHERE segment = ?", [number]):
        yield key, _places(blob)


def drop(db: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Delete segments."""
    for number in numbers:
        db.execute("DELETE FROM word_postings WHERE segment = ?", [number])
        db.execute("DELETE FROM word_segments WHERE number = ?", [number])


def delete_rows(db: sqlite3.Connection, kind: EvidenceKind, rows: Iterable[tuple[int, str]]) -> None:
    """Take rows (evidence id, the text it was added with) out of their segments."""
    for row, text in rows:
        where = db.execute(
            "SELECT number, name FROM word_segments WHERE kind = ? AND first <= ? AND last >= ?", [kind, row, row]
        ).fetchone()
        if where is None:               # nothing was indexed
            continue
        segment = _segment(db, *where)
        place = int(np.searchsorted(segment.ids, row))
        sql = "SELECT token, places FROM word_postings WHERE segment = ? AND token IN {in}"
        for key, blob in list(select_in(db, sql, keys(ngrams(text)), before=[segment.number])):
            left = _places(blob)
            left = left[left != place]
            if len(left):
                sql_update = "UPDATE word_postings SET rows = ?, places = ? WHERE segment = ? AND token = ?"
                db.execute(sql_update, [len(left), _pack(left), segment.number, key])
            else:
                db.execute("DELETE FROM word_postings WHERE segment = ? AND token = ?", [segment.number, key])
        db.execute("UPDATE word_segments SET rows = rows - 1 WHERE number = ?", [segment.number])


def counts(db: sqlite3.Connection, kind: EvidenceKind, tokens: Iterable[str]) -> tuple[int, Counter[str]]:
    """Of all segments of a kind: how many rows they have, and how many of them hold each of these tokens."""
    found: Counter[str] = Counter()
    if not _exist(db):
        return 0, found
    rows = db.execute("SELECT coalesce(sum(rows), 0) FROM word_segments WHERE kind = ?", [kind]).fetchone()[0]
    sql = (
        "SELECT p.token, p.rows FROM word_segments s CROSS JOIN word_postings p ON p.segment = s.number "
        "WHERE s.kind = ? AND p.token IN {in}"
    )
    for token, of_segment in select_in(db, sql, list(tokens), before=[kind]):
        found[token] += of_segment
    return rows, found


def ranked(
    db: sqlite3.Connection,
    kind: EvidenceKind,
    weights: Mapping[str, float],
    *,
    limit: int,
    selected: NDArray[np.bool_] | None,
) -> list[tuple[int, float]]:
    """The best rows of the segments, best first: evidence ids and scores, BM25 summed over weighted tokens.

    Every row that holds a token is scored; a second occurrence counts, a third does not. A word of two or more letters
    or digits counts half where it begins a longer one. selected: by number of the video, which may be found.
    """
    segments = _segments(db, kind)
    if not segments:
        return []
    scores = np.zeros((len(segments), ROWS_OF_SEGMENT), np.float32)
    slots = {segment.number: slot for slot, segment in enumerate(segments)}
    for number, weight, blob in _lists(db, kind, weights):
        _add(scores[slots[number]], blob, weight)
    for slot, segment in enumerate(segments):
        of_segment = scores[slot, : len(segment.ids)]
        of_segment *= segment.norms
        scores[slot, len(segment.ids) :] = 0.0
        if selected is not None:
            of_segment *= selected[np.minimum(segment.videos, len(selected) - 1)]
    best = _best(scores.reshape(-1), limit)
    ids = [int(segments[place // ROWS_OF_SEGMENT].ids[place % ROWS_OF_SEGMENT]) for place in best.tolist()]
    found = list(zip(ids, scores.reshape(-1)[best].tolist(), strict=True))
    return sorted(found, key=lambda hit: (-hit[1], hit[0]))[:limit]


def listed(db: sqlite3.Connection, kind: EvidenceKind) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Every key with the evidence ids listed under it, segment by segment, as they stand on the disk.

    DatabaseError for what no segment can hold.
    """
    if not _exist(db):
        return
    for (number,) in db.execute("SELECT number FROM word_segments WHERE kind = ?", [kind]).fetchall():
        segment = _loaded(db, number)
        for key, rows, blob in db.execute("SELECT token, rows, places FROM word_postings WHERE segment = ?", [number]):
            places = _places(blob)
            if len(places) != rows or (rows and int(places.max()) >= len(segment.ids)):
                raise sqlite3.DatabaseError(f"the rows of {key!r} in segment {number} are malformed")
            yield key, segment.ids[places]


def contradictions(db: sqlite3.Connection) -> Iterator[str]:
    """What cannot be in the tables of the segments, in words."""
    if not _exist(db):
        return
    sql = (
        "SELECT number FROM word_segments s WHERE kind NOT IN {in} OR rows != "
        "(SELECT count(*) FROM evidence e WHERE e.kind = s.kind AND e.id BETWEEN s.first AND s.last)"
    )
    for (number,) in select_in(db, sql, EVIDENCE_KINDS):
        yield f"segment {number} of the word index counts its rows wrongly"
    orphans = "SELECT DISTINCT segment FROM word_postings WHERE segment NOT IN (SELECT number FROM word_segments)"
    for (number,) in db.execute(orphans):
        yield f"the word index lists words of segment {number}, which does not exist"


def _lists(db: sqlite3.Connection, kind: EvidenceKind, weights: Mapping[str, float]) -> Iterator[tuple[int, float, bytes]]:
    """Segment, weight and places of every key that counts for the query."""
    worth = {**weights, **{f"2 {token}": _SECOND * weight for token, weight in weights.items()}}
    of_kind = (
        "SELECT s.number, p.token, p.places FROM word_segments s CROSS JOIN word_postings p ON p.segment = s.number "
        "WHERE s.kind = ? AND "
    )
    for number, key, blob in select_in(db, of_kind + "p.token IN {in}", worth, before=[kind]):
        yield number, worth[key], blob
    for token, weight in weights.items():
        if len(token) >= 2 and not is_pair(token):
            longer = db.execute(of_kind + "p.token > ? AND p.token < ?", [kind, token, token + _LAST])
            for number, _, blob in longer:
                yield number, _LONGER * weight, blob


def _add(scores: NDArray[np.float32], blob: bytes, weight: float) -> None:
    if len(blob) == _BITMAP_BYTES:
        scores += np.float32(weight) * np.unpackbits(np.frombuffer(blob, np.uint8))
    else:
        scores[np.frombuffer(blob, "<u2")] += np.float32(weight)


def _best(scores: NDArray[np.float32], limit: int) -> NDArray[np.intp]:
    """Places of the `limit` highest scores above zero, and of all that are equal to the last of them."""
    sample = scores[::_SAMPLED]
    rank = min(len(sample), 2 * limit // _SAMPLED + 16)
    floor = float(np.partition(sample, len(sample) - rank)[len(sample) - rank])
    found = np.flatnonzero(scores >= floor) if floor > 0 else np.flatnonzero(scores)
    if len(found) < limit:
        found = np.flatnonzero(scores)
    if len(found) > limit:
        values = scores[found]
        found = found[values >= np.partition(values, len(found) - limit)[len(found) - limit]]
    return found


def _pack(places: NDArray[np.uint16]) -> bytes:
    if 2 * len(places) < _BITMAP_BYTES:
        return places.tobytes()
    bits = np.zeros(ROWS_OF_SEGMENT, np.uint8)
    bits[places] = 1
    return np.packbits(bits).tobytes()


def _places(blob: bytes) -> NDArray[np.uint16]:
    if len(blob) == _BITMAP_BYTES:
        return np.flatnonzero(np.unpackbits(np.frombuffer(blob, np.uint8))).astype("<u2")
    return np.frombuffer(blob, "<u2")


def _exist(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'word_segments'").fetchone() is not None


def _segments(db: sqlite3.Connection, kind: EvidenceKind) -> list[Segment]:
    if not _exist(db):
        return []
    named = db.execute("SELECT number, name FROM word_segments WHERE kind = ? ORDER BY number", [kind]).fetchall()
    return [_segment(db, number, name) for number, name in named]


def _segment(db: sqlite3.Connection, number: int, name: str) -> Segment:
    segment = _cache.get(name)
    if segment is None:
        segment = _loaded(db, number)
        if len(_cache) >= _MOST_CACHED:
            _cache.clear()
        _cache[name] = segment
    return segment


def _loaded(db: sqlite3.Connection, number: int) -> Segment:
    segment = stored(db, number)
    norms = (_K1 + 1) / (1 + _K1 * (1 - _B + _B * segment.lengths / max(float(segment.lengths.mean()), 1.0)))
    return Segment(number=number, ids=segment.ids, videos=segment.videos, norms=norms.astype(np.float32))


def _checksum(facts: tuple[object, ...], salt: str, arrays: Iterable[bytes]) -> str:
    return f"{zlib.crc32(b''.join(arrays), zlib.crc32(repr((facts, salt)).encode())):08x}"


def _next_number(db: sqlite3.Connection) -> int:
    """The number of the next segment; none is given twice."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'word_segments'").fetchone()
    return 1 + (int(row[0]) if row else 0)
