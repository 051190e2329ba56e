"""Search over all vectors of a generation: its segment, the rows that came later, less those deleted since."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.library.database import select_in
from retrieval.library.segments import fresh, tables
from retrieval.library.segments.files import FileMark, SegmentDamage, file_mark
from retrieval.library.segments.segment import INVERTED, Segment
from retrieval.library.vector_kinds import VectorKind
from retrieval.library.vectors import unpack

_LOAD_ROWS = 8192
_RESCORED = 100                     # so many rows at least are ranked by their exact cosines
Hits = list[tuple[int, float]]


@dataclass(frozen=True, kw_only=True)
class State:
    """What one edition of a library holds of one generation; it never changes, so any number of threads may search it."""

    kind: VectorKind
    generation: int
    dimension: int
    edition: tuple[str, int]            # identity and revision
    has_tables: bool
    segment: Segment | None = None
    listed: str | None = None           # the name that the library lists, also when that file is damaged
    pieces: tuple[fresh.Piece, ...] = ()
    last: int = 0                       # the newest row it knows
    tombstone: int = 0                  # the newest tombstone it knows
    dead: frozenset[int] = field(default_factory=frozenset)
    alive: NDArray[np.bool_] | None = None      # of the rows of the segment, None while none was deleted

    def search(
        self,
        db: sqlite3.Connection,
        vector: NDArray[np.float32],
        *,
        limit: int,
        recall: float | None = None,
        selected: NDArray[np.bool_] | None = None,
    ) -> Hits:
        """Numbers of rows and their exact cosines to `vector` [D], of any length but 0, best first.

        `recall` chooses among the settings that were measured when the segment was built. `selected` [videos.number]
        restricts the search to some videos. `db` sees the edition of the state. SegmentDamage when a block turns out
        to be damaged.
        """
        if limit <= 0:
            return []
        wide = np.asarray(vector, np.float64)
        query = (wide / np.linalg.norm(wide)).astype(np.float32)
        inverted = self.segment is not None and self.segment.stored.kind == INVERTED
        depth = max(limit, _RESCORED) if inverted else limit
        found = list(self._found(query, depth, recall, selected))
        hits = _best(found, depth)
        if inverted:
            hits = rescored(db, self.kind, hits, query)
        return hits[:limit]

    def _found(
        self, query: NDArray[np.float32], limit: int, recall: float | None, selected: NDArray[np.bool_] | None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        if self.segment is not None:
            allowed = _both(self.alive, self.segment.of_videos(selected))
            yield self.segment.search(query, limit=limit, recall=recall, allowed=allowed)
        for piece in self.pieces:
            allowed = _both(_without(piece.numbers, self.dead), fresh.of_videos(piece.videos, selected))
            yield fresh.search_piece(piece, query, limit=limit, allowed=allowed)


class VectorIndex:
    """The newest state of one kind of vectors, kept in step with the database.

    Hold `lock` from before the first read of a transaction until `state` has returned; search after that without it.
    """

    def __init__(self, directory: Path, kind: VectorKind) -> None:
        self.kind = kind
        self.lock = threading.Lock()
        self.damaged: dict[str, FileMark | None] = {}   # by name: files that are not used until they are made again
        self._directory = directory
        self._state: State | None = None

    def state(self, db: sqlite3.Connection, *, generation: int, dimension: int, edition: tuple[str, int]) -> State:
        """The state of the edition that `db` sees: caught up with, or begun anew where the library was replaced.

        An edition that is older than the newest is made by itself and not kept.
        """
        before = self._state
        wanted = (generation, dimension, edition[0])
        if before is None or (before.generation, before.dimension, before.edition[0]) != wanted:
            before = None
        elif before.edition == edition:
            return before
        newest = before is None or before.edition[1] < edition[1]
        has_tables = tables.have_tables(db, self.kind)
        listed = tables.segment_name(db, self.kind, generation) if has_tables else None
        if before is None or not newest or not before.has_tables or listed != before.listed or self._was_made_again(listed):
            before = self._opened(db, State(
                kind=self.kind, generation=generation, dimension=dimension, edition=edition, has_tables=has_tables,
                listed=listed,
            ))  # fmt: skip
        state = replace(_caught_up(db, before), edition=edition)
        if newest:
            self._state = state
        return state

    def give_up(self, damage: SegmentDamage) -> None:
        """Go on without a segment: its rows are read out of SQLite, until a writer makes it again."""
        with self.lock:
            self._mark(damage.name)
            self._state = None

    def _mark(self, name: str) -> None:
        self.damaged[name] = file_mark(self._directory, name)

    def _was_made_again(self, name: str | None) -> bool:
        """Whether a damaged file was replaced; of the same rows comes a file of the same name."""
        if name is None or name not in self.damaged or self.damaged[name] == file_mark(self._directory, name):
            return False
        del self.damaged[name]
        return True

    def _opened(self, db: sqlite3.Connection, state: State) -> State:
        """The state with the listed segment, or without any when that cannot be used."""
        tombstone = tables.last_tombstone(db, self.kind) if state.has_tables else 0
        if state.listed is None or state.listed in self.damaged:
            return replace(state, tombstone=tombstone)
        try:
            stored = tables.listed(db, self.kind).get(state.generation)
            if stored is None or stored.dimension != state.dimension:
                raise SegmentDamage(state.listed, "is listed in a damaged row or by another version of Wenshi")
            segment = Segment(self._directory, stored)
        except SegmentDamage:
            self._mark(state.listed)
            return replace(state, tombstone=tombstone)
        return replace(state, segment=segment, last=stored.last)


def rows_after(
    db: sqlite3.Connection, last: int, *, kind: VectorKind, generation: int, dimension: int, edition: tuple[str, int],
    before: State | None = None,
) -> State:  # fmt: skip
    """A state of the rows above the number `last` alone, all in memory; before: an earlier one of the same, to go on from."""
    has_tables = tables.have_tables(db, kind)
    listed = tables.segment_name(db, kind, generation) if has_tables else None
    if before is None or not before.has_tables or listed != before.listed:      # a new segment takes tombstones with it
        before = State(
            kind=kind, generation=generation, dimension=dimension, edition=edition, has_tables=has_tables, last=last,
            listed=listed, tombstone=tables.last_tombstone(db, kind) if has_tables else 0,
        )
    return replace(_caught_up(db, before), edition=edition)


def _caught_up(db: sqlite3.Connection, state: State) -> State:
    pieces, last = state.pieces, state.last
    sql = (
        f"SELECT x.number, o.video, x.vector FROM {state.kind.rows} "
        "WHERE x.generation = ? AND x.number > ? ORDER BY x.number"
    )
    rows = db.execute(sql, [state.generation, last])
    while part := rows.fetchmany(_LOAD_ROWS):
        numbers, videos = (np.array([row[i] for row in part], np.int64) for i in (0, 1))
        new = fresh.piece(numbers, videos, unpack([row[2] for row in part], dimension=state.dimension))
        pieces, last = fresh.appended(pieces, new), int(numbers[-1])
    state = replace(state, pieces=pieces, last=last)
    if not state.has_tables:
        return state
    dead = np.array(tables.tombstones(db, state.kind, state.generation, after=state.tombstone), np.int64)
    state = replace(state, tombstone=tables.last_tombstone(db, state.kind))
    return _buried(state, dead) if len(dead) else state


def _buried(state: State, dead: NDArray[np.int64]) -> State:
    """The state without these rows."""
    alive = state.alive
    if state.segment is not None and len(places := state.segment.positions(dead)):
        alive = np.ones(len(state.segment.numbers), np.bool_) if alive is None else alive.copy()
        alive[places] = False
    covered = state.segment.stored.last if state.segment is not None else 0
    return replace(state, alive=alive, dead=state.dead | frozenset(dead[dead > covered].tolist()))


def _without(numbers: NDArray[np.int64], dead: frozenset[int]) -> NDArray[np.bool_] | None:
    return ~np.isin(numbers, list(dead)) if dead else None


def _both(left: NDArray[np.bool_] | None, right: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    if left is None or right is None:
        return right if left is None else left
    return left & right


def _best(found: list[tuple[NDArray[np.int64], NDArray[np.float32]]], limit: int) -> Hits:
    numbers = np.concatenate([part for part, _ in found] or [np.zeros(0, np.int64)])
    scores = np.clip(np.concatenate([part for _, part in found] or [np.zeros(0, np.float32)]), -1.0, 1.0)
    order = np.lexsort((numbers, -scores))[:limit]
    return list(zip(numbers[order].tolist(), scores[order].tolist(), strict=True))


def rescored(db: sqlite3.Connection, kind: VectorKind, hits: Hits, query: NDArray[np.float32]) -> Hits:
    """Those of the rows that are still there, by their exact cosines to the unit vector `query`, from the stored vectors."""
    sql = f"SELECT number, vector FROM {kind.vectors} WHERE number IN {{in}}"
    rows = list(select_in(db, sql, [number for number, _ in hits]))
    if not rows:
        return []
    scores = np.clip(unpack([blob for _, blob in rows], dimension=len(query)) @ query, -1.0, 1.0)
    numbers = np.array([number for number, _ in rows], np.int64)
    return _best([(numbers, scores)], len(rows))
