"""Whether others can reach a service of a library: what takes keys away in another process has to know.

A lock on a file beside the library says it, so that it ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from retrieval.library.database import database_errors

LOCK_NAME = "exposed.lock"


@contextmanager
def exposed(library: Path) -> Iterator[None]:
    """While the block runs, this process lets others reach the library. Any number of processes may.

    LibraryError where there is none, or where nothing can be written beside it.
    """
    with _opened(library) as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def exposure_looked_at(library: Path) -> Iterator[bool]:
    """Whether any process does; where none does, none begins to before the end of the block."""
    with _opened(library) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield True
        else:
            yield False


def _opened(library: Path) -> BinaryIO:
    with database_errors(library):
        return (library / LOCK_NAME).open("ab")
