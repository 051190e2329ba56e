"""The vectors of a library searched in a store that holds a copy, with what was written since the copy was made.

The store only proposes rows: those that the library no longer has, or that a filter does not let through at present, are
left out, and the others are ranked by their cosines to the vectors in the library. Rows newer than the newest in the
store are compared here; where those are too many, only a search among a few videos still compares theirs.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import BackendError
from retrieval.library import reading
from retrieval.library.backends.embedded import check_query
from retrieval.library.backends.interface import Hit, RowsOf, VectorStore
from retrieval.library.backends.patience import Patience
from retrieval.library.backends.payloads import FEW_VIDEOS, Condition, condition_of
from retrieval.library.backends.spaces import is_of_another, owner_mark, owner_marks, prefix_of, space_of
from retrieval.library.connections import edition_here
from retrieval.library.database import Database, select_in
from retrieval.library.filters import Selection, Selections, VideoFilter
from retrieval.library.segments import Hits, State, rescored, rows_after
from retrieval.library.vector_kinds import VectorKind
from retrieval.notices import Notice
from retrieval.records import Generation

MOST_FRESH = 20_000                 # rows that are not in the store yet and compared here, at most
_AT_ONCE = 8192                     # vectors that are read at once
_AGAIN_SECONDS = 60.0               # how often the store is asked what it holds while it lacks rows
_DOWN_SECONDS = 5.0                 # for so long a store that did not answer is not asked


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where the copy of a generation lies, what marks of owners begin with there, and this library's; None = none needed."""

    space: str
    marks: str
    mark: str | None


@dataclass(frozen=True, kw_only=True)
class _Copy:
    """What the store held of a space when it was asked: all rows up to the number `newest`; None = it has no such space."""

    space: str
    newest: int | None
    asked_at: float
    edition: tuple[str, int] | None = None          # of the library, when it was looked at for newer rows
    fresh: State | None = None                      # those rows, None = too many
    lacking: int = 0                                # how many, when they are too many: they are compared nowhere


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """One search: what is looked for, and in which state of the copy."""

    kind: VectorKind
    generation: int
    query: NDArray[np.float32]
    selected: Selection | None
    copy: _Copy


class StoredVectors:
    """What searches when a store was named."""

    def __init__(self, database: Database, selections: Selections, store: VectorStore, *, name: str | None) -> None:
        self._database = database
        self._selections = selections
        self._store = store
        self._name = name
        self._patience = Patience(store.name)
        self._lock = threading.RLock()
        self._copies: dict[str, _Copy] = {}         # by kind
        self._down: tuple[float, str] | None = None

    def nearest(
        self, kind: VectorKind, rows_of: RowsOf[Hit], vector: NDArray[np.float32], *, limit: int,
        recall: float | None, where: VideoFilter | None,
    ) -> list[Hit]:  # fmt: skip
        """`VectorSearch.nearest`; what share of the nearest is found is the store's business, `recall` says nothing."""
        vector = np.asarray(vector, dtype=np.float32)
        with self._database.reading() as db:
            active = reading.active_generation(db, kind=kind)
            if active is None or limit <= 0:
                return []
            check_query(vector, dimension=active[1].dimension)
            selected = self._selections.of(db, where)
            prefix = prefix_of(db, self._name)
            mark = None if self._name is None else owner_mark(db, prefix)
            place = _Place(space=space_of(prefix, kind, active[1]), marks=owner_marks(prefix), mark=mark)
        wide = vector.astype(np.float64)
        asked = _Asked(
            kind=kind, generation=active[0], query=(wide / np.linalg.norm(wide)).astype(np.float32), selected=selected,
            copy=self._copy_of(kind, place, generation=active[0], dimension=len(vector)),
        )  # fmt: skip
        with self._unless_down():
            return self._answer(asked, rows_of, where, limit)

    def snapshot(self, *, vectors: bool, generations: Collection[Generation]) -> AbstractContextManager[None]:
        """None: the store does not stand still, and the newest state is what its rows are looked up in."""
        return nullcontext()

    def notice(self) -> str | None:
        """How many rows are in no answer because they were not sent to the store yet."""
        lacking = sum(copy.lacking for copy in tuple(self._copies.values()))
        if not lacking:
            return None
        return Notice(
            f"{lacking} vectors are not in {self._store.name} yet: run `wenshi library push`.",
            zh=f"有 {lacking} 个向量还没有送到 {self._store.name}：请运行 `wenshi library push`。",
        )

    def hurry(self, seconds: float) -> None:
        """`VectorSearch.hurry`."""
        self._patience.end(seconds)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    @contextmanager
    def _unless_down(self) -> Iterator[None]:
        """Refuse for a while after the store did not answer in such a block."""
        if self._down is not None and monotonic() < self._down[0]:
            raise BackendError(self._down[1])
        try:
            yield
        except BackendError as error:
            self._down = (monotonic() + _DOWN_SECONDS, str(error))
            with self._lock:
                self._copies.clear()    # when it is back it may hold something else
            raise

    def _answer(self, asked: _Asked, rows_of: RowsOf[Hit], where: VideoFilter | None, limit: int) -> list[Hit]:
        """Ask deeper until enough of the proposed rows stand, or there are no more."""
        condition = condition_of(where, asked.selected)
        depth = min(limit, self._store.deepest)
        while True:
            proposed = self._proposed(asked, depth, condition)
            with self._database.reading() as db:
                hits = _standing(db, asked, proposed)
                if len(hits) >= limit or len(proposed) < depth or depth == self._store.deepest:
                    known = {number for number, _ in hits}
                    hits += [hit for hit in _unsent(db, asked, limit) if hit[0] not in known]
                    return rows_of(db, sorted(hits, key=lambda hit: (-hit[1], hit[0]))[:limit])
            depth = min(2 * depth, self._store.deepest)

    def _proposed(self, asked: _Asked, depth: int, condition: Condition) -> Hits:
        nothing = asked.selected is not None and not asked.selected.any()
        if asked.copy.newest is None or nothing:
            return []
        space = asked.copy.space
        return self._patience.ask(lambda: self._store.search(space, asked.query, limit=depth, condition=condition))

    def _newest(self, place: _Place) -> int | None:
        there = self._store.spaces()
        if is_of_another([space for space in there if space.startswith(place.marks)], place.mark):
            raise BackendError(
                f"{self._store.name} holds the copy of another library under this name, or of this one before it was "
                "restored: name another copy, or run `wenshi library push --replace`."
            )
        return self._store.newest(place.space) if place.space in there else None

    def _copy_of(self, kind: VectorKind, place: _Place, *, generation: int, dimension: int) -> _Copy:
        """What the store holds, asked again now and then, with the rows that came after it."""
        with self._lock, self._unless_down():       # so who waited for the lock does not wait for the store once more
            copy = self._copies.get(kind.name)
            if copy is None or copy.space != place.space or _is_old(copy):
                newest = self._patience.ask(lambda: self._newest(place))
                copy = _Copy(space=place.space, newest=newest, asked_at=monotonic())
            with self._database.reading() as db:
                copy = _with_fresh(db, copy, kind, generation, dimension)
            self._copies[kind.name] = copy
            return copy


