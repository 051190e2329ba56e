"""Checksums over the stored rows: SQLite has none, and a flipped byte inside a cell is a valid other value to it.

Every table of the truth has a column `digest` that triggers keep: 64 bits over all other columns of the row. One row of
`settings` repeats what stands outside of those tables: the definitions of them, and the last row numbers given.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

KEYS: Mapping[str, tuple[str, ...]] = {
    "settings": ("key",),
    "videos": ("number",),
    "examined": ("video", "channel"),
    "locations": ("number",),
    "evidence": ("id",),
    "clips": ("id",),
    "generations": ("number",),
    "clip_vectors": ("number",),
    "frame_records": ("clip", "generation"),
    "failures": ("path",),
    "text_generations": ("number",),
    "text_vectors": ("number",),
}
WITHOUT_ROWID = ("settings", "examined", "frame_records", "failures")
SEAL = "seal"
_FUNCTION = "row_digest"


@dataclass(frozen=True, kw_only=True)
class DamagedRow:
    """A row whose checksum is not that of its columns; `values` holds all columns by name as they are now."""

    table: str
    values: dict[str, Any]

    @property
    def name(self) -> str:
        """The table and the key of the row, for people."""
        return f"{self.table} " + ", ".join(str(self.values[key]) for key in KEYS[self.table])


def row_digest(*values: Any) -> int:
    """64 bits, signed, of the values of a row with their types; `repr` tells 1 from 1.0 and text from bytes."""
    text = repr(values).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little", signed=True)


def add_function(db: sqlite3.Connection) -> None:
    """Give a connection that writes the function that the triggers call."""
    db.create_function(_FUNCTION, -1, row_digest, deterministic=True)


def tables(db: sqlite3.Connection) -> list[str]:
    """The tables of the truth that this library has: those of the vectors of texts are made with the first of them."""
    there = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return [table for table in KEYS if table in there]


def add_digests(db: sqlite3.Connection, names: Iterable[str]) -> None:
    """Give each of these tables its column and its triggers, and every row that is there its checksum."""
    for table in names:
        keys = KEYS[table]
        columns = covered_columns(db, table)
        db.execute(f"ALTER TABLE {table} ADD COLUMN digest INTEGER")
        value = f"{_FUNCTION}({', '.join(columns)})"
        same_row = " AND ".join(f"{key} = NEW.{key}" for key in keys)
        db.execute(f"UPDATE {table} SET digest = {value}")
        for when in ("INSERT", f"UPDATE OF {', '.join(columns)}"):
            name = f"{table}_{when.split()[0].lower()}_digest"
            db.execute(
                f"CREATE TRIGGER {name} AFTER {when} ON {table} BEGIN "
                f"UPDATE {table} SET digest = {value} WHERE {same_row}; END"
            )


def have_digests(db: sqlite3.Connection) -> bool:
    """Whether the rows of this library carry checksums."""
    return any(row[1] == "digest" for row in db.execute("PRAGMA table_info(videos)"))


def covered_columns(db: sqlite3.Connection, table: str) -> list[str]:
    """The columns of a table that its checksum covers, in their order."""
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[1] != "digest"]


def seal(db: sqlite3.Connection) -> None:
    """Note what `sealed` reads, at the end of every transaction."""
    db.execute("INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", [SEAL, sealed(db)])


def sealed(db: sqlite3.Connection) -> str:
    """The definitions of all tables, indexes and triggers, and the last row numbers given, in short."""
    numbers = db.execute("SELECT name, seq FROM sqlite_sequence ORDER BY name")
    given = " ".join(f"{name}={seq!r}" for name, seq in numbers if seq != 0)
    definitions = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
    return f"{row_digest(*definitions.fetchall())} {given}"


def damaged_rows(db: sqlite3.Connection, table: str) -> Iterator[DamagedRow]:
    """The rows of a table whose checksum is wrong, read so that bytes which are no UTF-8 do not stop it."""
    columns = covered_columns(db, table)
    usual, db.text_factory = db.text_factory, _any_text
    try:
        for *values, digest in db.execute(f"SELECT {', '.join(columns)}, digest FROM {table} NOT INDEXED"):
            if row_digest(*values) != digest:
                yield DamagedRow(table=table, values={**dict(zip(columns, values, strict=True)), "digest": digest})
    finally:
        db.text_factory = usual


def _any_text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
