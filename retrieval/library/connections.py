"""Connections to `library.sqlite`: one kind that writes, one that takes part in the locks of a writer but cannot
write, and one for a directory in which SQLite cannot put its shared memory.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from retrieval.errors import LibraryError
from retrieval.library.digests import add_function
from retrieval.library.remembering import RememberingConnection
from retrieval.library.schema import edition

DATABASE_NAME = "library.sqlite"
BUSY_SECONDS = 30.0
_STATEMENTS = 512                   # kept prepared for a connection
_WAL_LIMIT_BYTES = 64 * 2**20       # a long transaction may grow the log; it is cut back to this afterwards


class Connection(RememberingConnection):
    """Makes every text that goes in one that SQLite can keep. `file`: which of the files it reads that stood one after the
    other in the place of the library's database, as `Database` counts them."""

    file = 0

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        return super().execute(sql, _storable_row(parameters))

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        return super().executemany(sql, map(_storable_row, parameters))


def storable(text: str) -> str:
    """Text that SQLite can keep: half a surrogate pair, which a file name can bring in, becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


class FileState(NamedTuple):
    """What tells that somebody wrote: the size of the database, its time of change, whether there is a log."""

    size_bytes: int
    modified_ns: int
    has_log: bool


@dataclass(frozen=True)
class Reader:
    """A connection that reads the file `opened`, as `os.path.samestat` tells files apart.

    `taken_for` is what the files were if SQLite was told that nobody changes them.
    """

    directory: Path
    db: Connection
    opened: os.stat_result
    taken_for: FileState | None

    def is_current(self) -> bool:
        """Whether this connection sees what was committed last."""
        if not os.path.samestat(self.opened, (self.directory / DATABASE_NAME).stat()):
            return False                # a restore put another file in its place
        return self.taken_for is None or self.taken_for == _file_state(self.directory)

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """LibraryError when the database was written during the block by somebody who could not see this reader."""
        try:
            yield
        except (sqlite3.Error, LibraryError) as error:
            self._refuse_if_written(error)
            raise
        self._refuse_if_written(None)

    def _refuse_if_written(self, cause: Exception | None) -> None:
        if self.taken_for is not None and self.taken_for[:2] != _file_state(self.directory)[:2]:
            raise LibraryError(f"the library {self.directory} was written while it was read: try again") from cause


def connect_writer(directory: Path) -> sqlite3.Connection:
    """A connection whose commits survive a power cut: write-ahead log, synced at every commit."""
    db = _connect(directory, "mode=rwc")
    try:
        mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise LibraryError(f"{directory} is on a file system that cannot share memory: keep the library elsewhere")
        add_function(db)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = ON")
        db.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
    except BaseException:
        db.close()
        raise
    return db


def connect_reader(directory: Path) -> Reader:
    """A connection that cannot change the library.

    SQLite wants to make a file of shared memory beside the database even for reading. Where that is not allowed, on a
    disk mounted read-only or in a directory of another user, it is told that the database does not change: only while
    there is no log, and until somebody changes it after all (`Reader.is_current`).
    """
    state, opened = _file_state(directory), (directory / DATABASE_NAME).stat()
    try:
        return Reader(directory, _reading(directory, "mode=ro"), opened, None)
    except sqlite3.OperationalError:
        if state.has_log or os.access(directory, os.W_OK):
            raise
        return Reader(directory, _reading(directory, "immutable=1"), opened, state)


def edition_here(db: sqlite3.Connection) -> tuple[str, int]:
    """`edition` for what a process keeps in memory: another one also where a copy of the library was put in its place.

    Such a copy has the identity of the library, and may give its revisions and row numbers for something else.
    """
    assert isinstance(db, Connection)
    identity, revision = edition(db)
    return f"{identity} {db.file}", revision


def log_path(directory: Path) -> Path:
    """The write-ahead log of a library."""
    return directory / f"{DATABASE_NAME}-wal"


def _reading(directory: Path, how: str) -> Connection:
    db = _connect(directory, how)
    try:
        db.execute("PRAGMA schema_version")         # the first to need the files
    except BaseException:
        db.close()
        raise
    return db


def _connect(directory: Path, how: str) -> Connection:
    uri = f"{(directory / DATABASE_NAME).as_uri()}?{how}"
    db = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=Connection,
        cached_statements=_STATEMENTS,
    )  # fmt: skip
    db.execute("PRAGMA foreign_keys = ON")
    return db


def _file_state(directory: Path) -> FileState:
    file = (directory / DATABASE_NAME).stat()
    try:
        log = log_path(directory).stat().st_size
    except FileNotFoundError:
        log = 0
    return FileState(file.st_size, file.st_mtime_ns, log > 0)


def _storable_row(values: Sequence[Any] | Mapping[str, Any]) -> Sequence[Any] | Mapping[str, Any]:
    if isinstance(values, Mapping):
        return values
    return [storable(value) if isinstance(value, str) else value for value in values]
