"""One list of the word index: the places of a key in its segment, as bytes on the disk and as an array.

Short lists go by chunks of 65,536 places: how many chunks, their numbers, how many places each has less one, the places'
lower halves; all 16-bit numbers. A list that would be longer than a bit a place is a zero and a bitmap.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
        return np.flatnonzero(np.unpackbits(self.bits).view(np.bool_)).astype(np.uint32)     # three times as fast as of numbers

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


def encode(numbers: NDArray[np.int64], places: NDArray[np.int64], *, lists: int, of: int) -> list[bytes]:
    """Many lists as they are stored: the number of its list for each place, ascending, and the place, ascending in its list.

    lists: how many there are, none of them empty; of: how many places the segment has.
    """
    counts = np.bincount(numbers, minlength=lists)
    first = np.cumsum(counts) - counts
    groups = _starts(numbers * (1 << 32) + (places >> 16))
    list_of_group = numbers[groups]
    chunks = np.bincount(list_of_group, minlength=lists)
    place_in_list = np.arange(len(groups)) - (np.cumsum(chunks) - chunks)[list_of_group]
    sizes = 1 + 2 * chunks + counts
    starts = np.cumsum(sizes) - sizes
    stored = np.empty(int(sizes.sum()), "<u2")
    stored[starts] = chunks
    stored[starts[list_of_group] + 1 + place_in_list] = places[groups] >> 16
    stored[starts[list_of_group] + 1 + chunks[list_of_group] + place_in_list] = np.diff(groups, append=len(places)) - 1
    stored[np.repeat(starts + 1 + 2 * chunks - first, counts) + np.arange(len(places))] = places & (_CHUNK - 1)
    data = stored.tobytes()
    blobs = [data[2 * start : 2 * (start + size)] for start, size in zip(starts.tolist(), sizes.tolist(), strict=True)]
    for number in np.flatnonzero(16 * counts > of).tolist():
        bits = np.zeros(of, np.uint8)
        bits[places[first[number] : first[number] + counts[number]]] = 1
        blobs[number] = _BITMAP + np.packbits(bits).tobytes()
    return blobs


def decode(blob: bytes, *, rows: int, of: int) -> PostingList:
    """A stored list; sqlite3.DatabaseError when it is not one of `rows` of the `of` places of its segment."""
    if blob[:2] == _BITMAP:
        bits = np.frombuffer(blob, np.uint8, offset=2)
        if len(bits) != -(-of // 8) or (of % 8 and int(bits[-1]) & (255 >> of % 8)):
            raise _malformed()
        return PostingList(rows, None, bits)
    stored = np.frombuffer(blob, "<u2", count=len(blob) // 2)
    chunks = int(stored[0]) if len(stored) else 0
    head = 1 + 2 * chunks
    if not chunks or len(stored) != head + rows or len(blob) % 2 or (chunks == 1 and int(stored[2]) != rows - 1):
        raise _malformed()
    if chunks == 1:
        places = stored[head:].astype(np.uint32)
        places += np.uint32(int(stored[1]) << 16)
    else:
        lengths = stored[1 + chunks : head].astype(np.int64) + 1
        if int(lengths.sum()) != rows:
            raise _malformed()
        places = np.repeat(stored[1 : 1 + chunks].astype(np.uint32) << np.uint32(16), lengths)
        places += stored[head:]
    if int(places.max()) >= of:
        raise _malformed()
    return PostingList(rows, places, None)


def decode_together(blobs: Sequence[bytes], rows: Sequence[int], *, of: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places of many stored lists in one array, and for each the number of its list; errors as of `decode`."""
    bitmaps = {number: decode(blob, rows=rows[number], of=of) for number, blob in enumerate(blobs) if blob[:2] == _BITMAP}
    short = [number for number in range(len(blobs)) if number not in bitmaps]
    numbers, places = _decode_short([blobs[number] for number in short], [rows[number] for number in short], of=of)
    listed = [np.array(short, np.int64)[numbers], *(np.full(one.rows, number) for number, one in bitmaps.items())]
    every = [places, *(one.places.astype(np.int64) for one in bitmaps.values())]
    return np.concatenate(listed), np.concatenate(every)


def _decode_short(blobs: Sequence[bytes], rows: Sequence[int], *, of: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    sizes = np.array([len(blob) for blob in blobs], np.int64)
    counts = np.array(rows, np.int64)
    if (sizes % 2).any() or (sizes < 2).any():
        raise _malformed()
    stored = np.frombuffer(b"".join(blobs), "<u2").astype(np.int64)
    starts = (np.cumsum(sizes) - sizes) // 2
    chunks = stored[starts]
    if (sizes != 2 * (1 + 2 * chunks + counts)).any():
        raise _malformed()
    list_of_group = np.repeat(np.arange(len(blobs)), chunks)
    place_in_list = np.arange(len(list_of_group)) - (np.cumsum(chunks) - chunks)[list_of_group]
    at = starts[list_of_group] + 1 + place_in_list
    lengths = stored[at + chunks[list_of_group]] + 1
    if (np.bincount(list_of_group, weights=lengths, minlength=len(blobs)) != counts).any():
        raise _malformed()
    numbers = np.repeat(np.arange(len(blobs)), counts)
    lows = stored[np.repeat(starts + 1 + 2 * chunks - (np.cumsum(counts) - counts), counts) + np.arange(len(numbers))]
    places = np.repeat(stored[at] << 16, lengths) + lows
    if len(places) and int(places.max()) >= of:
        raise _malformed()
    return numbers, places


def _starts(values: NDArray[np.int64]) -> NDArray[np.intp]:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1]))[: len(values)])


def _malformed() -> sqlite3.DatabaseError:
    return sqlite3.DatabaseError("a list of the word index is malformed")
