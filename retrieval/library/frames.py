"""Frame vectors on disk: append-only files of fp16 rows, whose place and checksum stand in `frame_records`.

A file is `frames/<generation>-<sequence>.vectors`: 16 bytes of header (magic, version, dimension), then records of
`count` x `dimension` little-endian fp16. A record is synced to disk before the row that names it commits, so bytes
that no row names were left by a kill or by videos removed since.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from retrieval.disk import sync_file, sync_folder
from retrieval.errors import LibraryError

FOLDER = "frames"
ROLL_BYTES = 256 * 2**20
_HEADER = struct.Struct("<8sII")
HEADER_BYTES = _HEADER.size
_MAGIC = b"WENSHIFV"
_VERSION = 1
_STORED = np.dtype("<f2")
_NAME = re.compile(r"(\d+)-(\d{6,})\.vectors")


@dataclass(frozen=True, kw_only=True)
class FrameRecord:
    """Where the frame vectors of one clip lie."""

    file: str
    offset: int
    count: int
    crc32: int


class FrameWriter:
    """Appends frame vectors; `ends` says per file name where the last record that a row names ends."""

    def __init__(self, directory: Path, *, ends: Mapping[str, int], roll_bytes: int = ROLL_BYTES) -> None:
        self._folder = directory / FOLDER
        self._roll_bytes = roll_bytes
        self._tails: dict[int, tuple[str, int]] = {}        # generation -> file to append to, its length
        self._last_sequence: dict[int, int] = {}
        self._folder.mkdir(exist_ok=True)
        sync_folder(directory)
        self._recover(ends)

    def append(self, generation: int, vectors: Sequence[NDArray[np.float32]], *, dimension: int) -> list[FrameRecord]:
        """Write [n, D] vectors of several clips and sync them; returns their places, in order.

        Raises OSError (the disk is full) with the file cut back to what it was.
        """
        if not vectors:
            return []
        payloads = [np.ascontiguousarray(v, dtype=_STORED).tobytes() for v in vectors]
        name, end = self._tail(generation, dimension)
        records, offset = [], end
        for payload, rows in zip(payloads, vectors, strict=True):
            records.append(FrameRecord(file=name, offset=offset, count=len(rows), crc32=zlib.crc32(payload)))
            offset += len(payload)
        with _cut_back_on_error(self._folder / name, end), (self._folder / name).open("r+b") as file:
            file.seek(end)
            file.write(b"".join(payloads))
            sync_file(file)
        # What is synced stays, even if the transaction fails now: a commit whose own sync reported an error may
        # still come back after a crash, and its rows must then find their vectors.
        self._tails[generation] = (name, offset)
        return records

    def _tail(self, generation: int, dimension: int) -> tuple[str, int]:
        name, end = self._tails.get(generation, ("", 0))
        if name and end < self._roll_bytes:
            return name, end
        sequence = self._last_sequence.get(generation, 0) + 1
        name = f"{generation}-{sequence:06d}.vectors"
        file = (self._folder / name).open("xb")         # a file that exists is not ours to delete
        with _cut_back_on_error(self._folder / name, 0), file:
            file.write(frame_header(dimension))
            sync_file(file)
        sync_folder(self._folder)
        self._last_sequence[generation] = sequence
        self._tails[generation] = (name, _HEADER.size)
        return name, _HEADER.size

    def _recover(self, ends: Mapping[str, int]) -> None:
        """Cut off or delete what no row names, and find the file that each generation goes on with."""
        for path in self._folder.iterdir():
            if _NAME.fullmatch(path.name) and path.name not in ends:
                path.unlink()
        for name, end in sorted(ends.items()):
            if not (match := _NAME.fullmatch(name)):
                continue
            generation, sequence = int(match[1]), int(match[2])
            self._last_sequence[generation] = max(sequence, self._last_sequence.get(generation, 0))
            if self._truncate(self._folder / name, end) and sequence == self._last_sequence[generation]:
                self._tails[generation] = (name, end)
            elif sequence == self._last_sequence[generation]:
                self._tails.pop(generation, None)

    def _truncate(self, path: Path, end: int) -> bool:
        """Cut a file at `end`; False when it is damaged and must not be appended to."""
        try:
            if path.stat().st_size > end:
                os.truncate(path, end)
            with path.open("rb") as file:
                magic, version, _ = _HEADER.unpack(file.read(_HEADER.size))
        except (FileNotFoundError, struct.error):
            return False
        return bool(path.stat().st_size == end and (magic, version) == (_MAGIC, _VERSION))


def frame_header(dimension: int) -> bytes:
    """What a file of frame vectors of this dimension begins with."""
    return _HEADER.pack(_MAGIC, _VERSION, dimension)


def read_frames(directory: Path, records: Sequence[FrameRecord], *, dimension: int) -> list[NDArray[np.float32]]:
    """The vectors [count, D] of each record, in order; LibraryError names the file and offset of a damaged one."""
    if not records:
        return []
    payloads = [b""] * len(records)
    by_place = sorted(range(len(records)), key=lambda i: (records[i].file, records[i].offset))
    name, file = "", None
    try:
        for i in by_place:
            if records[i].file != name:
                if file is not None:
                    file.close()
                name, file = records[i].file, _open(directory, records[i].file, dimension)
            assert file is not None
            payloads[i] = _read(file, records[i], dimension, directory)
    finally:
        if file is not None:
            file.close()
    every = np.frombuffer(b"".join(payloads), _STORED).reshape(-1, dimension).astype(np.float32)
    ends = accumulate(record.count for record in records)
    return [every[end - record.count : end] for record, end in zip(records, ends, strict=True)]


def _open(directory: Path, name: str, dimension: int) -> BinaryIO:
    path = directory / FOLDER / name
    if not _NAME.fullmatch(name):
        raise LibraryError(f"{path} is not the name of a file of frame vectors: run `wenshi library check`")
    try:
        file = path.open("rb", buffering=0)     # records lie apart: what a buffer reads beside them is not asked for
    except OSError as error:
        raise LibraryError(f"{path} cannot be read ({error.strerror}): {HOW_TO_MEND}") from error
    header = file.read(_HEADER.size)
    if header != frame_header(dimension):
        file.close()
        raise LibraryError(f"{path} is damaged at offset 0, where its header should be: {HOW_TO_MEND}")
    return file


def _read(file: BinaryIO, record: FrameRecord, dimension: int, directory: Path) -> bytes:
    file.seek(record.offset)
    payload = file.read(record.count * dimension * _STORED.itemsize)
    if len(payload) != record.count * dimension * _STORED.itemsize or zlib.crc32(payload) != record.crc32:
        path = directory / FOLDER / record.file
        raise LibraryError(f"{path} is damaged at offset {record.offset}: {HOW_TO_MEND}")
    return payload


HOW_TO_MEND = "remove the videos that `wenshi library check` names and add them again"


@contextmanager
def _cut_back_on_error(path: Path, end: int) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(OSError):
            if end:
                os.truncate(path, end)
            else:
                path.unlink()
        raise
