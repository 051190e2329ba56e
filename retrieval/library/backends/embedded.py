"""The vectors of a library searched where they are: its own segments and the rows that came later."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
from numpy.typing import NDArray

from retrieval.library import reading
from retrieval.library.backends.interface import Hit, RowsOf
from retrieval.library.connections import edition_here
from retrieval.library.database import Database
from retrieval.library.filters import Selections, VideoFilter
from retrieval.library.remembering import forget, once
from retrieval.library.segments import SegmentDamage, State, VectorIndex
from retrieval.library.vector_kinds import CLIPS, TEXTS, VectorKind
from retrieval.records import Generation


class EmbeddedVectors:
    """What searches unless a store was named. Each answer is of one consistent state of the library."""

    def __init__(self, database: Database, selections: Selections) -> None:
        self._database = database
        self._selections = selections
        self._indexes = {kind.name: VectorIndex(database.directory, kind) for kind in (CLIPS, TEXTS)}

    def index(self, kind: VectorKind) -> VectorIndex:
        """The index over one kind of vectors."""
        return self._indexes[kind.name]

    def nearest(
        self, kind: VectorKind, rows_of: RowsOf[Hit], vector: NDArray[np.float32], *, limit: int,
        recall: float | None, where: VideoFilter | None,
    ) -> list[Hit]:  # fmt: skip
        """`VectorSearch.nearest`; `recall` chooses among the settings that were measured when the segment was built."""
        vector = np.asarray(vector, dtype=np.float32)
        index = self.index(kind)
        while True:
            try:
                return self._nearest_in(index, rows_of, vector, limit, recall, where)
            except SegmentDamage as damage:
                index.give_up(damage)        # at most once a file; its rows are in the database too
                with self._database.reading() as db:
                    forget(db, (State, kind.name))

    @contextmanager
    def snapshot(self, *, vectors: bool, generations: Collection[Generation]) -> Iterator[None]:
        """`VectorSearch.snapshot`; the states of all vectors are those of its beginning."""
        indexes = tuple(self._indexes.values()) if vectors else ()
        with ExitStack() as stack:
            with ExitStack() as locks:
                for index in indexes:
                    locks.enter_context(index.lock)
                stack.enter_context(self._database.snapshot())
                with self._database.reading() as db:
                    for kind in reading.search_in(db, generations):
                        forget(db, (State, kind.name))
                    for index in indexes:
                        self._state(db, index)
            yield

    def notice(self) -> None:
        """Nothing is missing."""

    def hurry(self, seconds: float) -> None:
        """Nobody is waited for."""

    def close(self) -> None:
        """Nothing to let go of: the database is the library's."""

    def _nearest_in(
        self, index: VectorIndex, rows_of: RowsOf[Hit], vector: NDArray[np.float32], limit: int,
        recall: float | None, where: VideoFilter | None,
    ) -> list[Hit]:  # fmt: skip
        with ExitStack() as stack:
            with index.lock:
                db = stack.enter_context(self._database.reading())
                state = self._state(db, index)
            if state is None:
                return []
            check_query(vector, dimension=state.dimension)
            if recall is not None and not 0 < recall <= 1:
                raise ValueError(f"recall is a share above 0 and up to 1, not {recall}")
            selected = self._selections.of(db, where)
            found = state.search(db, vector, limit=limit, recall=recall, selected=selected)
            return rows_of(db, found)

    def _state(self, db: sqlite3.Connection, index: VectorIndex) -> State | None:
        """What is searched of one kind, None while no generation is active; hold the lock of the index."""
        active = reading.active_generation(db, kind=index.kind)
        if active is None:
            return None
        number, generation = active
        return once(
            db, (State, index.kind.name),
            lambda: index.state(db, generation=number, dimension=generation.dimension, edition=edition_here(db)),
        )  # fmt: skip


def check_query(vector: NDArray[np.float32], *, dimension: int) -> None:
    """ValueError for a vector that cannot be compared with those of a generation."""
    if vector.shape != (dimension,):
        raise ValueError(f"the query has the shape {vector.shape}, not ({dimension},)")
    if not np.isfinite(vector).all() or not vector.any():
        raise ValueError("the query vector is zero or holds a number that is not finite")
