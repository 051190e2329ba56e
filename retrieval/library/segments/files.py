"""Immutable files of named sections under `DIRECTORY/segments`, every byte covered by the checksum of its block.

A section begins at a block. Its bytes are given out only after its blocks were verified, all at once (`section`) or as
they are first touched (`require`), so damage that was there when the file was opened is never served.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.disk import sync_file, sync_folder

FOLDER = "segments"
BLOCK_BYTES = 64 * 2**10
_DRAFT = ".new"
_NAME = re.compile(r"[0-9a-f]{32}\.segment")


class SegmentDamage(Exception):
    """A segment that must not be searched: the file's name, and what is wrong with it."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{FOLDER}/{name}: {what}")
        self.name = name
        self.what = what


class FileMark(NamedTuple):
    """The number of a file in its file system, and when it was written."""

    inode: int
    modified_ns: int


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the sections of a file lie (offset and bytes), and the CRC-32 of each block, little-endian."""

    sections: dict[str, list[int]]
    checksums: bytes


class SegmentWriter:
    """Writes a draft section by section; `publish` gives it its name. Left without that, the draft is deleted."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / FOLDER
        self._folder.mkdir(exist_ok=True)
        self.draft = self._folder / f"{os.getpid()}-{threading.get_ident()}{_DRAFT}"
        self._file = self.draft.open("w+b")
        self._sections: dict[str, list[int]] = {}

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):             # a full disk refuses what is still in the buffer
            self._file.close()
        with suppress(OSError):
            self.draft.unlink()

    def begin(self, name: str) -> None:
        """Everything written from now on belongs to this section."""
        self._file.write(b"\0" * (-self._file.tell() % BLOCK_BYTES))
        self._sections[name] = [self._file.tell(), 0]

    def write(self, rows: NDArray[np.generic]) -> None:
        """Append the bytes of an array to the section begun last."""
        data = np.ascontiguousarray(rows).view(np.uint8).reshape(-1)
        self._file.write(data.data)
        self._sections[next(reversed(self._sections))][1] += data.nbytes

    def finish(self, *, go_on: Callable[[], None]) -> tuple[str, Layout]:
        """Bring everything to the disk and read it back: the name the file will have, and its layout."""
        self._file.write(b"\0" * (-self._file.tell() % BLOCK_BYTES))
        sync_file(self._file)
        digest, checksums = hashlib.sha256(), []
        self._file.seek(0)
        while block := self._file.read(BLOCK_BYTES):
            go_on()
            digest.update(block)
            checksums.append(zlib.crc32(block))
        layout = Layout(sections=self._sections, checksums=np.array(checksums, "<u4").tobytes())
        return f"{digest.hexdigest()[:32]}.segment", layout

    def publish(self, name: str) -> None:
        """Give the finished draft its name, on the disk."""
        self.draft.replace(self._folder / name)
        sync_folder(self._folder)


class SegmentFile:
    """A file opened for reading. It goes on reading after it was deleted from its folder."""

    def __init__(self, path: Path, layout: Layout, *, name: str | None = None) -> None:
        self.name = name or path.name
        self._layout = layout
        self._expected = np.frombuffer(layout.checksums, "<u4")
        self._verified = np.zeros(len(self._expected), np.bool_)
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise SegmentDamage(self.name, f"cannot be read ({error})") from error
        if len(self._map) != len(self._expected) * BLOCK_BYTES:
            raise SegmentDamage(self.name, f"has {len(self._map)} bytes, not {len(self._expected) * BLOCK_BYTES}")

    def section(self, name: str, dtype: str, *, verify: bool = True) -> NDArray[np.generic]:
        """The array of a section; without `verify` the caller asks `require` before it reads."""
        start, size = self._layout.sections[name]
        if verify:
            self.verify(start // BLOCK_BYTES, -(-(start + size) // BLOCK_BYTES))
            self._let_go(start, size)
        return np.frombuffer(self._map, np.uint8, size, start).view(dtype)

    def require(self, name: str, rows: NDArray[np.int64], *, row_bytes: int) -> None:
        """Verify the blocks that hold these rows of a section; a block is read for that only once."""
        first = self._layout.sections[name][0] + rows * row_bytes
        blocks = np.concatenate([first, first + (row_bytes - 1)]) // BLOCK_BYTES
        unseen = blocks[~self._verified[blocks]]
        for block in np.unique(unseen) if len(unseen) else ():
            self.verify(int(block), int(block) + 1)

    def verify(self, first: int = 0, end: int | None = None) -> None:
        """Read blocks and compare their checksums; SegmentDamage names the first bad byte range."""
        for block in range(first, len(self._expected) if end is None else end):
            start = block * BLOCK_BYTES
            with memoryview(self._map)[start : start + BLOCK_BYTES] as data:
                good = zlib.crc32(data) == self._expected[block]
            if not good:
                raise SegmentDamage(self.name, f"is damaged between the bytes {start} and {start + BLOCK_BYTES}")
            self._verified[block] = True

    def _let_go(self, start: int, size: int) -> None:
        """The pages stay in the cache of the system and no longer count as this process's."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED, start, size)


def segment_path(directory: Path, name: str) -> Path:
    """Where a listed file lies; SegmentDamage for a name that no segment has."""
    if not _NAME.fullmatch(name):
        raise SegmentDamage(repr(name), "is not the name of a segment")
    return directory / FOLDER / name


def file_mark(directory: Path, name: str) -> FileMark | None:
    """What tells a file from another of the same name, None when there is none."""
    try:
        facts = segment_path(directory, name).stat()
    except (OSError, SegmentDamage):
        return None
    return FileMark(facts.st_ino, facts.st_mtime_ns)


def delete_unlisted(directory: Path, listed: set[str]) -> None:
    """Delete drafts and the files that no row lists; a file that cannot be deleted now is left for the next time."""
    for path in [*(directory / FOLDER).glob("*.segment"), *(directory / FOLDER).glob(f"*{_DRAFT}")]:
        if path.name not in listed:
            with suppress(OSError):
                path.unlink()
