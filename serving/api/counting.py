"""What a library holds, counted once for each of its editions: a count of a million clips takes seconds."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from retrieval.library import Library, LibraryStatus

_STANDS_FOR = 20            # times what a count took, where the latest is not needed


@dataclass(frozen=True)
class Count:
    """`edition` is never newer than `status`."""

    edition: tuple[str, int]
    status: LibraryStatus
    ended: float            # time.monotonic()
    seconds: float


class Counts:
    """Thread-safe: those who ask while one counts wait for that count and share it."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._last: Count | None = None

    def current(self) -> Count:
        """Nothing that was committed before this call is missing in it."""
        asked = self._library.edition()
        with self._lock:
            last = self._last
            if last is None or last.edition[0] != asked[0] or last.edition[1] < asked[1]:
                self._last = last = self._counted()
            return last

    def recent(self) -> Count:
        """The same, or one that is at most 20 times as old as it took to make: what asks again and again costs little."""
        last = self._last
        if last is not None and time.monotonic() - last.ended <= _STANDS_FOR * last.seconds:
            return last
        return self.current()

    def _counted(self) -> Count:
        began = time.monotonic()
        edition = self._library.edition()
        status = self._library.status()
        ended = time.monotonic()
        return Count(edition, status, ended, ended - began)
