"""Finding out whether a directory is a library that this program can use, and making a new one."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

from retrieval.disk import sync_file, sync_folder
from retrieval.errors import LibraryError
from retrieval.library.connections import DATABASE_NAME, connect_reader, connect_writer, log_path
from retrieval.library.database import database_errors, undo
from retrieval.library.digests import have_digests
from retrieval.library.frames import FOLDER
from retrieval.library.lock import WriterLock
from retrieval.library.schema import APPLICATION_ID, OLDEST_SQLITE, SCHEMA_VERSION, create_tables, upgrade
from retrieval.library.words import token_version

_RESTORE = "restore it from a copy, or choose a new directory"


def check_sqlite() -> None:
    """LibraryError when this Python's SQLite is too old or has no full-text search."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE[:2]))
        raise LibraryError(f"a library needs SQLite {wanted} or newer, this Python has {sqlite3.sqlite_version}")
    db = sqlite3.connect(":memory:")
    try:
        db.execute("CREATE VIRTUAL TABLE words USING fts5 (text)")
    except sqlite3.OperationalError as error:
        raise LibraryError("a library needs SQLite with FTS5, which this Python's SQLite was built without") from error
    finally:
        db.close()


def check_directory(directory: Path, *, create: bool) -> None:
    """LibraryError unless the directory is a library, or may become one."""
    if directory.exists() and not directory.is_dir():
        raise LibraryError(f"{directory} is a file, a library is a directory: give another name")
    if not is_blank(directory):
        return
    file = directory / DATABASE_NAME
    has_vectors = any((directory / FOLDER).glob("*.vectors"))
    if file.exists() and (has_vectors or not create):
        raise LibraryError(f"{file} is damaged (0 bytes): {_RESTORE}")
    if not create:
        what = "is not a library" if directory.exists() else "does not exist"
        raise LibraryError(f"{directory} {what}: make one with `wenshi add PATH --library {directory}`")
    if has_vectors:
        raise LibraryError(f"{directory} has frame vectors but no {DATABASE_NAME}: {_RESTORE}")


def is_blank(directory: Path) -> bool:
    """Whether there is no database yet; a kill while it is being made leaves one of no bytes."""
    file = directory / DATABASE_NAME
    return not file.exists() or file.stat().st_size == 0


def create_library(directory: Path) -> None:
    """Make an empty library, under the writer's lock of the caller; what is there already is left as it is."""
    with database_errors(directory):
        if not is_blank(directory) and not _facts(directory).is_unfinished:
            return
        db = connect_writer(directory)
        try:
            db.execute("BEGIN IMMEDIATE")
            create_tables(db, token_version=token_version())
            db.execute("COMMIT")
        finally:
            undo(db)
            db.close()
        sync_folder(directory)


def roll_back(directory: Path) -> None:
    """End what a kill left of making the database, under the writer's lock of the caller: a reader may not do that."""
    if (directory / f"{DATABASE_NAME}-journal").exists():
        with database_errors(directory):
            connect_writer(directory).close()


def make_directory(directory: Path) -> None:
    """Create the directory and its parents, each on the disk under its name."""
    with database_errors(directory):
        made = [path for path in (directory, *directory.parents) if not path.exists()]
        directory.mkdir(parents=True, exist_ok=True)
        for path in made:
            sync_folder(path.parent)


def sync_log(directory: Path) -> None:
    """Wait until the commits that the write-ahead log shows are on the disk."""
    if log_path(directory).exists():
        with log_path(directory).open("r+b") as file:
            sync_file(file)
        sync_folder(directory)


def check_version(directory: Path) -> None:
    """LibraryError when the file is not a library or one of a version that this program does not know."""
    with database_errors(directory):
        facts = _facts(directory)
    if facts.application != APPLICATION_ID:
        raise LibraryError(f"{directory / DATABASE_NAME} is not the database of a library: choose another directory")
    if facts.version > SCHEMA_VERSION:
        raise LibraryError(
            f"the library {directory} was written by a newer Wenshi (format {facts.version}, "
            f"this one knows {SCHEMA_VERSION}): update Wenshi"
        )


def upgrade_library(directory: Path) -> None:
    """Bring a library of an older format up to date in one transaction, under the writer's lock of the caller."""
    with database_errors(directory):
        if _facts(directory).version == SCHEMA_VERSION:
            return
        db = connect_writer(directory)
        try:
            db.execute("BEGIN IMMEDIATE")
            if have_digests(db):
                raise LibraryError(f"{directory / DATABASE_NAME} is damaged where its format is noted: {_RESTORE}")
            upgrade(db)
            db.execute("COMMIT")
        finally:
            undo(db)
            db.close()


def prepare(directory: Path, *, write: bool, create: bool) -> WriterLock | None:
    """Check everything, create the library when asked, and take the writer's lock when it is opened for writing."""
    check_sqlite()
    check_directory(directory, create=create)
    missing = is_blank(directory)
    if missing:
        make_directory(directory)
    lock = WriterLock(directory) if write or missing else None
    try:
        if lock is not None:
            roll_back(directory)
        if create and lock is not None:
            create_library(directory)
        check_version(directory)
        if write:
            upgrade_library(directory)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    if lock is not None and not write:
        lock.release()
        return None
    return lock


class _Facts(NamedTuple):
    application: int
    version: int
    schema_changes: int

    @property
    def is_unfinished(self) -> bool:
        """Whether a kill came between making the file and making its tables."""
        return self.application == self.schema_changes == 0


def _facts(directory: Path) -> _Facts:
    db = connect_reader(directory).db
    try:
        names = ("application_id", "user_version", "schema_version")
        return _Facts(*(db.execute(f"PRAGMA {name}").fetchone()[0] for name in names))
    finally:
        db.close()
