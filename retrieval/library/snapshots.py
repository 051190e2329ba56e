"""Snapshots: a consistent copy of a library while a writer works, and the way back.

A snapshot is a directory with `library.sqlite`, the frame vectors that its rows name, and `manifest.json` with the size
and sha256 of each file. It holds the truth only: what is derived is made again after a restore.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from retrieval.disk import replace_directory, settle_directory, sync_file, sync_folder
from retrieval.errors import LibraryError
from retrieval.library.connections import DATABASE_NAME, connect_writer, log_path
from retrieval.library.database import Database, database_errors
from retrieval.library.digests import KEYS, add_function
from retrieval.library.frames import FOLDER, FrameRecord, read_frames
from retrieval.library.lock import WriterLock
from retrieval.library.opening import check_directory, check_version, is_blank, make_directory
from retrieval.library.reading import frame_file_ends
from retrieval.library.schema import bump_revision, now, renew_identity, revision
from retrieval.library.vector_kinds import DERIVED

MANIFEST = "manifest.json"
FORMAT = 1
_DRAFT = ".draft"
_INCOMING = "library.incoming"
_ATTEMPTS = 3
_BLOCK = 2**20
_PASSING = ("locked", "busy", "full", "readonly", "read-only", "unable to open", "i/o")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A snapshot: the revision of the library it holds, and the files by name with their bytes and sha256."""

    directory: Path
    revision: int
    made_at: str
    files: Mapping[str, tuple[int, str]]

    @property
    def size_bytes(self) -> int:
        """The bytes of all files."""
        return sum(size for size, _ in self.files.values())


def take(directory: Path, target: Path) -> Snapshot:
    """Write a snapshot and verify it; one that stood at `target` is replaced only when the new one is whole.

    Frame vectors that the last snapshot at `target` holds already are linked and not written again. LibraryError when
    `target` is something else, the disk is full, or the library itself is damaged.
    """
    directory, target = directory.expanduser().absolute(), target.expanduser().absolute()
    if target == directory or target.is_relative_to(directory):
        raise LibraryError(f"{target} lies inside the library: give a place outside, best on another disk")
    with database_errors(directory):
        check_directory(directory, create=False)
        check_version(directory)
    with closing(Database(directory, write=False)) as database:
        return _take(database, target)


def _take(database: Database, target: Path) -> Snapshot:
    before = _settled(target)
    draft = target.with_name(target.name + _DRAFT)
    with database_errors(target):
        make_directory(target.parent)
        for attempt in range(_ATTEMPTS):
            shutil.rmtree(draft, ignore_errors=True)
            try:
                _write(database, draft, before)
                break
            except LibraryError:
                # a writer that started meanwhile may have cut off vectors of a video that was removed meanwhile
                if attempt == _ATTEMPTS - 1:
                    shutil.rmtree(draft, ignore_errors=True)
                    raise
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
        replace_directory(draft, target)
    return read(target)


def read(directory: Path) -> Snapshot:
    """The manifest of a snapshot, without looking at its files; LibraryError when there is none."""
    directory = directory.expanduser().absolute()
    try:
        manifest = json.loads((directory / MANIFEST).read_text("utf-8"))
        files = {str(name): (int(size), str(sha256)) for name, (size, sha256) in manifest["files"].items()}
        if manifest["format"] != FORMAT or not all(map(_FILE.fullmatch, files)):
            raise ValueError(manifest["format"])
        return Snapshot(
            directory=directory, revision=int(manifest["revision"]), made_at=str(manifest["made_at"]), files=files
        )
    except FileNotFoundError as error:
        raise LibraryError(f"{directory} is not a snapshot: make one with `wenshi library snapshot`") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LibraryError(f"{directory / MANIFEST} is damaged: use another snapshot") from error


_FILE = re.compile(rf"{re.escape(DATABASE_NAME)}|{FOLDER}/\d+-\d{{6,}}\.vectors")


def verify(snapshot: Snapshot) -> None:
    """Read every file; LibraryError names the first that is not as the manifest says."""
    if DATABASE_NAME not in snapshot.files:
        raise LibraryError(f"{snapshot.directory / MANIFEST} is damaged: use another snapshot")
    for name, (size, sha256) in snapshot.files.items():
        path = snapshot.directory / name
        with database_errors(snapshot.directory):
            good = path.is_file() and path.stat().st_size == size and _sha256(path, size) == sha256
        if not good:
            raise LibraryError(f"{path} is not as it was written: use another snapshot")


def restore(snapshot: Snapshot, directory: Path) -> None:
    """Make a library what it was at a snapshot; whatever stops it before the end leaves the library as it was.

    The frame vectors come in under names of their own, then one transaction replaces the database. A database that
    SQLite cannot open is replaced by renaming. The library has another identity then, by which open readers notice.
    """
    verify(snapshot)
    directory = directory.expanduser().absolute()
    with database_errors(directory):
        make_directory(directory)
        lock = WriterLock(directory)
        try:
            _delete_incoming(directory)     # of a restore that was killed
            _restore(snapshot, directory)
        finally:
            with suppress(OSError):
                _delete_incoming(directory)
            lock.release()


def _delete_incoming(directory: Path) -> None:
    for path in directory.glob(f"{_INCOMING}*"):
        path.unlink()


