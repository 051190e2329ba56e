"""Segments of the word index: for up to a million rows of a kind, the rows of each token as one list in SQLite.

A posting is a row's place in its segment. A key `2 x` holds the rows in which x occurs more than once. Lists never
change: deleted rows are noted beside them, as dead places and as what each key has lost. What a search reads is kept in
memory: the arrays of a segment, 17 bytes a row, and the lists read last, 64 MB at most.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
import zlib
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import LibraryError
from retrieval.library.database import select_in
from retrieval.library.posting_lists import PostingList, decode, encode
from retrieval.library.posting_scores import Allowed, Term, best_places, together
from retrieval.library.remembering import once
from retrieval.records import EVIDENCE_KINDS, EvidenceKind
from retrieval.text import is_pair, ngrams

ROWS_OF_SEGMENT = 1 << 20
_DEAD_CHUNK = 65_536                # places a row of `word_dead`
K1, B = 1.2, 0.75                   # as in FTS5's own bm25
_SECOND = 0.375                     # what a second occurrence adds to a row of mean length
_SECOND_KEY = "2 {}"
_LONGER = 0.5
_MOST_SEGMENTS = 1024               # in memory
_MOST_LIST_BYTES = 64_000_000
_MOST_COUNTS = 200_000              # of keys of segments, in memory
_BYTES_BESIDE = 400                 # that a list in memory takes beside its numbers
_CHECKSUM_LENGTH = 8
LAST = "\U0010ffff"                 # after every character a token goes on with
_TABLES = (
    "CREATE TABLE IF NOT EXISTS word_parts (number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, "
    "name TEXT NOT NULL UNIQUE, first INTEGER NOT NULL, last INTEGER NOT NULL, places INTEGER NOT NULL, "
    "rows INTEGER NOT NULL, state TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS word_arrays (segment INTEGER PRIMARY KEY, ids BLOB NOT NULL, videos BLOB NOT NULL, "
    "lengths BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS word_lists (segment INTEGER NOT NULL, token TEXT NOT NULL, rows INTEGER NOT NULL, "
    "places BLOB NOT NULL, PRIMARY KEY (segment, token)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS word_dead (segment INTEGER NOT NULL, chunk INTEGER NOT NULL, bits BLOB NOT NULL, "
    "PRIMARY KEY (segment, chunk)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS word_gone (segment INTEGER NOT NULL, token TEXT NOT NULL, rows INTEGER NOT NULL, "
    "PRIMARY KEY (segment, token)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS word_merges (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, sources TEXT NOT NULL, "
    "last TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS word_dropped (segment INTEGER PRIMARY KEY)",
)
_OF_SEGMENT = ("word_arrays", "word_lists", "word_dead", "word_gone")
_EARLIER_TABLES = ("word_segments", "word_postings")


@dataclass(frozen=True, kw_only=True)
class Segment:
    """The arrays [n] of one segment: evidence ids by place, their videos' numbers, what BM25 makes of their lengths.

    dead: which places were deleted, None when none was; state: changes with them.
    """

    number: int
    name: str
    ids: NDArray[np.int64]
    videos: NDArray[np.uint32]
    norms: NDArray[np.float32]
    greatest_norm: float
    rows: int
    state: str
    dead: NDArray[np.bool_] | None


@dataclass(frozen=True, kw_only=True)
class Stored:
    """The arrays [n] of a segment as they are on the disk, by place."""

    ids: NDArray[np.int64]
    videos: NDArray[np.uint32]
    lengths: NDArray[np.uint8]


class _Lists:
    """The lists read last, by name of the segment and key; None for a key that the segment does not have."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, str], PostingList | None] = OrderedDict()
        self._bytes = 0

    def of(self, db: sqlite3.Connection, segment: Segment, keys: Collection[str]) -> dict[str, PostingList]:
        """The list of each of these keys that the segment has."""
        found: dict[str, PostingList | None] = {}
        with self._lock:
            for key in keys:
                place = (segment.name, key)
                if place in self._held:
                    self._held.move_to_end(place)
                    found[key] = self._held[place]
        missing = [key for key in keys if key not in found]
        if missing:
            read = dict(_read_lists(db, segment, missing))
            self._keep(segment.name, {key: read.get(key) for key in missing})
            found.update(read)
        return {key: listed for key, listed in found.items() if listed is not None}

    def clear(self) -> None:
        with self._lock:
            self._held.clear()
            self._bytes = 0

    def _keep(self, name: str, lists: Mapping[str, PostingList | None]) -> None:
        with self._lock:
            for key, listed in lists.items():
                if (name, key) not in self._held:
                    self._held[name, key] = listed
                    self._bytes += _size(listed)
            while self._bytes > _MOST_LIST_BYTES:
                self._bytes -= _size(self._held.popitem(last=False)[1])


