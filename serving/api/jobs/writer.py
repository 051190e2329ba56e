"""The right to change the library, shared by what changes it in this process and held only while something does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retrieval.library import Library


class SharedWriter:
    """Opens the library for writing when somebody first needs it and closes it after the last. Thread-safe.

    So a `wenshi add` beside an idle service gets its turn, and the service waits for it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._users = 0
        self._library: Library | None = None

    @contextmanager
    def opened(self) -> Iterator[Library]:
        """LibraryError while another process writes; it says which."""
        with self._lock:
            if self._library is None:
                self._library = Library.open(self._directory, write=True)
            library = self._library
            self._users += 1
        try:
            yield library
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._library = None
                    library.close()