def _restore(snapshot: Snapshot, directory: Path) -> None:
    incoming = directory / _INCOMING
    (directory / FOLDER).mkdir(exist_ok=True)
    names = _new_names(snapshot, directory)
    for old, new in names.items():
        _copy(snapshot.directory / FOLDER / old, directory / FOLDER / new, None)
    sync_folder(directory / FOLDER)
    _copy(snapshot.directory / DATABASE_NAME, incoming, None)
    live = _numbers(directory)
    with closing(sqlite3.connect(incoming, isolation_level=None)) as db:
        add_function(db)
        db.execute("BEGIN IMMEDIATE")
        db.executemany("UPDATE frame_records SET file = ? WHERE file = ?", [(new, old) for old, new in names.items()])
        _go_on_from(db, live or {})
        db.execute("COMMIT")
        if live is not None:
            with closing(connect_writer(directory)) as target:
                db.backup(target)
            return
    for path in (log_path(directory), directory / f"{DATABASE_NAME}-shm"):
        with suppress(FileNotFoundError):
            path.unlink()
    with incoming.open("rb+") as file:
        sync_file(file)
    incoming.replace(directory / DATABASE_NAME)
    sync_folder(directory)


def _new_names(snapshot: Snapshot, directory: Path) -> dict[str, str]:
    """A free name for each file of frame vectors, of the same generation and order."""
    old = sorted(Path(name).name for name in snapshot.files if name.startswith(FOLDER))
    taken = [*old, *(path.name for path in (directory / FOLDER).glob("*.vectors"))]
    sequences = [int(match[1]) for name in taken if (match := re.fullmatch(r"\d+-(\d+)\.vectors", name))]
    highest = max(sequences, default=0)
    return {
        name: f"{name.split('-')[0]}-{highest + number:06d}.vectors"
        for number, name in enumerate(sorted(old, key=lambda name: int(name.split("-")[1].split(".")[0])), start=1)
    }


def _numbers(directory: Path) -> dict[str, int] | None:
    """The revision and the last row numbers of the library that is replaced; None when it cannot be opened."""
    if is_blank(directory):
        return None
    try:
        with closing(connect_writer(directory)) as db:
            numbers = {name: int(seq) for name, seq in db.execute("SELECT name, seq FROM sqlite_sequence")}
            return {**numbers, "": revision(db)}
    except (sqlite3.Error, TypeError, ValueError) as error:
        if any(word in str(error).lower() for word in _PASSING):
            raise                           # the database may be sound: it must not be replaced by renaming
        return None


def _go_on_from(db: sqlite3.Connection, live: Mapping[str, int]) -> None:
    """No revision and no row number that the replaced library has given is given again; the identity is another."""
    for table in set(live) & set(KEYS):
        db.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", [live[table], table])
    db.execute("UPDATE settings SET value = max(value, ?) WHERE key = 'revision'", [live.get("", 0)])
    renew_identity(db)
    bump_revision(db)


def _write(database: Database, draft: Path, before: Snapshot | None) -> None:
    (draft / FOLDER).mkdir(parents=True)
    with closing(sqlite3.connect(draft / DATABASE_NAME, isolation_level=None)) as copy:
        with database.reading() as db:
            db.backup(copy)
        add_function(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        _drop_derived(copy)
        ends, number = frame_file_ends(copy), revision(copy)
        for name, end in ends.items():
            _copy_or_link(database.directory / FOLDER / name, draft / FOLDER / name, end, before)
        _verify_frames(copy, draft)
    with (draft / DATABASE_NAME).open("rb+") as file:
        sync_file(file)
    files = {}
    for path in (draft / DATABASE_NAME, *sorted((draft / FOLDER).iterdir())):
        size = path.stat().st_size
        files[path.relative_to(draft).as_posix()] = (size, _sha256(path, size))
    with (draft / MANIFEST).open("wb") as file:
        manifest = {"format": FORMAT, "revision": number, "made_at": now(), "files": files}
        file.write(json.dumps(manifest, indent=1).encode("ascii"))
        sync_file(file)
    sync_folder(draft / FOLDER)
    sync_folder(draft)
    verify(read(draft))


def _drop_derived(db: sqlite3.Connection) -> None:
    """A snapshot has no segment files, so it lists none."""
    for table in DERIVED:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [table]).fetchone():
            db.execute(f"DELETE FROM {table}")


def _verify_frames(db: sqlite3.Connection, directory: Path) -> None:
    """LibraryError unless every record of frame vectors is whole."""
    rows = db.execute(
        "SELECT dimension, file, offset, count, crc32 FROM frame_records JOIN generations ON number = generation "
        "ORDER BY file, offset"
    )
    for dimension, file, offset, count, crc32 in rows:
        record = FrameRecord(file=file, offset=offset, count=count, crc32=crc32)
        read_frames(directory, [record], dimension=dimension)


def _copy_or_link(source: Path, target: Path, end: int, before: Snapshot | None) -> None:
    known = before.files.get(f"{FOLDER}/{source.name}") if before is not None else None
    if before is not None and known is not None and known[0] == end and _sha256(source, end) == known[1]:
        with suppress(OSError):             # a file system without links
            os.link(before.directory / FOLDER / source.name, target)
            return
    _copy(source, target, end)


def _copy(source: Path, target: Path, end: int | None) -> None:
    """Copy the first `end` bytes, or all, to a new file on the disk."""
    with source.open("rb") as read_, target.open("xb") as write:
        left = os.fstat(read_.fileno()).st_size if end is None else end
        while left and (block := read_.read(min(left, _BLOCK))):
            write.write(block)
            left -= len(block)
        sync_file(write)


def _sha256(path: Path, end: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while end and (block := file.read(min(end, _BLOCK))):
            digest.update(block)
            end -= len(block)
    return digest.hexdigest()


def _settled(target: Path) -> Snapshot | None:
    """The snapshot at `target`, put back first when a kill came between the two renames of its replacement."""
    settle_directory(target)
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return None
    try:
        return read(target)
    except LibraryError as error:
        raise LibraryError(f"{target} exists and is not a sound snapshot: give another name") from error
