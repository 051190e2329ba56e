"""The generations of vectors: which there are, and which one is searched."""

from __future__ import annotations

import sqlite3

from retrieval.errors import InputError
from retrieval.library.vector_kinds import CLIPS, VectorKind, kept_kinds
from retrieval.records import Generation


def generation_number(db: sqlite3.Connection, generation: Generation, *, kind: VectorKind = CLIPS) -> int:
    """The number of a generation, made when it is new; it becomes active when the active one holds no vector."""
    number = find_generation(db, generation, kind=kind)
    if number is None:
        columns = "encoder, revision, preprocessing, dimension, active"
        sql = f"INSERT INTO {kind.generations} ({columns}) VALUES (?, ?, ?, ?, 0)"
        number = int(db.execute(sql, _generation_key(generation)).lastrowid or 0)
    active = f"(SELECT number FROM {kind.generations} WHERE active = 1)"
    if not db.execute(f"SELECT 1 FROM {kind.vectors} WHERE generation = {active} LIMIT 1").fetchone():
        _make_active(db, number, kind)
    return number


def drop_unused(db: sqlite3.Connection) -> None:
    """Forget generations without a vector; of the others the fullest takes the place of an active one."""
    for kind in kept_kinds(db):
        empty = " AND ".join(
            f"NOT EXISTS (SELECT 1 FROM {table} WHERE generation = g.number)" for table in kind.keepers
        )
        db.execute(f"DELETE FROM {kind.generations} AS g WHERE {empty}")
        if not db.execute(f"SELECT 1 FROM {kind.generations} WHERE active = 1").fetchone():
            size = f"(SELECT count(*) FROM {kind.vectors} WHERE generation = g.number)"
            order = f"ORDER BY {size} DESC, number DESC LIMIT 1"
            fullest = db.execute(f"SELECT number FROM {kind.generations} g {order}").fetchone()
            if fullest:
                _make_active(db, fullest[0], kind)


def activate(db: sqlite3.Connection, generation: Generation) -> None:
    """Make an existing generation the one that is searched; InputError when the library has none like it."""
    for kind in kept_kinds(db):
        number = find_generation(db, generation, kind=kind)
        if number is not None:
            _make_active(db, number, kind)
            return
    name = f"{generation.encoder} ({generation.revision})"
    raise InputError(f"the library holds no vectors of {name}: add videos with it first")


def find_generation(db: sqlite3.Connection, generation: Generation, *, kind: VectorKind) -> int | None:
    """The number of a generation, None when the library has none like it."""
    sql = f"SELECT number FROM {kind.generations} WHERE (encoder, revision, preprocessing, dimension) = (?, ?, ?, ?)"
    row = db.execute(sql, _generation_key(generation)).fetchone()
    return int(row[0]) if row else None


def _generation_key(generation: Generation) -> list[str | int]:
    return [generation.encoder, generation.revision, generation.preprocessing, generation.dimension]


def _make_active(db: sqlite3.Connection, number: int, kind: VectorKind) -> None:
    db.execute(f"UPDATE {kind.generations} SET active = 0 WHERE active = 1")
    db.execute(f"UPDATE {kind.generations} SET active = 1 WHERE number = ?", [number])
