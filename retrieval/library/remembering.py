"""What was found once in a snapshot of the database need not be looked for again before that ends."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Found = TypeVar("Found")


class RememberingConnection(sqlite3.Connection):
    """known: what was found in the snapshot that is being read, None outside of one."""

    known: dict[Hashable, Any] | None = None


@contextmanager
def snapshot(db: RememberingConnection) -> Iterator[None]:
    """Within the block all that is read is of one state, and `once` remembers; the caller ends the transaction."""
    db.known = {}
    try:
        db.execute("BEGIN")
        yield
    finally:
        db.known = None


def once(db: sqlite3.Connection, key: Hashable, find: Callable[[], Found]) -> Found:
    """What `find` gives, which is asked once in a snapshot, and every time where the connection is in none."""
    known = db.known if isinstance(db, RememberingConnection) else None
    if known is None:
        return find()
    if key not in known:
        known[key] = find()
    found: Found = known[key]
    return found


def remember(db: sqlite3.Connection, key: Hashable, found: Any) -> None:
    """Let `once` give this for the rest of the snapshot, whatever it gave before."""
    if isinstance(db, RememberingConnection) and db.known is not None:
        db.known[key] = found


def forget(db: sqlite3.Connection, key: Hashable) -> None:
    """Let `once` find this again."""
    if isinstance(db, RememberingConnection) and db.known is not None:
        db.known.pop(key, None)
