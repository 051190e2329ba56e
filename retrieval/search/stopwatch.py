"""How long each stage of one search took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Adds up the seconds spent in each stage; made for one search, in one thread.

    The stages, of which a search need not have all: lexical, spelling, encode, recall, rank, exclude, fuse, diversify,
    moments.
    """

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - began

    def took_ms(self) -> dict[str, float]:
        """Milliseconds by stage, and `total` since the beginning: what is in no stage is only in the total."""
        total = time.perf_counter() - self._began
        return {name: 1000 * seconds for name, seconds in (self._seconds | {"total": total}).items()}
