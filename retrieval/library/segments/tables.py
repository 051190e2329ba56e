"""Which segments there are, and which rows were deleted since: two tables and a trigger beside the library's own.

They are derived like the files they name, so every writer makes them when they are missing.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from dataclasses import asdict, dataclass
from typing import Any

from retrieval.library.digests import row_digest
from retrieval.library.segments.files import Layout

FORMAT = 1
_STATEMENTS = (
    "CREATE TABLE IF NOT EXISTS segments (generation INTEGER PRIMARY KEY, format INTEGER NOT NULL, "
    "name TEXT NOT NULL, facts TEXT NOT NULL, checksums BLOB NOT NULL, digest INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS segment_tombstones (id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "generation INTEGER NOT NULL, number INTEGER NOT NULL, digest INTEGER)",
    "CREATE TRIGGER IF NOT EXISTS segment_tombstones_digest AFTER INSERT ON segment_tombstones BEGIN UPDATE "
    "segment_tombstones SET digest = row_digest(NEW.id, NEW.generation, NEW.number) WHERE id = NEW.id; END",
    "CREATE TRIGGER IF NOT EXISTS clip_vectors_deleted AFTER DELETE ON clip_vectors BEGIN "
    "INSERT INTO segment_tombstones (generation, number) VALUES (OLD.generation, OLD.number); END",
)


@dataclass(frozen=True, kw_only=True)
class StoredSegment:
    """A segment as it is listed: the rows `first` to `last` of `clip_vectors` of one generation, and how to search it.

    `kind` is "exact" or "ivf"; `calibration` holds what was measured when it was built, {} for an exact one.
    """

    generation: int
    name: str
    kind: str
    dimension: int
    rows: int
    first: int
    last: int
    bytes: int
    layout: Layout
    calibration: dict[str, Any]


def make_tables(db: sqlite3.Connection) -> None:
    """Make what is missing of the tables and the triggers, inside the caller's transaction."""
    if not any(row[1] == "digest" for row in db.execute("PRAGMA table_info(segment_tombstones)")):
        for table in ("segments", "segment_tombstones"):        # of the first shape, without checksums
            db.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in _STATEMENTS:
        db.execute(statement)


def have_tables(db: sqlite3.Connection) -> bool:
    """Whether a writer that knows segments, and checksums of tombstones, has opened this library."""
    names = "('segments', 'segment_tombstones', 'clip_vectors_deleted', 'segment_tombstones_digest')"
    return bool(db.execute(f"SELECT count(*) = 4 FROM sqlite_master WHERE name IN {names}").fetchone()[0])


def listed(db: sqlite3.Connection) -> dict[int, StoredSegment | None]:
    """The segment of each generation that has one; None for a row that is damaged or of another format."""
    if not have_tables(db):
        return {}
    rows = db.execute("SELECT generation, format, name, facts, checksums, digest FROM segments")
    return {generation: _segment(generation, *rest) for generation, *rest in rows}


def segment_name(db: sqlite3.Connection, generation: int) -> str | None:
    """The file of a generation's segment, None while it has none."""
    row = db.execute("SELECT name FROM segments WHERE generation = ?", [generation]).fetchone()
    return str(row[0]) if row else None


def list_segment(db: sqlite3.Connection, segment: StoredSegment, *, tombstones_before: int) -> None:
    """Put a segment in the place of its generation's last; tombstones up to that number are folded into it."""
    facts = {key: value for key, value in asdict(segment).items() if key not in ("generation", "name", "layout")}
    facts["layout"] = {**asdict(segment.layout), "checksums": ""}
    text = json.dumps(facts, sort_keys=True)
    checksums = segment.layout.checksums
    digest = _digest(segment.generation, FORMAT, segment.name, text, checksums)
    db.execute("DELETE FROM segments WHERE generation = ?", [segment.generation])
    db.execute(
        "INSERT INTO segments (generation, format, name, facts, checksums, digest) VALUES (?, ?, ?, ?, ?, ?)",
        [segment.generation, FORMAT, segment.name, text, checksums, digest],
    )
    sql = "DELETE FROM segment_tombstones WHERE generation = ? AND id <= ? AND number <= ?"
    db.execute(sql, [segment.generation, tombstones_before, segment.last])


def forget_unused(db: sqlite3.Connection) -> None:
    """Drop what belongs to generations that are gone."""
    for table in ("segments", "segment_tombstones"):
        db.execute(f"DELETE FROM {table} WHERE generation NOT IN (SELECT number FROM generations)")


def damaged_tombstones(db: sqlite3.Connection) -> list[int]:
    """The ids of tombstones that are not as they were written."""
    rows = db.execute("SELECT id, generation, number, digest FROM segment_tombstones")
    return [number for number, *facts, digest in rows if row_digest(number, *facts) != digest]


def drop_damaged_tombstones(db: sqlite3.Connection) -> None:
    """Forget tombstones that are not as they were written; a segment built since knows what they said."""
    db.executemany("DELETE FROM segment_tombstones WHERE id = ?", [(number,) for number in damaged_tombstones(db)])


def last_tombstone(db: sqlite3.Connection) -> int:
    """The number of the newest tombstone that was ever written."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'segment_tombstones'").fetchone()
    return int(row[0]) if row else 0


def tombstones(db: sqlite3.Connection, generation: int, *, after: int) -> list[int]:
    """Numbers of the rows of a generation that were deleted after this tombstone."""
    sql = "SELECT number FROM segment_tombstones WHERE id > ? AND generation = ?"
    return [number for (number,) in db.execute(sql, [after, generation])]


def _segment(generation: int, form: int, name: str, text: str, checksums: bytes, digest: int) -> StoredSegment | None:
    if form != FORMAT or _digest(generation, form, name, text, checksums) != digest:
        return None
    facts = json.loads(text)
    layout = Layout(**{**facts.pop("layout"), "checksums": checksums})
    return StoredSegment(generation=generation, name=name, layout=layout, **facts)


def _digest(generation: int, form: int, name: str, text: str, checksums: bytes) -> int:
    try:
        return zlib.crc32(checksums, zlib.crc32(repr((generation, form, name, text)).encode()))
    except (TypeError, UnicodeError):       # a flipped byte can change the type of a cell
        return -1
