"""A fair sample of a stream that is the same however the stream is cut or ordered."""

from __future__ import annotations

import heapq
import zlib
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Sample(Generic[Item]):
    """The `size` items whose keys have the smallest checksums: every item has the same chance, and a rerun the same luck."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._heap: list[tuple[int, str, Item]] = []
        self.seen = 0

    def add(self, key: str, item: Item) -> None:
        """Offer an item under a key that no other item has."""
        self.seen += 1
        rank = -zlib.crc32(key.encode("utf-8", "backslashreplace"))
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, (rank, key, item))
        elif self._size and (rank, key) > self._heap[0][:2]:
            heapq.heapreplace(self._heap, (rank, key, item))

    def items(self) -> list[Item]:
        """The sample, in order of the checksums."""
        return [item for _, _, item in sorted(self._heap, key=lambda entry: (-entry[0], entry[1]))]
