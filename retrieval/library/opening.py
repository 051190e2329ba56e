"""Finding out whether a directory is a library that this program can use, and making a new one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from retrieval.errors import LibraryError
from retrieval.library.connections import DATABASE_NAME, connect_reader, connect_writer
from retrieval.library.database import database_errors, undo
from retrieval.library.frames import FOLDER, sync_folder
from retrieval.library.lock import WriterLock
from retrieval.library.schema import APPLICATION_ID, OLDEST_SQLITE, SCHEMA_VERSION, create_tables
from retrieval.library.words import token_version


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
    if (directory / DATABASE_NAME).exists():
        return
    if not create:
        what = "is not a library" if directory.exists() else "does not exist"
        raise LibraryError(f"{directory} {what}: make one with `wenshi add PATH --library {directory}`")
    if any((directory / FOLDER).glob("*.vectors")):
        raise LibraryError(
            f"{directory} has frame vectors but no {DATABASE_NAME}: restore it from a copy, or choose a new directory"
        )


def create_library(directory: Path) -> None:
    """Make an empty library, under the writer's lock of the caller; an existing one is left as it is."""
    with database_errors(directory):
        db = connect_writer(directory)
        try:
            db.execute("BEGIN IMMEDIATE")
            if _application_id(db) == 0 and not db.execute("SELECT 1 FROM sqlite_master").fetchone():
                create_tables(db, token_version=token_version())
            db.execute("COMMIT")
        finally:
            undo(db)
            db.close()
        sync_folder(directory)


def make_directory(directory: Path) -> None:
    """Create the directory and its parents."""
    with database_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        sync_folder(directory.parent)


def check_version(directory: Path) -> None:
    """LibraryError when the file is not a library or one of a version that this program does not know."""
    with database_errors(directory):
        db = connect_reader(directory).db
        try:
            application, version = _application_id(db), db.execute("PRAGMA user_version").fetchone()[0]
        finally:
            db.close()
    if application != APPLICATION_ID:
        raise LibraryError(f"{directory / DATABASE_NAME} is not the database of a library: choose another directory")
    if version > SCHEMA_VERSION:
        raise LibraryError(
            f"the library {directory} was written by a newer Wenshi (format {version}, "
            f"this one knows {SCHEMA_VERSION}): update Wenshi"
        )


def prepare(directory: Path, *, write: bool, create: bool) -> WriterLock | None:
    """Check everything, create the library when asked, and take the writer's lock when it is opened for writing."""
    check_sqlite()
    check_directory(directory, create=create)
    missing = not (directory / DATABASE_NAME).exists()
    if missing:
        make_directory(directory)
    lock = WriterLock(directory) if write or missing else None
    try:
        if create and lock is not None:
            create_library(directory)
        check_version(directory)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    if lock is not None and not write:
        lock.release()
        return None
    return lock


def _application_id(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA application_id").fetchone()[0])
