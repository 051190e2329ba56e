"""Files that are either whole or not there, and one writer a directory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from data_pipeline.corpus.errors import CorpusError
from retrieval.disk import sync_folder

LOCK = ".writer.lock"
_HASH_BLOCK = 1 << 20


class CheckedFile:
    """Takes bytes for `path`, counts and hashes them. Raises CorpusError when the disk does not take them."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._digest = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes) -> None:
        with disk_errors(self._path):
            self._file.write(data)
        self._digest.update(data)
        self.bytes += len(data)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


@contextmanager
def whole_file(path: Path) -> Iterator[CheckedFile]:
    """A file that stands under `path`, and on the disk, once the block has ended well; before, nothing is changed there.

    Raises CorpusError when the disk refuses.
    """
    unfinished = path.with_name(f".{path.name}.part")
    with disk_errors(path):
        file = unfinished.open("wb")
    try:
        with file:
            yield CheckedFile(file, path)
            with disk_errors(path):
                file.flush()
                os.fsync(file.fileno())
        with disk_errors(path):
            unfinished.replace(path)
            sync_folder(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def write_json(path: Path, data: Any) -> None:
    """Write `data` as a whole file. Raises CorpusError when the disk refuses."""
    with whole_file(path) as file:
        file.write((json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "backslashreplace"))


@contextmanager
def only_writer(directory: Path) -> Iterator[None]:
    """Make `directory` and keep every other writer out of it. Raises CorpusError: busy, write."""
    with disk_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory / LOCK)
    try:
        with disk_errors(directory):
            lock.acquire(timeout=0)
    except Timeout:
        raise CorpusError(
            "busy", f"Another process is writing to {directory}: wait for its end, or choose another directory."
        ) from None
    try:
        yield
    finally:
        lock.release()


def file_sha256(path: Path) -> str:
    """The hash of a file, 64 hex digits. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def empty(directory: Path) -> None:
    """Delete everything in a directory but the lock of its writer. Raises CorpusError (write)."""
    with disk_errors(directory):
        for path in directory.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Tell what the disk refuses as CorpusError (write), in one sentence with the file's name."""
    try:
        yield
    except Timeout:         # an OSError that says nothing of the disk
        raise
    except OSError as error:
        raise CorpusError(
            "write",
            f"{path} cannot be written ({error.strerror or error}): make room or choose another directory, then run "
            "this again; what is finished stays.",
        ) from error
