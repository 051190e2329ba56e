"""Which segments there are, and which rows were deleted since: for each kind of vectors two tables and two triggers.

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
from retrieval.library.vector_kinds import VectorKind

FORMAT = 1
_STATEMENTS = (
    "CREATE TABLE IF NOT EXISTS {segments} (generation INTEGER PRIMARY KEY, format INTEGER NOT NULL, "
    "name TEXT NOT NULL, facts TEXT NOT NULL, checksums BLOB NOT NULL, digest INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS {tombstones} (id INTEGER PRIMARY KEY AUTOINCREMENT, "
    "generation INTEGER NOT NULL, number INTEGER NOT NULL, digest INTEGER)",
    "CREATE TRIGGER IF NOT EXISTS {tombstones}_digest AFTER INSERT ON {tombstones} BEGIN UPDATE "
    "{tombstones} SET digest = row_digest(NEW.id, NEW.generation, NEW.number) WHERE id = NEW.id; END",
    "CREATE TRIGGER IF NOT EXISTS {vectors}_deleted AFTER DELETE ON {vectors} BEGIN "
    "INSERT INTO {tombstones} (generation, number) VALUES (OLD.generation, OLD.number); END",
)


@dataclass(frozen=True, kw_only=True)
class StoredSegment:
    """A segment as it is listed: the rows `first` to `last` of one generation of vectors, and how to search it.

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


def make_tables(db: sqlite3.Connection, kind: VectorKind) -> None:
    """Make what is missing of the tables and the triggers, inside the caller's transaction."""
    if not any(row[1] == "digest" for row in db.execute(f"PRAGMA table_info({kind.tombstones})")):
        for table in (kind.segments, kind.tombstones):        # of the first shape, without checksums
            db.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in _STATEMENTS:
        db.execute(statement.format(segments=kind.segments, tombstones=kind.tombstones, vectors=kind.vectors))


def have_tables(db: sqlite3.Connection, kind: VectorKind) -> bool:
    """Whether a writer that knows segments, and checksums of tombstones, has opened this library."""
    names = (kind.segments, kind.tombstones, f"{kind.vectors}_deleted", f"{kind.tombstones}_digest")
    return bool(db.execute("SELECT count(*) = 4 FROM sqlite_master WHERE name IN (?, ?, ?, ?)", names).fetchone()[0])


def listed(db: sqlite3.Connection, kind: VectorKind) -> dict[int, StoredSegment | None]:
    """The segment of each generation that has one; None for a row that is damaged or of another format."""
    if not have_tables(db, kind):
        return {}
    rows = db.execute(f"SELECT generation, format, name, facts, checksums, digest FROM {kind.segments}")
    return {generation: _segment(generation, *rest) for generation, *rest in rows}


def segment_name(db: sqlite3.Connection, kind: VectorKind, generation: int) -> str | None:
    """The file of a generation's segment, None while it has none."""
    row = db.execute(f"SELECT name FROM {kind.segments} WHERE generation = ?", [generation]).fetchone()
    return str(row[0]) if row else None


def list_segment(db: sqlite3.Connection, kind: VectorKind, segment: StoredSegment, *, tombstones_before: int) -> None:
    """Put a segment in the place of its generation's last; tombstones up to that number are folded into it."""
    facts = {key: value for key, value in asdict(segment).items() if key not in ("generation", "name", "layout")}
    facts["layout"] = {**asdict(segment.layout), "checksums": ""}
    text = json.dumps(facts, sort_keys=True)
    checksums = segment.layout.checksums
    digest = _digest(segment.generation, FORMAT, segment.name, text, checksums)
    db.execute(f"DELETE FROM {kind.segments} WHERE generation = ?", [segment.generation])
    db.execute(
        f"INSERT INTO {kind.segments} (generation, format, name, facts, checksums, digest) VALUES (?, ?, ?, ?, ?, ?)",
        [segment.generation, FORMAT, segment.name, text, checksums, digest],
    )
    sql = f"DELETE FROM {kind.tombstones} WHERE generation = ? AND id <= ? AND number <= ?"
    db.execute(sql, [segment.generation, tombstones_before, segment.last])


def forget_unused(db: sqlite3.Connection, kind: VectorKind) -> None:
    """Drop what belongs to generations that are gone."""
    for table in (kind.segments, kind.tombstones):
        db.execute(f"DELETE FROM {table} WHERE generation NOT IN (SELECT number FROM {kind.generations})")


def damaged_tombstones(db: sqlite3.Connection, kind: VectorKind) -> list[int]:
    """The ids of tombstones that are not as they were written."""
    rows = db.execute(f"SELECT id, generation, number, digest FROM {kind.tombstones}")
    return [number for number, *facts, digest in rows if row_digest(number, *facts) != digest]


def drop_damaged_tombstones(db: sqlite3.Connection, kind: VectorKind) -> None:
    """Forget tombstones that are not as they were written; a segment built since knows what they said."""
    damaged = [(number,) for number in damaged_tombstones(db, kind)]
    db.executemany(f"DELETE FROM {kind.tombstones} WHERE id = ?", damaged)


def last_tombstone(db: sqlite3.Connection, kind: VectorKind) -> int:
    """The number of the newest tombstone that was ever written."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", [kind.tombstones]).fetchone()
    return int(row[0]) if row else 0


def tombstones(db: sqlite3.Connection, kind: VectorKind, generation: int, *, after: int) -> list[int]:
    """Numbers of the rows of a generation that were deleted after this tombstone."""
    sql = f"SELECT number FROM {kind.tombstones} WHERE id > ? AND generation = ?"
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