def _is_old(copy: _Copy) -> bool:
    is_behind = copy.lacking > 0 or bool(copy.fresh and copy.fresh.pieces)
    return is_behind and monotonic() - copy.asked_at > _AGAIN_SECONDS


def _with_fresh(db: sqlite3.Connection, copy: _Copy, kind: VectorKind, generation: int, dimension: int) -> _Copy:
    """The copy with the rows that the library has now beyond it."""
    now, last = edition_here(db), copy.newest or 0
    if copy.edition == now:
        return copy
    before = copy.fresh
    if before is not None and (before.generation, before.edition[0]) != (generation, now[0]):
        before = None
    sql = f"SELECT count(*) FROM {kind.vectors} WHERE generation = ? AND number > ?"
    count = int(db.execute(sql, [generation, last]).fetchone()[0])
    if count > MOST_FRESH:
        return replace(copy, edition=now, fresh=None, lacking=count)
    fresh = rows_after(
        db, last, kind=kind, generation=generation, dimension=dimension, edition=now, before=before
    )
    return replace(copy, edition=now, fresh=fresh, lacking=0)


def _standing(db: sqlite3.Connection, asked: _Asked, proposed: Hits) -> Hits:
    """The proposed rows that the library has and that pass the filter, by their exact cosines."""
    hits = rescored(db, asked.kind, proposed, asked.query)
    if asked.selected is None:
        return hits
    sql = f"SELECT x.number, o.video FROM {asked.kind.rows} WHERE x.number IN {{in}}"
    videos = dict(select_in(db, sql, [number for number, _ in hits]))
    chosen = asked.selected
    return [hit for hit in hits if videos[hit[0]] < len(chosen) and chosen[videos[hit[0]]]]


def _unsent(db: sqlite3.Connection, asked: _Asked, limit: int) -> Hits:
    """The nearest of the rows that the store does not have yet, as far as they are compared here."""
    if asked.copy.fresh is not None:
        new = asked.copy.fresh.search(db, asked.query, limit=limit, selected=asked.selected)
        return _living(db, asked.kind, new)
    if asked.selected is None or np.count_nonzero(asked.selected) > FEW_VIDEOS:
        return []
    kind = asked.kind
    sql = (         # in this order: by the few videos, not by the many rows
        f"SELECT x.number FROM {kind.owner} o CROSS JOIN {kind.vectors} x ON x.{kind.key} = o.id "
        "WHERE x.generation = ? AND x.number > ? AND o.video IN {in}"
    )
    videos = np.flatnonzero(asked.selected).tolist()
    newer = [(number, 0.0) for (number,) in select_in(db, sql, videos, before=[asked.generation, asked.copy.newest or 0])]
    nearest: Hits = []
    for start in range(0, len(newer), _AT_ONCE):
        nearest += rescored(db, kind, newer[start : start + _AT_ONCE], asked.query)[:limit]
    return nearest


def _living(db: sqlite3.Connection, kind: VectorKind, hits: Hits) -> Hits:
    """The rows that the library still has."""
    sql = f"SELECT number FROM {kind.vectors} WHERE number IN {{in}}"
    there = {number for (number,) in select_in(db, sql, [number for number, _ in hits])}
    return [hit for hit in hits if hit[0] in there]
