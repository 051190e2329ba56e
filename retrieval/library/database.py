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
from functools import cache
from pathlib import Path
from typing import Any

from retrieval.errors import LibraryError
from retrieval.library.connections import BUSY_SECONDS, Reader, connect_reader, connect_writer
from retrieval.library.remembering import snapshot
from retrieval.library.schema import bump_revision

_CHUNK = 500                        # parameters a statement: SQLite allowed 999 for a long time


class Database:
    """Connections to one library; `writing` is refused unless it was opened for it."""

    def __init__(self, directory: Path, *, write: bool) -> None:
        self.directory = directory
        self._idle: queue.LifoQueue[Reader] = queue.LifoQueue()
        self._turn = threading.RLock()
        self._here = threading.local()      # `db`: the connection of a snapshot that this thread holds
        self._closed = False
        self._files = threading.Lock()
        self._file: os.stat_result | None = None        # what the latest connection reads
        self._file_number = 0
        with database_errors(directory):
            self._writer = connect_writer(directory) if write else None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one consistent state until the block ends: within `snapshot` that of it, else the newest."""
        if self._closed:
            raise closed_error(self.directory)
        held = self._held()
        with database_errors(self.directory):
            if held is not None:
                yield held
                return
            with self._transaction() as db:
                yield db

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that this thread reads within the block is of one state, also what it writes meanwhile is not seen.

        What the block raises leaves it as it is: only `reading` takes an OSError for one of the library.
        """
        if self._held() is not None:
            yield
            return
        with self._transaction() as db, self._holding(db):
            yield

    @contextmanager
    def newest(self) -> Iterator[None]:
        """Within the block this thread reads the newest state again, also where it holds a snapshot."""
        with self._holding(None):
            yield

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed and durable when the block ends, undone when it raises.

        The revision counts up with it. A block that finds nothing to change can raise `Unchanged`.
        """
        with self._turn, database_errors(self.directory), suppress(Unchanged):
            db = self._writer
            if db is None:
                raise _not_writing_error(self.directory)
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
        self._close_idle()
        with self._turn:
            # last, so that it is the one that folds the log into the database
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.close()

    def _held(self) -> sqlite3.Connection | None:
        held: sqlite3.Connection | None = getattr(self._here, "db", None)
        return held

    @contextmanager
    def _holding(self, db: sqlite3.Connection | None) -> Iterator[None]:
        before, self._here.db = self._held(), db
        try:
            yield
        finally:
            self._here.db = before

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with database_errors(self.directory):
            reader = self._borrow()
        try:
            with reader.undisturbed(), snapshot(reader.db):
                yield reader.db
        finally:
            self._give_back(reader)

    def _borrow(self) -> Reader:
        with suppress(queue.Empty):
            while True:
                reader = self._idle.get_nowait()
                if reader.is_current() and reader.db.file == self._file_number:
                    return reader
                reader.db.close()
        reader = connect_reader(self.directory)
        with self._files:
            if self._file is None or not os.path.samestat(self._file, reader.opened):
                self._file, self._file_number = reader.opened, self._file_number + 1
            reader.db.file = self._file_number
        return reader

    def _give_back(self, reader: Reader) -> None:
        undo(reader.db)
        self._idle.put(reader)
        if self._closed:                # looked at last: `close` may have emptied the pool before the `put`
            self._close_idle()

    def _close_idle(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._idle.get_nowait().db.close()


class Unchanged(Exception):
    """Raised inside `writing` to end the transaction without counting a change; no error leaves the block."""


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
        # the last value again and again: a statement of a length that was asked before need not be prepared anew
        part += part[-1:] * (min(1 << (len(part) - 1).bit_length(), _CHUNK) - len(part))
        yield from db.execute(sql.replace("{in}", f"({_marks(len(part))})"), [*before, *part])


@cache
def _marks(count: int) -> str:
    return ", ".join("?" * count)


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
        if error.errno in (errno.EACCES, errno.EPERM):
            raise LibraryError(_forbidden(directory, error.strerror or str(error))) from error
        raise LibraryError(_unusable(directory, error.strerror or str(error))) from error


def _sentence(directory: Path, reason: str) -> str:
    lowered = reason.lower()
    if "disk is full" in lowered:
        return _full(directory)
    if "readonly" in lowered or "read-only" in lowered:
        return f"the library {directory} is read-only ({reason}): nothing was changed; make its directory writable"
    if "not a database" in lowered:
        return (
            f"the database of the library {directory} is damaged at its beginning, or is none ({reason}): "
            "restore it from a copy, or choose another directory"
        )
    if "malformed" in lowered or "no such table" in lowered:
        return f"the library {directory} is damaged ({reason}): run `wenshi library check`, or restore a copy of it"
    if "locked" in lowered or "busy" in lowered:
        return f"the library {directory} stayed busy for {BUSY_SECONDS:.0f} s ({reason}): try again"
    if "unable to open" in lowered:
        return _forbidden(directory, reason)
    return _unusable(directory, reason)


def _unusable(directory: Path, reason: str) -> str:
    return f"the library {directory} cannot be used ({reason}): nothing was changed; is the disk full or failing?"


def _forbidden(directory: Path, reason: str) -> str:
    return f"the library {directory} cannot be opened ({reason}): check the permissions of its files and folders"


def _full(directory: Path) -> str:
    return f"the disk is full at {directory}: nothing was changed; free some space and try again"


def _not_writing_error(directory: Path) -> LibraryError:
    return LibraryError(
        f"the library {directory} is closed or open for reading only: open it with write=True to change it"
    )


def closed_error(directory: Path) -> LibraryError:
    """What a call says that comes too late."""
    return LibraryError(f"the library {directory} is closed: open it again")
