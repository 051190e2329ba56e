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
from retrieval.records import EvidenceKind
from retrieval.text import is_pair, ngrams

ROWS_OF_SEGMENT = 65_536
_BITMAP_BYTES = ROWS_OF_SEGMENT // 8
_K1, _B = 1.2, 0.75                 # as in FTS5's own bm25
_SECOND = 0.375                     # what a second occurrence adds to a row of mean length
_LONGER = 0.5
_SAMPLED = 61                       # each so many-th score is looked at first
_MOST_CACHED = 1024
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
    arrays = (
        np.array([row[0] for row in rows], "<i8").tobytes(),
        np.array([row[1] for row in rows], "<u4").tobytes(),
        np.minimum(lengths, 255).astype("u1").tobytes(),
    )
    number = db.execute(
        "INSERT INTO word_segments (kind, name, first, last, rows, ids, videos, lengths) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [kind, _checksum(arrays) + secrets.token_hex(16), rows[0][0], rows[-1][0], len(rows), *arrays],
    ).lastrowid
    db.executemany(
        "INSERT INTO word_postings VALUES (?, ?, ?, ?)",
        ((number, key, len(places[key]), _pack(np.array(places[key], "<u2"))) for key in sorted(places)),
    )


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
    for number, name in db.execute("SELECT number, name FROM word_segments WHERE kind = ?", [kind]).fetchall():
        segment = _loaded(db, number, name)
        for key, rows, blob in db.execute("SELECT token, rows, places FROM word_postings WHERE segment = ?", [number]):
            places = _places(blob)
            if len(places) != rows or (rows and int(places.max()) >= len(segment.ids)):
                raise sqlite3.DatabaseError(f"the rows of {key!r} in segment {number} are malformed")
            yield key, segment.ids[places]


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
        segment = _loaded(db, number, name)
        if len(_cache) >= _MOST_CACHED:
            _cache.clear()
        _cache[name] = segment
    return segment


def _loaded(db: sqlite3.Connection, number: int, name: str) -> Segment:
    arrays = db.execute("SELECT ids, videos, lengths FROM word_segments WHERE number = ?", [number]).fetchone()
    if not name.startswith(_checksum(arrays)):
        raise sqlite3.DatabaseError(f"segment {number} of the word index is malformed")
    lengths = np.frombuffer(arrays[2], np.uint8)
    norms = (_K1 + 1) / (1 + _K1 * (1 - _B + _B * lengths / max(float(lengths.mean()), 1.0)))
    return Segment(
        number=number,
        ids=np.frombuffer(arrays[0], "<i8"),
        videos=np.frombuffer(arrays[1], "<u4"),
        norms=norms.astype(np.float32),
    )


def _checksum(arrays: Iterable[bytes]) -> str:
    return f"{zlib.crc32(b''.join(arrays)):08x}"
