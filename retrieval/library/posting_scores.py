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
_GROWN = 16                 # times as many candidates, before the best of them are looked for again
_MANY = 50_000              # rows of the lists that will be added: with more, one look at all places takes less than noting them
_DENSE = 32                 # zeroing one place by its number takes as long as zeroing so many in a row


class Places(Protocol):
    """What `best_places` needs of a list."""

    @property
    def rows(self) -> int: ...
    @property
    def bits(self) -> NDArray[np.uint8] | None: ...
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
    left, reached = float(sum(term.weight for term in ordered)), floor
    with _sums(len(norms)) as sums:
        found = _Candidates(sums, norms, allowed)
        for number, term in enumerate(ordered):
            if term.listed.rows > _WORTH_A_LOOK:
                reached = max(reached, found.reached(ordered[number:], limit))
                enough = reached * (1 - _ROUNDING) / greatest_norm
                if left < enough:
                    break
                if enough and _rows_before(enough, ordered[number:], left) > _MANY:
                    found.note_no_more()
            found.add(term)
            left -= term.weight
        else:
            number, left = len(ordered), 0.0
        reached = max(reached, found.reached_by_all(ordered[number:], limit))
        return _finish(found, ordered[number:], left=left, reached=reached, limit=limit, floor=floor)


def _rows_before(enough: float, terms: Sequence[Term], left: float) -> int:
    """How many rows are in the lists up to the one from which on all together do not give a row enough."""
    rows = 0
    for term in terms:
        if left < enough:
            break
        rows += term.listed.rows
        left -= term.weight
    return rows


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
    """The rows that some list holds, of those that are allowed, and the sums [places] of what they have so far.

    At first the rows are noted as they come; later, where many are to come, they are the places with a sum at all.
    """

    def __init__(self, sums: _Sums, norms: NDArray[np.float32], allowed: Allowed) -> None:
        self._sums, self.norms, self._allowed = sums, norms, allowed
        self._parts = [np.zeros(0, np.uint32)]
        self._count = self._looked_at = self._parts_looked_at = 0
        self._leaders = self._parts[0]
        self._noting = True

    def note_no_more(self) -> None:
        """From now on rows are added faster, and `open_with` takes a look at every place."""
        self._noting = False

    def add(self, term: Term) -> None:
        """Give a list's weight to every row that it holds."""
        if not self._noting:
            self._sums.add_unnoted(term.listed, np.float32(term.weight))
            return
        new = self._sums.add(term.listed.places, np.float32(term.weight))
        if len(new := self._allowed.of(new)):
            self._parts.append(new)
            self._count += len(new)

    def open_with(self, more: float, enough: float) -> NDArray[np.uint32]:
        """The places of those to which so much more could give a score that is enough, [n]; more cannot be enough alone."""
        if self._noting:
            places = np.concatenate(self._parts)
            return places.take(np.flatnonzero((self.held(places) + np.float32(more)) * self.norms.take(places) >= enough))
        bounds = self._sums.values + np.float32(more)
        bounds *= self.norms
        return self._allowed.of(np.flatnonzero(bounds >= enough).astype(np.uint32))

    def held(self, places: NDArray[np.uint32]) -> NDArray[np.float32]:
        """What these places have so far."""
        return self._sums.values.take(places)

    def reached(self, left: Sequence[Term], limit: int) -> float:
        """What the last of `limit` rows has that stand out so far, with what the lists that are left add to them; 0 where
        nothing is known that was not known at the last look.
        """
        if not self._noting or self._count < max(limit, _GROWN * self._looked_at):
            return 0.0
        self._looked_at = self._count
        places = np.concatenate([self._leaders, *self._parts[self._parts_looked_at :]])
        self._parts_looked_at = len(self._parts)
        return self._reached_by(places, left, limit)

    def reached_by_all(self, left: Sequence[Term], limit: int) -> float:
        """The same at the end of adding, of all rows that have as much as the best of the last look; 0 where all are noted."""
        least = 0.0 if self._noting else _nth(self.held(self._leaders), limit)
        if not least:
            return 0.0
        as_much = np.flatnonzero(self._sums.values >= least).astype(np.uint32)
        return self._reached_by(self._allowed.of(as_much), left, limit)

    def _reached_by(self, places: NDArray[np.uint32], left: Sequence[Term], limit: int) -> float:
        """What the last of `limit` of these rows that stand out so far has, with all lists."""
        scores = self.held(places) * self.norms.take(places)
        if len(places) > 2 * limit:
            places = places[np.argpartition(scores, len(scores) - 2 * limit)[-2 * limit :]]
        self._leaders = places
        held = self.held(places)
        for term in left:
            held = held + np.float32(term.weight) * term.listed.holds(places)
        return _nth(held * self.norms.take(places), limit)


def _finish(
    found: _Candidates, terms: Sequence[Term], *, left: float, reached: float, limit: int, floor: float
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Ask the lists that are left about the candidates, and drop those that cannot be among the best any more.

    reached: what `limit` rows have at least, as far as is known; floor: what a row must have anyhow.
    """
    places = found.open_with(left, reached * (1 - _ROUNDING))
    held, norms = found.held(places), found.norms.take(places)
    for term in terms:
        held = held + np.float32(term.weight) * term.listed.holds(places)
        left -= term.weight
        if len(places) > 4 * limit:
            reached = max(reached, _nth(held * norms, limit))
        # by number, which takes a third of the time that a mask takes
        open_ = np.flatnonzero((held + np.float32(left)) * norms >= reached * (1 - _ROUNDING))
        places, norms, held = places.take(open_), norms.take(open_), held.take(open_)
    scores = held * norms
    kept = scores >= max(floor, _nth(scores, limit))
    return places[kept], scores[kept]


def _nth(scores: NDArray[np.float32], limit: int) -> float:
    """The `limit`-th highest score, 0 where there are fewer."""
    if len(scores) < limit:
        return 0.0
    return float(np.partition(scores, len(scores) - limit)[len(scores) - limit])


class _Sums:
    """A sum for each place, zero at first."""

    def __init__(self, values: NDArray[np.float32]) -> None:
        self.values = values
        self._touched: list[NDArray[np.uint32]] = []
        self._anywhere = False

    def add(self, places: NDArray[np.uint32], weight: np.float32) -> NDArray[np.uint32]:
        """Add a weight at these distinct places; those that had nothing before."""
        before = self.values.take(places)
        self.values[places] = before + weight
        new = places.take(np.flatnonzero(before == 0))
        self._touched.append(new)
        return new

    def add_unnoted(self, listed: Places, weight: np.float32) -> None:
        """Add a weight at all places of a list."""
        self._anywhere = True
        if listed.bits is not None:     # faster than looking for the places of a bitmap
            self.values += np.unpackbits(listed.bits, count=len(self.values)) * weight
        else:
            np.add.at(self.values, listed.places, weight)

    def clear(self) -> None:
        """Make them zero again."""
        if self._anywhere or _DENSE * sum(map(len, self._touched)) > len(self.values):
            self.values.fill(0)
            return
        for part in self._touched:
            self.values[part] = 0


_buffers = threading.local()


@contextmanager
def _sums(places: int) -> Iterator[_Sums]:
    """Sums in an array that this thread uses again."""
    buffer: NDArray[np.float32] | None = getattr(_buffers, "sums", None)
    if buffer is None or len(buffer) < places:
        buffer = np.zeros(places, np.float32)
    _buffers.sums = None
    sums = _Sums(buffer[:places])
    yield sums
    sums.clear()
    _buffers.sums = buffer
