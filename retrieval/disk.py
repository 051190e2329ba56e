"""Bringing files, names and whole directories to the disk, so that a kill or a power cut leaves the old or the new."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from retrieval.errors import InputError


def replace_directory(new: Path, directory: Path) -> None:
    """Put a finished directory in the place of another, its files on the disk before its name is.

    A directory cannot be replaced in one step: for a moment the old one stands beside it under a hidden name, from where
    `settle_directory` puts it back when a kill comes just then.
    """
    for path in sorted(new.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                sync_file(file)
    settle_directory(directory)
    old = _aside(directory)
    if directory.exists():
        directory.rename(old)
    try:
        new.rename(directory)
    except BaseException:
        with suppress(OSError):
            old.rename(directory)
        raise
    sync_folder(directory.parent)
    shutil.rmtree(old, ignore_errors=True)


def require_room(directory: Path, *, own: bool, what: str) -> None:
    """Raise InputError when something stands at `directory` that a new folder must not take the place of.

    own: whether it is of the kind that may be replaced. what: names that kind, such as "text encoder". The folder that a
    command was called in stays: whoever called it would be left in one that is gone.
    """
    if directory.absolute() == Path.cwd():
        raise InputError(f"{directory} is the folder you are in, and the {what} would take its place: choose one inside it.")
    if own or not (directory.exists() or directory.is_symlink()):
        return
    if not directory.is_dir() or any(directory.iterdir()):
        raise InputError(f"{directory} is there already and holds no {what}: choose another folder.")


def settle_directory(directory: Path) -> None:
    """End a replacement that a kill interrupted: the old directory comes back, or what is left of it goes."""
    old = _aside(directory)
    if old.exists() and not directory.exists():
        old.rename(directory)
    shutil.rmtree(old, ignore_errors=True)


def _aside(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.replaced")


def sync_file(file: BinaryIO) -> None:
    """Wait until the file's bytes are on the disk, and not only in its cache where the system can tell the two."""
    file.flush()
    if sys.platform == "darwin":
        import fcntl

        with _ignored_where_unknown():
            fcntl.fcntl(file.fileno(), fcntl.F_FULLFSYNC)
            return
    os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the names in a directory are on the disk; Windows and some file systems have no call for that."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with _ignored_where_unknown():
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _ignored_where_unknown() -> Iterator[None]:
    """Let the errors pass by which a file system says that it does not have a call."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY):
            raise
