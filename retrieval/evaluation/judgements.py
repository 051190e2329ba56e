"""Relevance judgements: which items answer a query, and how well."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Relevant = Iterable[int] | Mapping[int, float]
_FEWEST_DRAWS = 20      # with fewer large ones a sample says little about chance


@dataclass(frozen=True, kw_only=True)
class Judgements:
    """Judged items of Q queries, one query after the other.

    offsets: [Q + 1]; query q owns entries offsets[q] to offsets[q + 1]. items: [M] column ids, ascending within a query.
    grades: [M], above 0 = relevant, 0 = judged and found irrelevant. item_count: N, the size of the gallery.
    """

    offsets: NDArray[np.int64]
    items: NDArray[np.int64]
    grades: NDArray[np.float64]
    item_count: int

    @classmethod
    def diagonal(cls, size: int) -> Judgements:
        """Query i is answered by item i and by nothing else."""
        return cls(offsets=np.arange(size + 1), items=np.arange(size), grades=np.ones(size), item_count=size)

    @classmethod
    def of(cls, relevant: Sequence[Relevant] | None, shape: tuple[int, int]) -> Judgements:
        """Judgements for a similarity of this shape: sets of column ids, mappings id -> grade, or None = diagonal.

        Raises ValueError if their number is not Q, if one is empty or without a grade above 0, if an id is not a column,
        or if the diagonal of a matrix that is not square is asked for.
        """
        queries, items = shape
        if relevant is None:
            if queries != items:
                raise ValueError(
                    f"similarity is {queries} x {items}: without judgements query i is answered by item i, "
                    "which needs as many items as queries"
                )
            return cls.diagonal(queries)
        if getattr(relevant, "shape", None) == shape:
            raise ValueError("relevant is a matrix: give the column ids of the relevant items, a set for each query")
        if len(relevant) != queries:
            raise ValueError(f"there are {queries} queries, but judgements for {len(relevant)}")
        return cls._joined([_judged(query, one, items) for query, one in enumerate(relevant)], items)

    @classmethod
    def _joined(cls, judged: Sequence[Mapping[int, float]], item_count: int) -> Judgements:
        lengths = [len(one) for one in judged]
        return cls(
            offsets=np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))),
            items=np.array([item for one in judged for item in one], dtype=np.int64),
            grades=np.array([grade for one in judged for grade in one.values()], dtype=np.float64),
            item_count=item_count,
        )

    @property
    def query_count(self) -> int:
        return len(self.offsets) - 1

    @property
    def query_of(self) -> NDArray[np.int64]:
        """[M] the query that owns each entry."""
        return np.repeat(np.arange(self.query_count), np.diff(self.offsets))

    @property
    def single(self) -> bool:
        """Whether every query has exactly one judged item, of grade 1: nothing is left to grade."""
        return self.query_count == len(self.items) and bool(np.all(self.grades == 1))

    @property
    def one_to_one(self) -> bool:
        """Whether every query has one item, every item one query, and none is left over."""
        return self.single and self.item_count == self.query_count == len(np.unique(self.items))

    def relevant_only(self) -> Judgements:
        """Without the entries that were judged irrelevant."""
        keep = self.grades > 0
        kept = np.concatenate(([0], np.cumsum(keep)))
        return Judgements(
            offsets=kept[self.offsets], items=self.items[keep], grades=self.grades[keep], item_count=self.item_count
        )

    def draws(self) -> Draws:
        """What a bootstrap of both directions draws together: an item, its queries, and what these join it to.

        Items that share queries are one draw, unless so many are joined, as by broad queries, that more than a 20th of all
        items would be: those are drawn one by one, and each of their queries with one of its best graded items, the one with
        the fewest queries so far, so that not all hang on one item. Items that answer no query are not drawn.
        """
        relevant = self.relevant_only()
        columns, places = np.unique(relevant.items, return_inverse=True)
        places = places.reshape(-1)
        pieces = relevant._joined_items(places, len(columns))
        large = np.bincount(pieces)[pieces] > max(1, len(columns) // _FEWEST_DRAWS)
        items = np.where(large, np.arange(len(columns)), pieces)
        queries = items[relevant._spread_items(places, len(columns))]
        numbers, items = np.unique(items, return_inverse=True)
        return Draws(queries=np.searchsorted(numbers, queries), items=items.reshape(-1))

    def _joined_items(self, places: NDArray[np.int64], count: int) -> NDArray[np.int64]:
        """[count] of each item the first of all items that queries join it to; places: [M] the items of the entries."""
        first = np.arange(count)
        while True:
            joined = first.copy()
            np.minimum.at(joined, places, np.minimum.reduceat(first[places], self.offsets[:-1])[self.query_of])
            joined = joined[joined]
            if np.array_equal(joined, first):
                return first
            first = joined

    def _spread_items(self, places: NDArray[np.int64], count: int) -> NDArray[np.int64]:
        """[Q] one of the best graded items of each query, of those the one chosen least so far."""
        if len(places) == self.query_count:
            return places
        chosen, load = np.empty(self.query_count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        for query, (start, stop) in enumerate(itertools.pairwise(self.offsets)):
            grades = self.grades[start:stop]
            best = places[start:stop][grades == grades.max()]
            chosen[query] = best[load[best].argmin()]
            load[chosen[query]] += 1
        return chosen

    def transposed(self) -> Transposed:
        """The same judgements with items as queries; items that answer no query are left out."""
        order = np.lexsort((self.query_of, self.items))
        columns, counts = np.unique(self.items, return_counts=True)
        judgements = Judgements(
            offsets=np.concatenate(([0], np.cumsum(counts))),
            items=self.query_of[order],
            grades=self.grades[order],
            item_count=self.query_count,
        )
        return Transposed(judgements=judgements, columns=columns, order=order)


@dataclass(frozen=True, kw_only=True)
class Draws:
    """The draw, counted from 0, of each query, [Q], and of each item that answers one, [V] by column."""

    queries: NDArray[np.int64]
    items: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Transposed:
    """Judgements of the other direction. columns: the item that each of its queries is; order: [M] where entries went."""

    judgements: Judgements
    columns: NDArray[np.int64]
    order: NDArray[np.int64]


def _judged(query: int, relevant: Any, item_count: int) -> dict[int, float]:
    grades = relevant if isinstance(relevant, Mapping) else None
    try:
        judged = {_id(item): 1.0 if grades is None else float(grades[item]) for item in relevant}
    except (TypeError, ValueError) as error:
        raise ValueError(f"the judgements of query {query} are not a set of column ids: {relevant!r}") from error
    wrong = next((item for item in judged if not 0 <= item < item_count), None)
    if wrong is not None:
        raise ValueError(f"query {query} is answered by item {wrong}, but the items are 0 to {item_count - 1}")
    if any(not 0 <= grade < np.inf for grade in judged.values()):
        raise ValueError(f"query {query} has a grade that is not a number from 0 up: {relevant!r}")
    if not any(judged.values()):
        raise ValueError(f"query {query} has no relevant item: leave out queries without an answer")
    return dict(sorted(judged.items()))


def _id(item: Any) -> int:
    if isinstance(item, bool):
        raise TypeError("a truth value is not an id")
    return operator.index(item)
