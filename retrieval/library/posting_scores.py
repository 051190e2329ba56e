"""The best rows of one segment of the word index by a weighted sum over lists, without looking at every row.

Rare lists come first. Once all lists that are left cannot lift a row that none of the others holds among the best, the
long lists are only asked about the rows that are still in question. Source of the idea: Turtle and Flood, "Query
evaluation: strategies and optimizations" (IPM 1995). The result is the same as that of scoring every row.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.library.posting_lists import PostingList

_WORTH_A_LOOK = 2000        # a list of fewer rows is added up faster than the bound is found
_ROUNDING = 1e-4            # what sums of single precision may be off by, as a share


class Places(Protocol):
    """What `best_places` needs of a list."""

    @property
    def rows(self) -> int: ...
    @property
    def places(self) -> NDArray[np.uint32]: ...
    def holds(self, places: NDArray[np.uint32]) -> NDArray[np.bool_]: ...


@dataclass(frozen=True)
class Term:
    """A list and what each of its rows gets for being in it."""

    weight: float
    listed: Places


def together(lists: Sequence[PostingList], weight: float) -> list[Term]:
    """Terms that give each row `weight` for every one of these lists that holds it; as few terms as can be."""
    if not lists:
        return []
    every = np.sort(np.concatenate([one.places for one in lists]))
    terms = []
    while len(every):           # the places, those held twice or more, those held three times or more
        first = np.diff(every, prepend=np.uint32(2**32 - 1)) != 0
        terms.append(Term(weight, PostingList(int(first.sum()), every[first], None)))
        every = every[~first]
    return terms


def best_places(
    terms: Sequence[Term], norms: NDArray[np.float32], *, greatest_norm: float, allowed: Allowed, limit: int, floor: float
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Places and scores, in no order, of the `limit` best and of all that are equal to the last of them.

    A row's score is the sum of the weights of the lists that hold it, times its norm [places]. Only rows that are
    allowed, hold something and reach `floor` count.
    """
    ordered = sorted(terms, key=lambda term: term.listed.rows)
    total = left = float(sum(term.weight for term in ordered))
    with _sums(len(norms)) as (sums, touched):
        found = _Candidates(norms, allowed)
        for number, term in enumerate(ordered):
            if term.listed.rows > _WORTH_A_LOOK:
                if left < total - left:     # before that, no row can have more than what is left
                    floor = max(floor, found.floor(sums, limit))
                if left * greatest_norm < floor * (1 - _ROUNDING):
                    return _finish(found, sums, ordered[number:], left=left, limit=limit, floor=floor)
            places = term.listed.places
            before = sums[places]
            touched.append(places)
            sums[places] = before + np.float32(term.weight)
            found.add(places[before == 0])
            left -= term.weight
        return _finish(found, sums, (), left=0.0, limit=limit, floor=floor)


class Allowed:
    """Which rows may be found: those that are not dead, of videos that are selected."""

    def __init__(
        self, videos: NDArray[np.uint32], *, dead: NDArray[np.bool_] | None, selected: NDArray[np.bool_] | None
    ) -> None:
        self._videos, self._dead, self._selected = videos, dead, selected

    def of(self, places: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Those of the places that are allowed."""
        if self._dead is not None:
            places = places[~self._dead[places]]
        if self._selected is not None:
            places = places[self._selected[np.minimum(self._videos[places], len(self._selected) - 1)]]
        return places


class _Candidates:
    """The rows that some list holds, of those that are allowed."""

    def __init__(self, norms: NDArray[np.float32], allowed: Allowed) -> None:
        self._norms, self._allowed = norms, allowed
        self._parts = [(np.zeros(0, np.uint32), np.zeros(0, np.float32))]
        self._count = 0

    def add(self, places: NDArray[np.uint32]) -> None:
        places = self._allowed.of(places)
        self._parts.append((places, self._norms[places]))
        self._count += len(places)

    def all(self) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
        """Their places and norms."""
        if len(self._parts) > 1:
            places, norms = zip(*self._parts, strict=True)
            self._parts = [(np.concatenate(places), np.concatenate(norms))]
        return self._parts[0]

    def floor(self, sums: NDArray[np.float32], limit: int) -> float:
        """What the last of the `limit` best has so far."""
        if self._count < limit:
            return 0.0
        places, norms = self.all()
        return _nth(sums[places] * norms, limit)


def _finish(
    found: _Candidates, sums: NDArray[np.float32], terms: Sequence[Term], *, left: float, limit: int, floor: float
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Ask the lists that are left about the candidates, and drop those that cannot be among the best any more."""
    places, norms = found.all()
    held = sums[places]
    for term in terms:
        open_ = (held + np.float32(left)) * norms >= floor * (1 - _ROUNDING)
        places, norms, held = places[open_], norms[open_], held[open_]
        held = held + np.float32(term.weight) * term.listed.holds(places)
        left -= term.weight
        if len(places) > 4 * limit:
            floor = max(floor, _nth(held * norms, limit))
    scores = held * norms
    kept = scores >= max(floor, _nth(scores, limit))
    return places[kept], scores[kept]


def _nth(scores: NDArray[np.float32], limit: int) -> float:
    """The `limit`-th highest score, 0 where there are fewer."""
    if len(scores) < limit:
        return 0.0
    return float(np.partition(scores, len(scores) - limit)[len(scores) - limit])


_buffers = threading.local()


@contextmanager
def _sums(places: int) -> Iterator[tuple[NDArray[np.float32], list[NDArray[np.uint32]]]]:
    """A sum of zero for each place, of an array that this thread uses again; every place that is touched must be named."""
    buffer: NDArray[np.float32] | None = getattr(_buffers, "sums", None)
    if buffer is None or len(buffer) < places:
        buffer = np.zeros(places, np.float32)
    _buffers.sums = None
    touched: list[NDArray[np.uint32]] = []
    yield buffer[:places], touched
    for part in touched:
        buffer[part] = 0
    _buffers.sums = buffer
