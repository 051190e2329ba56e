"""One list of the word index: the places of a key in its segment, as bytes on the disk and as an array.

Short lists go by chunks of 65,536 places: how many chunks, their numbers, how many places each has less one, the places'
lower halves; all 16-bit numbers. A list that would be longer than a bit a place is a zero and a bitmap.
"""

from __future__ import annotations

import sqlite3
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ONE = struct.Struct("<4H")
_CHUNK = 65_536
_BITMAP = b"\0\0"


@dataclass(frozen=True)
class PostingList:
    """The places of one key, ascending: as an array [n], or as a bitmap over all places of the segment."""

    rows: int
    sparse: NDArray[np.uint32] | None
    bits: NDArray[np.uint8] | None

    @property
    def places(self) -> NDArray[np.uint32]:
        """Every place, [n]."""
        if self.sparse is not None:
            return self.sparse
        assert self.bits is not None
        return np.flatnonzero(np.unpackbits(self.bits)).astype(np.uint32)

    def holds(self, places: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Which of these places are in the list."""
        if self.bits is not None:
            return (self.bits[places >> 3] >> (7 - (places & 7)).astype(np.uint8) & 1).astype(np.bool_)
        assert self.sparse is not None
        if not len(self.sparse):
            return np.zeros(len(places), np.bool_)
        found = np.searchsorted(self.sparse, places)
        return self.sparse[np.minimum(found, len(self.sparse) - 1)] == places

    @property
    def size_bytes(self) -> int:
        """How much memory the array takes."""
        held = self.sparse if self.sparse is not None else self.bits
        return 0 if held is None else held.nbytes


def encode(places: NDArray[np.int64], *, of: int) -> bytes:
    """A list of ascending places, of so many that the segment has, as it is stored."""
    if len(places) == 1:
        return encode_one(int(places[0]))
    if 16 * len(places) > of:
        bits = np.zeros(of, np.uint8)
        bits[places] = 1
        return _BITMAP + np.packbits(bits).tobytes()
    starts = np.flatnonzero(np.diff(places >> 16, prepend=-1))
    lengths = np.diff(starts, append=len(places))
    head = np.concatenate(([len(starts)], places[starts] >> 16, lengths - 1)).astype("<u2")
    return head.tobytes() + (places & (_CHUNK - 1)).astype("<u2").tobytes()


def encode_one(place: int) -> bytes:
    """`encode` of a list of one place."""
    return _ONE.pack(1, place >> 16, 0, place & (_CHUNK - 1))


def decode(blob: bytes, *, rows: int, of: int) -> PostingList:
    """A stored list; sqlite3.DatabaseError when it is not one of `rows` places of `of`."""
    numbers = np.frombuffer(blob, "<u2", count=len(blob) // 2)
    if len(numbers) and not numbers[0]:
        bits = np.frombuffer(blob, np.uint8, offset=2)
        if len(bits) != -(-of // 8) or (of % 8 and int(bits[-1]) & (255 >> of % 8)):
            raise sqlite3.DatabaseError("a list of the word index is malformed")
        return PostingList(rows, None, bits)
    chunks = int(numbers[0]) if len(numbers) else 0
    head = 1 + 2 * chunks
    if not chunks or len(numbers) != head + rows or len(blob) % 2:
        raise sqlite3.DatabaseError("a list of the word index is malformed")
    if chunks == 1:
        places = numbers[head:].astype(np.uint32)
        places += np.uint32(int(numbers[1]) << 16)
    else:
        lengths = numbers[1 + chunks : head].astype(np.int64) + 1
        if int(lengths.sum()) != rows:
            raise sqlite3.DatabaseError("a list of the word index is malformed")
        places = np.repeat(numbers[1 : 1 + chunks].astype(np.uint32) << np.uint32(16), lengths)
        places += numbers[head:]
    if int(places.max()) >= of:
        raise sqlite3.DatabaseError("a list of the word index is malformed")
    return PostingList(rows, places, None)
