"""How a text longer than a model's context is read in full: in overlapping windows, each token counted once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Window:
    """Tokens [start, stop) are read together; [own_start, own_stop) of them are taken from this reading."""

    start: int
    stop: int
    own_start: int
    own_stop: int

    @property
    def owned(self) -> int:
        return self.own_stop - self.own_start


def split_windows(length: int, *, capacity: int, overlap: int | None = None) -> list[Window]:
    """Cover `length` tokens with windows of at most `capacity` tokens that overlap by `overlap` or more.

    `overlap`: None = a quarter of the capacity. Every token is owned by exactly one window; two neighbours share what
    they both read half and half, so that a token is taken from the reading that sees more around it. All windows but
    a single short one are full: the last is moved back to the end. Raises ValueError unless 0 <= overlap < capacity.
    """
    overlap = capacity // 4 if overlap is None else overlap
    if not 0 <= overlap < capacity:
        raise ValueError(f"overlap must be from 0 to capacity - 1 = {capacity - 1}, not {overlap}")
    if length <= capacity:
        return [Window(0, length, 0, length)]
    last = length - capacity
    starts = [*range(0, last, capacity - overlap), last]
    borders = [0, *((left + capacity + right) // 2 for left, right in pairwise(starts)), length]
    return [Window(start, start + capacity, borders[i], borders[i + 1]) for i, start in enumerate(starts)]
