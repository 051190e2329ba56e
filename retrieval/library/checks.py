"""Looking for damage: everything that can be told from the library alone, without its videos."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from retrieval.errors import LibraryError
from retrieval.library import segments, word_checks
from retrieval.library.database import Database
from retrieval.library.digests import SEAL, damaged_rows, have_digests, sealed, tables
from retrieval.library.frames import FrameRecord, read_frames
from retrieval.library.rows import Problem
from retrieval.library.schema import SCHEMA_VERSION
from retrieval.library.vector_kinds import VectorKind, kept_kinds
from retrieval.library.vectors import STORED_UNIT_TOLERANCE, unpack

DURATION_SLACK_MS = 1000            # containers round their duration, the last frame lasts a little longer
_ADD_AGAIN = "remove this video and add it again"
_RESTORE = "run `wenshi library restore SNAPSHOT`, or add the videos to a new library"
_RESTORE_ROWS = "run `wenshi library restore SNAPSHOT --damaged`, or add the video again"


def check(database: Database) -> list[Problem]:
    """Every problem found in one snapshot; an empty list when there is none."""
    problems: list[Problem] = []
    with database.reading() as db:
        for part in (_check_database, _check_digests, _check_rows, word_checks.problems, _check_vectors):
            problems += _guarded(part, db)
        problems += _guarded(lambda db: _check_frames(db, database), db)
        problems += _guarded(lambda db: segments.problems(db, database.directory), db)
    return problems


def damaged_truth(database: Database) -> list[str]:
    """The stored rows that are not as they were written, each by its place in the library."""
    with database.reading() as db:
        return [row.name for table in tables(db) for row in damaged_rows(db, table)] if have_digests(db) else []


def _guarded(part: Callable[[sqlite3.Connection], Iterator[Problem]], db: sqlite3.Connection) -> list[Problem]:
    """The problems of one part; damage that stops it is one more."""
    problems: list[Problem] = []
    try:
        problems.extend(part(db))
    except (sqlite3.Error, LibraryError, TypeError, ValueError) as error:
        # a cell that was damaged can hold a value of any type
        problems.append(Problem(what=str(error), where="library.sqlite", how_to_mend=_RESTORE))
    return problems


def _check_database(db: sqlite3.Connection) -> Iterator[Problem]:
    for (line,) in db.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield Problem(what=line, where="library.sqlite", how_to_mend=_RESTORE)
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if have_digests(db) and version != SCHEMA_VERSION:
        what = f"the format is noted as {version} and is {SCHEMA_VERSION}"
        yield Problem(what=what, where="library.sqlite", how_to_mend=_RESTORE)
    for table, row, parent, _ in db.execute("PRAGMA foreign_key_check"):
        what = f"row {row} of {table} names a row of {parent} that does not exist"
        yield Problem(what=what, where="library.sqlite", how_to_mend=_RESTORE)


def _check_digests(db: sqlite3.Connection) -> Iterator[Problem]:
    """Whether every row is as it was written; a library of format 1 gets its checksums from its next writer."""
    if not have_digests(db):
        return
    for table in tables(db):
        for row in damaged_rows(db, table):
            yield Problem(what="the row is not as it was written", where=row.name, how_to_mend=_RESTORE_ROWS)
    stored = db.execute("SELECT value FROM settings WHERE key = ?", [SEAL]).fetchone()
    if stored is None or stored[0] != sealed(db):
        what = "the definitions of the tables or the last row numbers are not as they were written"
        yield Problem(what=what, where="library.sqlite", how_to_mend=_RESTORE)


def _check_rows(db: sqlite3.Connection) -> Iterator[Problem]:
    """Videos without a path, evidence of a path of another video, clips outside their video."""
    for (video_id,) in db.execute("SELECT id FROM videos WHERE number NOT IN (SELECT video FROM locations)"):
        yield Problem(what="the video has no path", where=f"video {video_id}", how_to_mend="remove this video")
    rows = db.execute(
        "SELECT e.id, v.id FROM evidence e JOIN locations l ON l.number = e.location "
        "JOIN videos v ON v.number = e.video WHERE l.video != e.video"
    )
    for number, video_id in rows:
        what = f"evidence {number} belongs to a path of another video"
        yield Problem(what=what, where=f"video {video_id}", how_to_mend=_ADD_AGAIN)
    rows = db.execute(
        "SELECT v.id, c.start_ms, c.end_ms, v.duration_ms FROM clips c JOIN videos v ON v.number = c.video "
        "WHERE c.start_ms < 0 OR c.end_ms < c.start_ms OR c.start_ms > v.duration_ms OR c.end_ms > v.duration_ms + ?",
        [DURATION_SLACK_MS],
    )
    for video_id, start, end, duration in rows:
        what = f"the clip {start}-{end} ms does not lie within the {duration} ms of its video"
        yield Problem(what=what, where=f"video {video_id}", how_to_mend=_ADD_AGAIN)
    for kind in kept_kinds(db):
        active = db.execute(f"SELECT count(*), coalesce(sum(active), 0) FROM {kind.generations}").fetchone()
        if active[0] and active[1] != 1:
            what = f"no generation of {kind.name} vectors is active"
            yield Problem(what=what, where="library.sqlite", how_to_mend=_RESTORE)


def _check_vectors(db: sqlite3.Connection) -> Iterator[Problem]:
    for kind in kept_kinds(db):
        yield from _check_vectors_of(db, kind)


def _check_vectors_of(db: sqlite3.Connection, kind: VectorKind) -> Iterator[Problem]:
    rows = db.execute(
        f"SELECT v.id, o.start_ms, g.dimension, x.vector FROM {kind.rows} "
        f"JOIN videos v ON v.number = o.video JOIN {kind.generations} g ON g.number = x.generation"
    )
    for video_id, start, dimension, blob in rows:
        try:
            good = _is_unit(unpack([blob], dimension=dimension))
        except LibraryError:
            good = False
        if not good:
            what = f"the vector of the {kind.name} at {start} ms is not {dimension} finite numbers of unit length"
            yield Problem(what=what, where=f"video {video_id}", how_to_mend=_ADD_AGAIN)


def _check_frames(db: sqlite3.Connection, database: Database) -> Iterator[Problem]:
    rows = db.execute(
        "SELECT v.id, c.id, c.frame_times_ms, g.dimension, f.file, f.offset, f.count, f.crc32 FROM frame_records f "
        "JOIN clips c ON c.id = f.clip JOIN videos v ON v.number = c.video "
        "JOIN generations g ON g.number = f.generation ORDER BY f.file, f.offset"
    )
    for video_id, clip, times, dimension, *place in rows:
        record = FrameRecord(**dict(zip(("file", "offset", "count", "crc32"), place, strict=True)))
        what = _wrong_frames(database.directory, record, dimension=dimension, frames=len(json.loads(times)))
        if what and _still_there(database, clip, record):
            yield Problem(what=what, where=f"video {video_id}", how_to_mend=_RESTORE_ROWS)


def _wrong_frames(directory: Path, record: FrameRecord, *, dimension: int, frames: int) -> str | None:
    try:
        vectors = read_frames(directory, [record], dimension=dimension)[0]
    except LibraryError as error:
        return str(error).split(": ")[0]
    if len(vectors) != frames or not _is_unit(vectors):
        place = f"{record.file} at offset {record.offset}"
        return f"the frame vectors in {place} are not {frames} finite rows of unit length"
    return None


def _still_there(database: Database, clip: int, record: FrameRecord) -> bool:
    """A writer that started meanwhile may have cut off the bytes of a video that was removed meanwhile."""
    with database.newest(), database.reading() as now:
        sql = "SELECT 1 FROM frame_records WHERE clip = ? AND file = ? AND offset = ? AND crc32 = ?"
        return now.execute(sql, [clip, record.file, record.offset, record.crc32]).fetchone() is not None


def _is_unit(vectors: np.ndarray) -> bool:
    lengths = np.linalg.norm(vectors, axis=-1)
    return bool(np.all(np.abs(lengths - 1.0) <= STORED_UNIT_TOLERANCE))
