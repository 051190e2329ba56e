"""Pictures between processes: a block of shared memory in slots, so that no frame is copied through a pipe."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import WenshiError

MOST_PICTURES = 8  # a clip has at most this many


@dataclass(frozen=True)
class SlotLayout:
    """`name`: of the shared memory; each slot holds MOST_PICTURES pictures of height × width × 3 bytes."""

    name: str
    slots: int
    height: int
    width: int

    @property
    def slot_bytes(self) -> int:
        return MOST_PICTURES * self.height * self.width * 3


class PictureSlots:
    """Made by the parent, which owns and unlinks it; a child opens it by its layout."""

    def __init__(self, layout: SlotLayout, *, create: bool) -> None:
        self.layout = layout
        size = layout.slots * layout.slot_bytes
        self._memory = SharedMemory(name=layout.name, create=create, size=size if create else 0)
        self._owner = create
        if create:
            self._reserve(size)

    def _reserve(self, size: int) -> None:
        """Take the memory now: a write to a page that the system cannot give later would end the process."""
        file = Path("/dev/shm", self.layout.name)
        if not file.exists() or not hasattr(os, "posix_fallocate"):
            return
        try:
            with file.open("r+b") as opened:
                os.posix_fallocate(opened.fileno(), 0, size)
        except OSError as error:
            self.close()
            raise WenshiError(
                f"There is no room for {size / 2**20:.0f} MiB of shared memory ({error.strerror}): use fewer --jobs, or "
                "give /dev/shm more (in a container, --shm-size)."
            ) from None

    def view(self, slot: int, count: int) -> NDArray[np.uint8]:
        """[count, height, width, 3] of one slot, without a copy."""
        shape = (count, self.layout.height, self.layout.width, 3)
        return np.ndarray(shape, np.uint8, self._memory.buf, offset=slot * self.layout.slot_bytes)

    def close(self) -> None:
        self._memory.close()
        if self._owner:
            self._memory.unlink()


class SlotWriter:
    """The child's side: waits for a free slot before it writes, which holds decoding back to the encoder's pace."""

    def __init__(self, layout: SlotLayout, wait_for_slot: Callable[[], int]) -> None:
        self._slots = PictureSlots(layout, create=False)
        self._free: deque[int] = deque(range(layout.slots))
        self._wait_for_slot = wait_for_slot

    def write(self, pictures: NDArray[np.uint8]) -> int:
        while not self._free:
            self._free.append(self._wait_for_slot())
        slot = self._free.popleft()
        self._slots.view(slot, len(pictures))[:] = pictures
        return slot

    def release(self, slot: int) -> None:
        self._free.append(slot)
