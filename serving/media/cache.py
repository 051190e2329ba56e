"""Pictures and clips that were made once, on the disk, up to a size; what was asked for longest ago goes first."""

from __future__ import annotations

import os
import secrets
import stat
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import BinaryIO

from retrieval.errors import InputError

_STRIPES = 64
_DRAFT_SECONDS = 3600.0     # after which a draft is one that a kill left: no picture or clip takes so long


class DiskCache:
    """Files by name under a folder of this user's own. Thread-safe; several processes may share the folder.

    InputError for a folder that somebody else could have put there: what lies in it would be served, or deleted.
    """

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._making = [threading.Lock() for _ in range(_STRIPES)]
        self._counting = threading.Lock()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.lstat()
        if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid():
            raise InputError(f"The folder {folder} for pictures is not this user's own: delete it or set XDG_CACHE_HOME.")
        self._held = sum(size for _, size, _ in self._files())

    def get(
        self, name: str, make: Callable[[Path], None], *, admitted: Callable[[], AbstractContextManager[None]]
    ) -> BinaryIO:
        """The file of that name, opened; `make` writes it when it is not there, once however many ask for it, and within
        `admitted`. What is there is had without."""
        path = self._folder / name
        found = _open(path)
        if found is not None:
            return found
        with admitted(), self._making[hash(name) % _STRIPES]:
            found = _open(path)
            if found is not None:
                return found
            draft = self._folder / f".{secrets.token_hex(8)}{path.suffix}"
            try:
                make(draft)
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
            made = path.open("rb")
        self._grown(os.fstat(made.fileno()).st_size)
        return made

    def _grown(self, size: int) -> None:
        with self._counting:
            self._held += size
            if self._held <= self._most_bytes:
                return
            files = sorted(self._files())
            self._held = sum(size for _, size, _ in files)
            for _, size, path in files:
                if self._held <= self._most_bytes * 0.9:
                    break
                path.unlink(missing_ok=True)
                self._held -= size

    def _files(self) -> list[tuple[int, int, Path]]:
        """(last asked for, size, path) of every file; drafts of a process that was killed are deleted."""
        found = []
        for path in self._folder.iterdir():
            with suppress(OSError):
                state = path.stat()
                if path.name.startswith("."):
                    if state.st_mtime < time.time() - _DRAFT_SECONDS:
                        path.unlink()
                    continue
                found.append((state.st_mtime_ns, state.st_size, path))
        return found


def _open(path: Path) -> BinaryIO | None:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    with suppress(OSError):
        os.utime(path)
    return file
