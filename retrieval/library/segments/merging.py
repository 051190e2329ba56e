"""When segments are built: on request for every generation, and by a thread of the writer when many rows are fresh.

The same thread merges small segments of the word index.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from retrieval.errors import LibraryError
from retrieval.library import postings_merging
from retrieval.library.database import Database, closed_error, database_errors
from retrieval.library.rows import Problem
from retrieval.library.segments import tables
from retrieval.library.segments.building import Sizes, build, tidy
from retrieval.library.segments.files import FOLDER, SegmentDamage
from retrieval.library.segments.segment import Segment
from retrieval.library.segments.tables import StoredSegment
from retrieval.library.vector_kinds import VectorKind, kept_kinds

MOST_FRESH = 50_000
FRESH_SHARE = 0.1
_REBUILD = "run `wenshi library rebuild`"
_LOG = logging.getLogger(__name__)
_Job = tuple[VectorKind, int, int]      # kind, generation, dimension


class Merger:
    """Builds segments for one writer. A kill or a close at any moment loses nothing: the rows are in SQLite."""

    def __init__(self, database: Database, *, sizes: Sizes | None = None) -> None:
        self._database = database
        self._sizes = sizes or Sizes()
        self._building = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._unnoticed = MOST_FRESH            # so the first `added` looks
        tidy(database)

    def compact(self) -> list[StoredSegment]:
        """Build the segment of every generation that has fresh rows, deleted ones, or a damaged or missing file."""
        with self._building:
            built = [self._build(*job) for job in self._stale()]
        return [segment for segment in built if segment is not None]

    def rebuild(self) -> None:
        """Build the segment of every generation again, whatever is there of it."""
        with self._building:
            with self._database.reading() as db:
                jobs = list(_jobs(db))
            for job in jobs:
                self._build(*job)
            with self._database.writing() as db:
                for kind in kept_kinds(db):
                    tables.drop_damaged_tombstones(db, kind)

    def added(self, rows: int) -> None:
        """Rows were written: start a merge in the background when it is time for one."""
        self._unnoticed += rows
        if self._unnoticed < MOST_FRESH // 10 or (self._thread is not None and self._thread.is_alive()):
            return
        self._unnoticed = 0
        with self._database.reading() as db:
            due = bool(list(_due(db, self._database.directory))) or postings_merging.due(db)
        if due:
            self._thread = threading.Thread(target=self._merge, name="segments", daemon=True)
            self._thread.start()

    def settle(self) -> None:
        """Wait for a merge that is under way in the background."""
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """Abandon a merge that is under way, between two of its steps; what it wrote is deleted."""
        self._closing.set()
        self.settle()

    def _merge(self) -> None:
        try:
            with self._building:
                with self._database.reading() as db:
                    due = list(_due(db, self._database.directory))
                for job in due:
                    self._build(*job)
                while postings_merging.merge_step(self._database):
                    self._go_on()
        except LibraryError as error:       # the disk is full, say: search goes on with the fresh rows
            if not self._closing.is_set():
                _LOG.warning("the index of the vectors could not be made again: %s", error)

    def _build(self, kind: VectorKind, generation: int, dimension: int) -> StoredSegment | None:
        with database_errors(self._database.directory):
            return build(self._database, kind, generation, dimension, self._sizes, go_on=self._go_on)

    def _go_on(self) -> None:
        """Called between the steps of a merge, none of which takes long: LibraryError once the library is closed."""
        if self._closing.is_set():
            raise closed_error(self._database.directory)

    def _stale(self) -> list[_Job]:
        with self._database.reading() as db:
            listed = {kind: tables.listed(db, kind) for kind in kept_kinds(db)}
            return [
                (kind, number, dimension) for kind, number, dimension in _jobs(db)
                if any(_pending(db, kind, number, listed[kind].get(number)))
                or _damage(self._database.directory, listed[kind].get(number)) is not None
            ]  # fmt: skip


def stored_segments(db: sqlite3.Connection, kind: VectorKind) -> list[StoredSegment]:
    """The segments that are listed and can be understood, by generation."""
    return [segment for _, segment in sorted(tables.listed(db, kind).items()) if segment is not None]


def problems(db: sqlite3.Connection, directory: Path) -> Iterator[Problem]:
    """Damage in the listed segments: every byte of each file is read, and its rows are compared with those stored."""
    for kind in kept_kinds(db):
        yield from _problems(db, directory, kind)


def _problems(db: sqlite3.Connection, directory: Path, kind: VectorKind) -> Iterator[Problem]:
    for generation, stored in tables.listed(db, kind).items():
        if stored is None:
            what = f"the row of the index of generation {generation} is damaged or of another version of Wenshi"
            yield Problem(what=what, where=f"table {kind.segments}", how_to_mend=_REBUILD)
        elif (damage := _damage(directory, stored)) is not None:
            yield Problem(what=f"the file {damage.what}", where=f"{FOLDER}/{stored.name}", how_to_mend=_REBUILD)
        elif not _has_the_rows(db, kind, Segment(directory, stored)):
            what = "the rows that it holds are not those of the library"
            yield Problem(what=what, where=f"{FOLDER}/{stored.name}", how_to_mend=_REBUILD)
    if tables.have_tables(db, kind):
        for number in tables.damaged_tombstones(db, kind):
            what = f"the note {number} of a deleted row is not as it was written"
            yield Problem(what=what, where=f"table {kind.tombstones}", how_to_mend=_REBUILD)


def _has_the_rows(db: sqlite3.Connection, kind: VectorKind, segment: Segment) -> bool:
    """Whether a segment holds every row up to its last, and others only that a tombstone names."""
    stored = segment.stored
    sql = f"SELECT number FROM {kind.vectors} WHERE generation = ? AND number <= ?"
    alive = np.fromiter((n for (n,) in db.execute(sql, [stored.generation, stored.last])), np.int64)
    deleted = np.setdiff1d(segment.numbers, alive)
    dead = np.array(tables.tombstones(db, kind, stored.generation, after=0), np.int64)
    return bool(
        np.isin(alive, segment.numbers).all() and np.isin(deleted, dead).all() and not np.isin(alive, dead).any()
    )


def _damage(directory: Path, stored: StoredSegment | None, *, codes: bool = True) -> SegmentDamage | None:
    """What is wrong with a file; codes: also in the blocks of codes, which are most of it and verified when they are read."""
    if stored is None:
        return None
    try:
        segment = Segment(directory, stored)
        if codes:
            segment.verify()
    except SegmentDamage as damage:
        return damage
    return None


def _jobs(db: sqlite3.Connection) -> Iterator[_Job]:
    """Every generation of every kind, those that are searched first."""
    for kind in kept_kinds(db):
        rows = db.execute(f"SELECT number, dimension FROM {kind.generations} ORDER BY active DESC").fetchall()
        for number, dimension in rows:
            yield kind, number, dimension


def _due(db: sqlite3.Connection, directory: Path) -> Iterator[_Job]:
    """What is worth a merge: many fresh or deleted rows, or a file that is gone or cannot be opened."""
    listed = {kind: tables.listed(db, kind) for kind in kept_kinds(db)}
    for kind, number, dimension in _jobs(db):
        segment = listed[kind].get(number)
        rows = segment.rows if segment else 0
        many = sum(_pending(db, kind, number, segment)) > max(MOST_FRESH, FRESH_SHARE * rows)
        if many or _damage(directory, segment, codes=False) is not None:
            yield kind, number, dimension


def _pending(db: sqlite3.Connection, kind: VectorKind, generation: int, segment: StoredSegment | None) -> tuple[int, int]:
    """How many rows came after the segment, and how many of it were deleted since."""
    last = segment.last if segment else 0
    fresh = f"SELECT count(*) FROM {kind.vectors} WHERE generation = ? AND number > ?"
    dead = f"SELECT count(*) FROM {kind.tombstones} WHERE generation = ? AND number <= ?"
    return tuple(int(db.execute(sql, [generation, last]).fetchone()[0]) for sql in (fresh, dead))  # type: ignore[return-value]
