"""Putting back from a snapshot only what is damaged: rows whose checksum is wrong, and frame vectors.

A row is taken from the snapshot when that proves to be the same row: its checksum there is right and is the one that
stands in the damaged row, or every other column is the same. So nothing that changed since the snapshot is undone.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval.disk import sync_file, sync_folder
from retrieval.errors import LibraryError
from retrieval.library.connections import DATABASE_NAME, connect_writer
from retrieval.library.database import database_errors, undo
from retrieval.library.digests import KEYS, SEAL, DamagedRow, covered_columns, damaged_rows, row_digest, tables
from retrieval.library.frames import FOLDER, FrameRecord, frame_header, read_frames
from retrieval.library.lock import WriterLock
from retrieval.library.opening import prepare
from retrieval.library.schema import bump_revision
from retrieval.library.snapshots import Snapshot, verify


@dataclass(frozen=True, kw_only=True)
class Mended:
    """What was put back, and what could not be, each by its place in the library."""

    rows: tuple[str, ...]
    frames: tuple[str, ...]
    left: tuple[str, ...]


def mend(snapshot: Snapshot, directory: Path) -> Mended:
    """Put back the damaged rows and frame vectors that the snapshot has, and name the others.

    LibraryError, and nothing is changed, when the snapshot is damaged or the database cannot be read at all.
    """
    verify(snapshot)
    directory = directory.expanduser().absolute()
    with database_errors(directory):
        lock = prepare(directory, write=True, create=False)
        try:
            return _mend(snapshot, directory)
        finally:
            if isinstance(lock, WriterLock):
                lock.release()


def _mend(snapshot: Snapshot, directory: Path) -> Mended:
    source = f"{(snapshot.directory / DATABASE_NAME).as_uri()}?mode=ro&immutable=1"
    with (
        closing(connect_writer(directory)) as db,
        closing(sqlite3.connect(source, uri=True, isolation_level=None)) as old,
    ):
        rows, left = _mend_rows(db, old)
        frames, lost = _mend_frames(db, old, directory, snapshot.directory)
    return Mended(rows=tuple(rows), frames=tuple(frames), left=(*left, *lost))


def _mend_rows(db: sqlite3.Connection, old: sqlite3.Connection) -> tuple[list[str], list[str]]:
    damaged = [row for table in tables(db) for row in damaged_rows(db, table)]
    found = [(row, _same_row(old, row)) for row in damaged]
    good = [(row, values) for row, values in found if values is not None]
    if good:
        db.execute("PRAGMA foreign_keys = OFF")     # a parent that is put back must not take its children along
        db.execute("BEGIN IMMEDIATE")
        try:
            db.execute("REINDEX")                   # the entry of a damaged value is under the value before
            for row, values in good:
                _put_back(db, row.table, values)
            bump_revision(db)
            db.execute("COMMIT")
        except BaseException:
            undo(db)
            raise
    return [row.name for row, _ in good], [row.name for row, values in found if values is None]


def _same_row(old: sqlite3.Connection, row: DamagedRow) -> dict[str, Any] | None:
    """The row of the snapshot that the damaged one was, None when that cannot be proved."""
    columns = covered_columns(old, row.table)
    where = " AND ".join(f"{key} = ?" for key in KEYS[row.table])
    try:
        key = [row.values[name] for name in KEYS[row.table]]
        found = old.execute(f"SELECT {', '.join(columns)}, digest FROM {row.table} WHERE {where}", key).fetchone()
    except (sqlite3.Error, UnicodeError):
        return None
    if found is None or row_digest(*found[:-1]) != found[-1]:
        return None
    values = dict(zip(columns, found, strict=False))
    same_digest = row.values["digest"] == found[-1]
    same_values = all(row.values[name] == value for name, value in values.items())
    return values if same_digest or same_values or row.values.get("key") == SEAL else None


def _put_back(db: sqlite3.Connection, table: str, values: dict[str, Any]) -> None:
    keys = KEYS[table]
    changed = [name for name in values if name not in keys]
    sql = (
        f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in changed)} "
        f"WHERE {' AND '.join(f'{key} = ?' for key in keys)}"
    )
    db.execute(sql, [*(values[name] for name in changed), *(values[key] for key in keys)])


_RECORDS = (
    "SELECT f.clip, f.generation, dimension, f.file, f.offset, f.count, f.crc32 FROM frame_records f "
    "JOIN generations ON number = f.generation"
)


def _mend_frames(
    db: sqlite3.Connection, old: sqlite3.Connection, directory: Path, source: Path
) -> tuple[list[str], list[str]]:
    mended, lost = [], []
    for clip, generation, dimension, *place in db.execute(f"{_RECORDS} ORDER BY f.file, f.offset").fetchall():
        record = _record(place)
        if _is_whole(directory, record, dimension):
            continue
        name = f"{FOLDER}/{record.file} at offset {record.offset}"
        where = " WHERE f.clip = ? AND f.generation = ? AND f.count = ? AND f.crc32 = ?"
        there = old.execute(_RECORDS + where, [clip, generation, record.count, record.crc32]).fetchone()
        if there is None or not _is_whole(source, _record(there[3:]), dimension):
            lost.append(name)
            continue
        _write_frames(directory, record, source, _record(there[3:]), dimension)
        mended.append(name)
    return mended, lost


def _record(place: Any) -> FrameRecord:
    file, offset, count, crc32 = place
    return FrameRecord(file=file, offset=offset, count=count, crc32=crc32)


def _is_whole(directory: Path, record: FrameRecord, dimension: int) -> bool:
    with suppress(LibraryError):
        read_frames(directory, [record], dimension=dimension)
        return True
    return False


def _write_frames(
    directory: Path, record: FrameRecord, source: Path, there: FrameRecord, dimension: int
) -> None:
    """Copy the bytes of one record, whose checksum is that of the damaged one, and the header of its file."""
    with (source / FOLDER / there.file).open("rb") as file:
        file.seek(there.offset)
        payload = file.read(record.count * dimension * 2)
    path = directory / FOLDER / record.file
    path.parent.mkdir(exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:
        file.write(frame_header(dimension))
        file.seek(record.offset)
        file.write(payload)
        sync_file(file)
    sync_folder(path.parent)