class _Counts:
    """In how many rows of a segment a key stands, 0 for a key that it does not have: of the keys asked for last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[tuple[str, str], int] = {}

    def of(self, db: sqlite3.Connection, segment: Segment, keys: Collection[str]) -> dict[str, int]:
        """The count of each of these keys; the lists themselves are not read."""
        found = {key: self._held.get((segment.name, key)) for key in keys}
        missing = [key for key, count in found.items() if count is None]
        if missing:
            sql = "SELECT token, rows FROM word_lists WHERE segment = ? AND token IN {in}"
            read = dict.fromkeys(missing, 0) | dict(select_in(db, sql, missing, before=[segment.number]))
            with self._lock:
                if len(self._held) > _MOST_COUNTS:
                    self._held.clear()
                self._held.update(((segment.name, key), count) for key, count in read.items())
            found.update(read)
        return {key: count or 0 for key, count in found.items()}

    def clear(self) -> None:
        with self._lock:
            self._held.clear()


def _size(listed: PostingList | None) -> int:
    return _BYTES_BESIDE + (listed.size_bytes if listed is not None else 0)


_cache: dict[str, Segment] = {}     # by name, which no two segments anywhere share
_lists = _Lists()
_counts = _Counts()


def forget() -> None:
    """Drop what is kept in memory."""
    _cache.clear()
    _lists.clear()
    _counts.clear()


def create_tables(db: sqlite3.Connection) -> None:
    """Make the tables of the segments where there are none."""
    for statement in _TABLES:
        db.execute(statement)


def clear(db: sqlite3.Connection) -> None:
    """Drop every segment, and what an earlier form of the index left."""
    for table in _EARLIER_TABLES:
        db.execute(f"DROP TABLE IF EXISTS {table}")
    create_tables(db)
    for table in ("word_parts", "word_merges", "word_dropped", *_OF_SEGMENT):
        db.execute(f"DELETE FROM {table}")


def last_id(db: sqlite3.Connection, kind: EvidenceKind) -> int:
    """The last row of a kind that ever stood in a segment, 0 when none does; later rows stand in the FTS5 table."""
    if not exist(db):
        return 0
    return once(db, (last_id, kind), lambda: _last_id(db, kind))


def _last_id(db: sqlite3.Connection, kind: EvidenceKind) -> int:
    return int(db.execute("SELECT coalesce(max(last), 0) FROM word_parts WHERE kind = ?", [kind]).fetchone()[0])


def keys(tokens: Sequence[str]) -> set[str]:
    """What a row with these tokens is listed under."""
    distinct = set(tokens)
    if len(distinct) < len(tokens):
        distinct.update([_SECOND_KEY.format(token) for token, n in Counter(tokens).items() if n > 1])
    return distinct


def add_segment(db: sqlite3.Connection, kind: EvidenceKind, rows: Sequence[tuple[int, int, str]]) -> None:
    """Write rows (evidence id, video number, text), by id, as one segment."""
    create_tables(db)
    tokens = [ngrams(text) for _, _, text in rows]
    number = next_number(db)
    keys_of_rows = [keys(of_row) for of_row in tokens]
    places = np.repeat(np.arange(len(rows)), [len(of_row) for of_row in keys_of_rows])
    write_lists(db, number, list(chain.from_iterable(keys_of_rows)), places, of=len(rows))
    publish(
        db, kind, number=number, rows=len(rows),
        arrays=Stored(
            ids=np.array([row[0] for row in rows], "<i8"), videos=np.array([row[1] for row in rows], "<u4"),
            lengths=np.minimum([len(of_row) for of_row in tokens], 255).astype("u1"),
        ),
    )  # fmt: skip


def write_lists(
    db: sqlite3.Connection, number: int, keys_: Sequence[str], places: NDArray[np.int64], *, of: int
) -> None:
    """Write lists of a segment that has `of` places: the key that each place [n] is listed under, and the place.

    The places of a key are given in ascending order.
    """
    distinct = sorted(set(keys_))
    numbers = {key: place for place, key in enumerate(distinct)}
    listed = np.fromiter(map(numbers.__getitem__, keys_), np.int64, len(keys_))
    order = np.argsort(listed, kind="stable")
    counts = np.bincount(listed, minlength=len(distinct)).tolist()
    blobs = encode(listed[order], places[order], lists=len(distinct), of=of)
    # a plain cursor: every key came out of a text that SQLite has kept
    db.cursor().executemany(
        f"INSERT INTO word_lists VALUES ({number}, ?, ?, ?)", zip(distinct, counts, blobs, strict=True)
    )


def publish(db: sqlite3.Connection, kind: EvidenceKind, *, number: int, rows: int, arrays: Stored) -> None:
    """Make a segment whose lists are written one that is searched; `rows` of its places are in use."""
    stored = (arrays.ids.astype("<i8").tobytes(), arrays.videos.astype("<u4").tobytes(), arrays.lengths.tobytes())
    facts = (number, kind, int(arrays.ids[0]), int(arrays.ids[-1]), len(arrays.ids))
    salt = secrets.token_hex(16)
    db.execute(
        "INSERT INTO word_parts (number, kind, first, last, places, name, rows, state) VALUES (?, ?, ?, ?, ?, ?, ?, '')",
        [*facts, _checksum(facts, salt, stored) + salt, rows],
    )
    db.execute("INSERT INTO word_arrays VALUES (?, ?, ?, ?)", [number, *stored])


def sizes(db: sqlite3.Connection, kind: EvidenceKind) -> list[tuple[int, int, int]]:
    """Number, places and rows in use of every segment of a kind, by the evidence that they hold."""
    if not exist(db):
        return []
    return db.execute("SELECT number, places, rows FROM word_parts WHERE kind = ? ORDER BY first", [kind]).fetchall()


def stored(db: sqlite3.Connection, number: int) -> Stored:
    """The arrays of a segment. DatabaseError when they are malformed."""
    sql = (
        "SELECT number, kind, first, last, places, name, ids, videos, lengths FROM word_parts "
        "JOIN word_arrays ON segment = number WHERE number = ?"
    )
    row = db.execute(sql, [number]).fetchone()
    if row is None:
        raise sqlite3.DatabaseError(f"segment {number} of the word index is malformed")
    *facts, name, ids, videos, lengths = row
    if name[:_CHECKSUM_LENGTH] != _checksum(tuple(facts), name[_CHECKSUM_LENGTH:], (ids, videos, lengths)):
        raise sqlite3.DatabaseError(f"segment {number} of the word index is malformed")
    return Stored(ids=np.frombuffer(ids, "<i8"), videos=np.frombuffer(videos, "<u4"), lengths=np.frombuffer(lengths, np.uint8))


def dead_places(db: sqlite3.Connection, number: int, *, places: int) -> NDArray[np.bool_]:
    """Which of the places of a segment were deleted, [places]."""
    dead = np.zeros(-(-places // _DEAD_CHUNK) * _DEAD_CHUNK, np.bool_)
    for chunk, bits in db.execute("SELECT chunk, bits FROM word_dead WHERE segment = ?", [number]):
        if len(bits) != _DEAD_CHUNK // 8 or not 0 <= chunk < len(dead) // _DEAD_CHUNK:
            raise sqlite3.DatabaseError(f"the deleted rows of segment {number} of the word index are malformed")
        dead[chunk * _DEAD_CHUNK : (chunk + 1) * _DEAD_CHUNK] = np.unpackbits(np.frombuffer(bits, np.uint8))
    if dead[places:].any():
        raise sqlite3.DatabaseError(f"the deleted rows of segment {number} of the word index are malformed")
    return dead[:places]


def write_dead(db: sqlite3.Connection, number: int, dead: NDArray[np.bool_], *, chunks: Iterable[int] | None = None) -> None:
    """Note which places of a segment are deleted [places]: of these chunks, None = of all that have one."""
    padded = np.zeros(-(-len(dead) // _DEAD_CHUNK) * _DEAD_CHUNK, np.bool_)
    padded[: len(dead)] = dead
    parts = padded.reshape(-1, _DEAD_CHUNK)
    chosen = np.flatnonzero(parts.any(axis=1)).tolist() if chunks is None else sorted(chunks)
    db.executemany(
        "INSERT OR REPLACE INTO word_dead VALUES (?, ?, ?)",
        ((number, chunk, np.packbits(parts[chunk]).tobytes()) for chunk in chosen),
    )
    rows = len(dead) - int(dead.sum())
    salt = secrets.token_hex(8)
    state = _state(db, number, salt) + salt
    db.execute("UPDATE word_parts SET rows = ?, state = ? WHERE number = ?", [rows, state, number])


def drop(db: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Search segments no longer; `sweep` deletes their lists."""
    for number in numbers:
        db.execute("DELETE FROM word_parts WHERE number = ?", [number])
        db.execute("INSERT OR IGNORE INTO word_dropped VALUES (?)", [number])


