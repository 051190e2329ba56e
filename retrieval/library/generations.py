"""The generations of vectors: which there are, and which one is searched."""

from __future__ import annotations

import sqlite3

from retrieval.errors import InputError
from retrieval.records import Generation


def generation_number(db: sqlite3.Connection, generation: Generation) -> int:
    """The number of a generation, made when it is new; it becomes active when the active one holds no vector."""
    number = _find_generation(db, generation)
    if number is None:
        sql = "INSERT INTO generations (encoder, revision, preprocessing, dimension, active) VALUES (?, ?, ?, ?, 0)"
        number = int(db.execute(sql, _generation_key(generation)).lastrowid or 0)
    sql = "SELECT 1 FROM clip_vectors WHERE generation = (SELECT number FROM generations WHERE active = 1) LIMIT 1"
    if not db.execute(sql).fetchone():
        _make_active(db, number)
    return number


def drop_unused(db: sqlite3.Connection) -> None:
    """Forget generations without a vector; of the others the fullest takes the place of an active one."""
    db.execute(
        "DELETE FROM generations AS g WHERE NOT EXISTS (SELECT 1 FROM clip_vectors WHERE generation = g.number) "
        "AND NOT EXISTS (SELECT 1 FROM frame_records WHERE generation = g.number)"
    )
    if not db.execute("SELECT 1 FROM generations WHERE active = 1").fetchone():
        size = "(SELECT count(*) FROM clip_vectors WHERE generation = g.number)"
        fullest = db.execute(f"SELECT number FROM generations g ORDER BY {size} DESC, number DESC LIMIT 1").fetchone()
        if fullest:
            _make_active(db, fullest[0])


def activate(db: sqlite3.Connection, generation: Generation) -> None:
    """Make an existing generation the one that is searched; InputError when the library has none like it."""
    number = _find_generation(db, generation)
    if number is None:
        name = f"{generation.encoder} ({generation.revision})"
        raise InputError(f"the library holds no vectors of {name}: add videos with it first")
    _make_active(db, number)


def _find_generation(db: sqlite3.Connection, generation: Generation) -> int | None:
    sql = "SELECT number FROM generations WHERE (encoder, revision, preprocessing, dimension) = (?, ?, ?, ?)"
    row = db.execute(sql, _generation_key(generation)).fetchone()
    return int(row[0]) if row else None


def _generation_key(generation: Generation) -> list[str | int]:
    return [generation.encoder, generation.revision, generation.preprocessing, generation.dimension]


def _make_active(db: sqlite3.Connection, number: int) -> None:
    db.execute("UPDATE generations SET active = 0 WHERE active = 1")
    db.execute("UPDATE generations SET active = 1 WHERE number = ?", [number])
