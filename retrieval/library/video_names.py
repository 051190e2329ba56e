"""The ids of videos by their numbers, kept in memory: rows of evidence and clips name their video by number."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection

from retrieval.library.connections import edition_here
from retrieval.library.database import select_in

_MOST = 200_000                     # about 150 bytes each


class VideoNames:
    """Ids of videos that were asked for; a number is never given to another video. Safe to ask from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._identity = ""
        self._ids: dict[int, str] = {}

    def of(self, db: sqlite3.Connection, numbers: Collection[int]) -> dict[int, str]:
        """The ids of these videos; an unknown one is left out."""
        identity, _ = edition_here(db)
        with self._lock:
            if identity != self._identity or len(self._ids) > _MOST:
                self._identity, self._ids = identity, {}
            kept = self._ids
        unknown = [number for number in set(numbers) if number not in kept]
        kept.update(select_in(db, "SELECT number, id FROM videos WHERE number IN {in}", unknown))
        return {number: kept[number] for number in set(numbers) if number in kept}