def sweep(db: sqlite3.Connection, *, most: int) -> bool:
    """Delete at most so many lists of segments that were dropped; False when there are none."""
    row = db.execute("SELECT segment FROM word_dropped").fetchone() if exist(db) else None
    if row is None:
        return False
    last = db.execute("SELECT token FROM word_lists WHERE segment = ? LIMIT 1 OFFSET ?", [*row, most]).fetchone()
    if last is not None:
        db.execute("DELETE FROM word_lists WHERE segment = ? AND token < ?", [*row, *last])
        return True
    for table in _OF_SEGMENT:
        db.execute(f"DELETE FROM {table} WHERE segment = ?", row)
    db.execute("DELETE FROM word_dropped WHERE segment = ?", row)
    return True


def delete_rows(db: sqlite3.Connection, kind: EvidenceKind, rows: Iterable[tuple[int, str]]) -> None:
    """Take rows (evidence id, the text it was added with) out of their segments."""
    by_segment: dict[tuple[int, str], list[tuple[int, str]]] = defaultdict(list)
    for row, text in rows:
        where = db.execute(
            "SELECT number, name FROM word_parts WHERE kind = ? AND first <= ? AND last >= ?", [kind, row, row]
        ).fetchone()
        if where is not None:           # otherwise nothing was indexed
            by_segment[where].append((row, text))
    for (number, name), of_segment in by_segment.items():
        ids = _arrays(db, number, name).ids
        places = np.searchsorted(ids, [row for row, _ in of_segment])
        dead = dead_places(db, number, places=len(ids))
        dead[places] = True
        write_dead(db, number, dead, chunks=set((places // _DEAD_CHUNK).tolist()))
        lost = Counter(chain.from_iterable(keys(ngrams(text)) for _, text in of_segment))
        db.executemany(
            "INSERT INTO word_gone VALUES (?, ?, ?) ON CONFLICT (segment, token) DO UPDATE SET rows = rows + excluded.rows",
            ((number, key, n) for key, n in lost.items()),
        )


def counts(db: sqlite3.Connection, kind: EvidenceKind, tokens: Collection[str]) -> tuple[int, Counter[str]]:
    """Of all segments of a kind: how many rows they have, and how many of them hold each of these tokens."""
    found: Counter[str] = Counter()
    segments = _segments(db, kind)
    for segment in segments:
        found.update({token: rows for token, rows in _counts.of(db, segment, tokens).items() if rows})
        if segment.dead is not None:
            gone = "SELECT token, rows FROM word_gone WHERE segment = ? AND token IN {in}"
            for token, lost in select_in(db, gone, tokens, before=[segment.number]):
                found[token] -= lost
    return sum(segment.rows for segment in segments), found


def ranked(
    db: sqlite3.Connection,
    kind: EvidenceKind,
    weights: Mapping[str, float],
    *,
    limit: int,
    selected: NDArray[np.bool_] | None,
) -> list[tuple[int, float]]:
    """The best rows of the segments, best first: evidence ids and scores, BM25 summed over weighted tokens.

    Every row that holds a token is in question; a second occurrence counts, a third does not. A word of two or more
    letters or digits counts half where it begins a longer one. selected: by number of the video, which may be found.
    """
    best: list[tuple[int, float]] = []
    for segment in sorted(_segments(db, kind), key=lambda segment: -segment.rows):
        places, scores = best_places(
            _terms(db, segment, weights), segment.norms, greatest_norm=segment.greatest_norm, limit=limit,
            allowed=Allowed(segment.videos, dead=segment.dead, selected=selected),
            floor=best[-1][1] if len(best) == limit else 0.0,
        )  # fmt: skip
        best += zip(segment.ids[places].tolist(), scores.tolist(), strict=True)
        best = sorted(best, key=lambda hit: (-hit[1], hit[0]))[:limit]
    return best


def holding(db: sqlite3.Connection, kind: EvidenceKind, tokens: Collection[str]) -> Iterator[int]:
    """Evidence ids of the rows in segments that hold every one of these tokens, at least one, by segment and id."""
    for segment in _segments(db, kind):
        if not all(_counts.of(db, segment, tokens).values()):
            continue
        shortest, *others = sorted(_lists.of(db, segment, tokens).values(), key=lambda one: one.rows)
        places = Allowed(segment.videos, dead=segment.dead, selected=None).of(shortest.places)
        for one in others:
            places = places[one.holds(places)]
        yield from segment.ids[places].tolist()


def listed(db: sqlite3.Connection, kind: EvidenceKind) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Every key with the ids of the evidence in use that is listed under it, as they stand on the disk, by segment.

    DatabaseError for what no segment can hold.
    """
    for number, places, rows in sizes(db, kind):
        ids, dead = stored(db, number).ids, dead_places(db, number, places=places)
        gone = dict(db.execute("SELECT token, rows FROM word_gone WHERE segment = ?", [number]).fetchall())
        if rows != places - int(dead.sum()):
            raise sqlite3.DatabaseError(f"segment {number} of the word index counts its deleted rows wrongly")
        for key, of_key, blob in db.execute("SELECT token, rows, places FROM word_lists WHERE segment = ?", [number]):
            list_ = decode(blob, rows=of_key, of=places).places
            if len(list_) != of_key or (len(list_) > 1 and not (np.diff(list_.astype(np.int64)) > 0).all()):
                raise sqlite3.DatabaseError(f"the rows of {key!r} in segment {number} are malformed")
            alive = list_[~dead[list_]]
            if len(list_) - len(alive) != gone.pop(key, 0):
                raise sqlite3.DatabaseError(f"the deleted rows of {key!r} in segment {number} are counted wrongly")
            yield key, ids[alive]
        if gone:
            raise sqlite3.DatabaseError(f"segment {number} of the word index lost rows of words that it does not list")


def contradictions(db: sqlite3.Connection) -> Iterator[str]:
    """What cannot be in the tables of the segments, in words."""
    if not exist(db):
        return
    sql = (
        "SELECT number FROM word_parts s WHERE kind NOT IN {in} OR rows != "
        "(SELECT count(*) FROM evidence e WHERE e.kind = s.kind AND e.id BETWEEN s.first AND s.last)"
    )
    for (number,) in select_in(db, sql, EVIDENCE_KINDS):
        yield f"segment {number} of the word index counts its rows wrongly"
    for number, state in db.execute("SELECT number, state FROM word_parts").fetchall():
        if state[:_CHECKSUM_LENGTH] != _state(db, number, state[_CHECKSUM_LENGTH:]):
            yield f"what segment {number} of the word index knows of deleted rows is not as it was written"
    known = {number for table, name in (("word_parts", "number"), ("word_merges", "number"), ("word_dropped", "segment"))
             for (number,) in db.execute(f"SELECT {name} FROM {table}")}  # fmt: skip
    for table in _OF_SEGMENT:
        for (number,) in db.execute(f"SELECT DISTINCT segment FROM {table}").fetchall():
            if abs(number) not in known:
                yield f"the word index keeps rows of segment {number}, which does not exist, in {table}"


def exist(db: sqlite3.Connection) -> bool:
    """Whether there are tables of segments; LibraryError for those of an earlier form, which are not read."""
    return once(db, exist, lambda: _exist(db))


def _exist(db: sqlite3.Connection) -> bool:
    names = {
        name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE name IN ('word_parts', 'word_segments')")
    }
    if "word_segments" in names and db.execute("SELECT 1 FROM word_segments LIMIT 1").fetchone() is not None:
        raise LibraryError(
            "the word index of this library was made by an earlier Wenshi: `wenshi library rebuild` makes it again, "
            "and so does everything that opens the library for writing"
        )
    return "word_parts" in names


def next_number(db: sqlite3.Connection) -> int:
    """The number of the next segment; none is given twice, not even where the segment is not published yet."""
    given = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'word_parts'").fetchone()
    begun = db.execute("SELECT coalesce(max(number), 0) FROM word_merges").fetchone()
    return 1 + max(int(given[0]) if given else 0, int(begun[0]))


def key_after(db: sqlite3.Connection, number: int, *, after: str, keys_: int) -> str | None:
    """The key of a segment that so many keys after another one lie before; None where there are fewer."""
    sql = "SELECT token FROM word_lists WHERE segment = ? AND token > ? LIMIT 1 OFFSET ?"
    row = db.execute(sql, [number, after, keys_]).fetchone()
    return None if row is None else str(row[0])


def raw_lists(db: sqlite3.Connection, number: int, *, after: str, up_to: str) -> list[tuple[str, int, bytes]]:
    """Key, rows and stored list of the keys of a segment between two, the second one included, by key."""
    sql = "SELECT token, rows, places FROM word_lists WHERE segment = ? AND token > ? AND token <= ?"
    return db.execute(sql, [number, after, up_to]).fetchall()


def _terms(db: sqlite3.Connection, segment: Segment, weights: Mapping[str, float]) -> list[Term]:
    """Every list of a segment that counts for the query, with what it is worth."""
    worth = {**weights, **{_SECOND_KEY.format(token): _SECOND * weight for token, weight in weights.items()}}
    terms = [Term(worth[key], listed) for key, listed in _lists.of(db, segment, worth).items()]
    for token, weight in weights.items():
        if len(token) >= 2 and not is_pair(token):
            sql = "SELECT rows, places FROM word_lists WHERE segment = ? AND token > ? AND token < ?"
            longer = db.execute(sql, [segment.number, token, token + LAST])
            terms += together(
                [decode(blob, rows=rows, of=len(segment.ids)) for rows, blob in longer], _LONGER * weight
            )
    return terms


def _read_lists(db: sqlite3.Connection, segment: Segment, wanted: Collection[str]) -> Iterator[tuple[str, PostingList]]:
    sql = "SELECT token, rows, places FROM word_lists WHERE segment = ? AND token IN {in}"
    for key, rows, blob in select_in(db, sql, wanted, before=[segment.number]):
        yield key, decode(blob, rows=rows, of=len(segment.ids))


def _segments(db: sqlite3.Connection, kind: EvidenceKind) -> list[Segment]:
    return once(db, (_segments, kind), lambda: _segments_of(db, kind))


def _segments_of(db: sqlite3.Connection, kind: EvidenceKind) -> list[Segment]:
    if not exist(db):
        return []
    sql = "SELECT number, name, rows, state FROM word_parts WHERE kind = ? ORDER BY number"
    return [_segment(db, *row) for row in db.execute(sql, [kind]).fetchall()]


def _segment(db: sqlite3.Connection, number: int, name: str, rows: int, state: str) -> Segment:
    """A segment with what was deleted of it up to this snapshot."""
    segment = _arrays(db, number, name)
    if segment.state != state:
        dead = dead_places(db, number, places=len(segment.ids)) if state else None
        segment = _cache[name] = replace(segment, rows=rows, state=state, dead=dead)
    return segment


def _arrays(db: sqlite3.Connection, number: int, name: str) -> Segment:
    """A segment as it is in memory, with some earlier or later state of what was deleted."""
    segment = _cache.get(name)
    if segment is None:
        read = stored(db, number)
        norms = (K1 + 1) / (1 + K1 * (1 - B + B * read.lengths / max(float(read.lengths.mean()), 1.0)))
        segment = Segment(
            number=number, name=name, ids=read.ids, videos=read.videos, norms=norms.astype(np.float32),
            greatest_norm=float(norms.max()), rows=len(read.ids), state="", dead=None,
        )  # fmt: skip
        if len(_cache) >= _MOST_SEGMENTS:
            _cache.clear()
        _cache[name] = segment
    return segment


def _checksum(facts: tuple[object, ...], salt: str, arrays: Iterable[bytes]) -> str:
    return f"{zlib.crc32(b''.join(arrays), zlib.crc32(repr((facts, salt)).encode())):08x}"


def _state(db: sqlite3.Connection, number: int, salt: str) -> str:
    """The checksum of what was deleted of a segment; nothing when nothing was."""
    chunks = db.execute("SELECT chunk, bits FROM word_dead WHERE segment = ? ORDER BY chunk", [number]).fetchall()
    if not chunks and not salt:
        return ""
    return _checksum((number, *(chunk for chunk, _ in chunks)), salt, [bits for _, bits in chunks])
