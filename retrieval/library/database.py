"""The connections to `library.sqlite`: one that writes, and a pool that reads, each read from one snapshot.

Reading is safe from any number of threads: every call borrows a connection of its own. Writing calls take turns.
"""

from __future__ import annotations

import errno
import os
import queue
import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from retrieval.errors import LibraryError
from retrieval.library.schema import bump_revision

DATABASE_NAME = "library.sqlite"
BUSY_SECONDS = 30.0
_WAL_LIMIT_BYTES = 64 * 2**20       # a long transaction may grow the log; it is cut back to this afterwards
_CHUNK = 500                        # parameters a statement: SQLite allowed 999 for a long time


class Database:
    """Connections to one library; `writing` is refused unless it was opened for it."""

    def __init__(self, directory: Path, *, write: bool) -> None:
        self.directory = directory
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._turn = threading.RLock()
        self._closed = False
        with database_errors(directory):
            self._writer = connect_writer(directory) if write else None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one consistent state until the block ends."""
        if self._closed:
            raise _closed_error(self.directory)
        with database_errors(self.directory):
            db = self._borrow()
            try:
                db.execute("BEGIN")
                yield db
            finally:
                self._give_back(db)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed and durable when the block ends, undone when it raises.

        The revision counts up with it. A block that finds nothing to change can raise `Unchanged`.
        """
        if self._writer is None:
            raise LibraryError(
                f"the library {self.directory} is closed or open for reading only: open it with write=True to change it"
            )
        with self._turn, database_errors(self.directory), suppress(Unchanged):
            db = self._writer
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                bump_revision(db)
                db.execute("COMMIT")
            except BaseException:
                undo(db)
                raise

    def close(self) -> None:
        """Close every connection that is not in use; those in use are closed as they come back."""
        self._closed = True
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()
        with self._turn:
            # last, so that it is the one that folds the log into the database
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.close()

    def _borrow(self) -> sqlite3.Connection:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return connect_reader(self.directory)

    def _give_back(self, db: sqlite3.Connection) -> None:
        undo(db)
        if self._closed:
            db.close()
        else:
            self._idle.put(db)


class Unchanged(Exception):
    """Raised inside `writing` to end the transaction without counting a change; no error leaves the block."""


def connect_writer(directory: Path) -> sqlite3.Connection:
    """A connection whose commits survive a power cut: write-ahead log, synced at every commit."""
    db = _connect((directory / DATABASE_NAME).as_uri() + "?mode=rwc")
    try:
        mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise LibraryError(f"{directory} is on a file system that cannot share memory: keep the library elsewhere")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = ON")
        db.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
    except BaseException:
        db.close()
        raise
    return db


def connect_reader(directory: Path) -> sqlite3.Connection:
    """A connection that cannot change the library; also works from a disk that is mounted read-only."""
    how = "immutable=1" if _never_changes(directory) else "mode=ro"
    return _connect(f"{(directory / DATABASE_NAME).as_uri()}?{how}")


def _connect(uri: str) -> sqlite3.Connection:
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA foreign_keys = ON")
    return db


def _never_changes(directory: Path) -> bool:
    """Read-only disk without a log: the log must be read where there is one, and that needs shared memory."""
    log = directory / f"{DATABASE_NAME}-wal"
    read_only = hasattr(os, "statvfs") and bool(os.statvfs(directory).f_flag & os.ST_RDONLY)
    return read_only and not (log.exists() and log.stat().st_size)


def undo(db: sqlite3.Connection) -> None:
    """Roll back what is open; after some errors SQLite has already done so itself."""
    if db.in_transaction:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")


def select_in(
    db: sqlite3.Connection, sql: str, values: Collection[Any], *, before: Sequence[Any] = ()
) -> Iterator[Any]:
    """Rows of a query whose `{in}` stands for any number of values, asked in few statements."""
    values = list(values)
    for start in range(0, len(values), _CHUNK):
        part = values[start : start + _CHUNK]
        yield from db.execute(sql.replace("{in}", f"({', '.join('?' * len(part))})"), [*before, *part])


@contextmanager
def database_errors(directory: Path) -> Iterator[None]:
    """Turn what SQLite and the disk report into LibraryError, one sentence each."""
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
        if isinstance(error, sqlite3.ProgrammingError | sqlite3.InterfaceError | sqlite3.IntegrityError):
            raise
        raise LibraryError(_sentence(directory, str(error))) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise LibraryError(_full(directory)) from error
        raise LibraryError(_unusable(directory, error.strerror or str(error))) from error


def _sentence(directory: Path, reason: str) -> str:
    lowered = reason.lower()
    if "disk is full" in lowered:
        return _full(directory)
    if "readonly" in lowered or "read-only" in lowered:
        return f"the library {directory} is read-only ({reason}): nothing was changed; make its directory writable"
    if "not a database" in lowered or "malformed" in lowered or "no such table" in lowered:
        return f"the library {directory} is damaged ({reason}): run `wenshi library check`, or restore a copy of it"
    if "locked" in lowered or "busy" in lowered:
        return f"the library {directory} stayed busy for {BUSY_SECONDS:.0f} s ({reason}): try again"
    if "unable to open" in lowered:
        return f"the library {directory} cannot be opened ({reason}): check the permissions of its files"
    return _unusable(directory, reason)


def _unusable(directory: Path, reason: str) -> str:
    return f"the library {directory} cannot be used ({reason}): nothing was changed; is the disk full or failing?"


def _full(directory: Path) -> str:
    return f"the disk is full at {directory}: nothing was changed; free some space and try again"


def _closed_error(directory: Path) -> LibraryError:
    return LibraryError(f"the library {directory} is closed: open it again")
