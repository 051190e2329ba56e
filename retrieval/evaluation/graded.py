"""Metrics for graded judgements and for queries with many relevant items, as expectations over ties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from retrieval.evaluation.bootstrap import RESAMPLES, percentile_interval
from retrieval.evaluation.judgements import Judgements, Relevant
from retrieval.evaluation.scores import ScoreMatrix

Gain = Literal["linear", "exponential"]
Among = Literal["all", "judged"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PairCounts:
    """Pairs of items of one query with different grades, over all queries; all integers.

    concordant: the better item scores higher. discordant: it scores lower. tied: both score the same.
    """

    concordant: int
    discordant: int
    tied: int

    @property
    def ratio(self) -> float | None:
        """The positive-negative ratio; infinite when no pair is in the wrong order, None when there is no pair.

        A tied pair is in the right order with probability 1/2, so half of it counts on each side.
        """
        right, wrong = self.concordant + self.tied / 2, self.discordant + self.tied / 2
        if wrong:
            return right / wrong
        return float("inf") if right else None


@dataclass(frozen=True, kw_only=True)
class GradedMetrics:
    """nDCG and precision within `cutoff` places, average precision, and the order of judged pairs.

    ndcg, precision, average_precision: [Q], each in 0..1, expectations over all orders of tied items.
    pairs: pairs of *judged* items; an item that a query does not list is unknown, not wrong. among: the items that take
    places, all of them or those that the query judges.
    """

    cutoff: int
    gain: Gain
    among: Among
    ndcg: Floats = field(repr=False)
    precision: Floats = field(repr=False)
    average_precision: Floats = field(repr=False)
    pairs: PairCounts

    @cached_property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """95 % percentile bootstrap intervals over queries of the three means (1,000 resamples, seed 0), in percent."""
        chance = np.random.default_rng(0)
        table = np.stack(list(self._columns().values()), axis=1)
        drawn = (chance.integers(0, len(table), len(table)) for _ in range(RESAMPLES))
        means = np.array([100 * table[sample].mean(axis=0) for sample in drawn])
        return {name: percentile_interval(column) for name, column in zip(self._columns(), means.T, strict=True)}

    def figures(self) -> dict[str, float | None]:
        """Name -> mean over queries in percent; the positive-negative ratio as it is."""
        means: dict[str, float | None] = {name: 100 * float(column.mean()) for name, column in self._columns().items()}
        return {**means, "positive_negative_ratio": self.pairs.ratio}

    def _columns(self) -> dict[str, Floats]:
        return {
            f"ndcg_at_{self.cutoff}": self.ndcg,
            f"precision_at_{self.cutoff}": self.precision,
            "mean_average_precision": self.average_precision,
        }


def graded_metrics(
    similarity: Any, relevant: Sequence[Relevant] | Judgements, *, cutoff: int = 10, gain: Gain = "linear",
    among: Among = "all",
) -> GradedMetrics:
    """nDCG@cutoff, P@cutoff, average precision and the positive-negative ratio of every query.

    similarity: [Q, N] as for `retrieval_metrics`. relevant: sets of column ids or mappings id -> grade; grade 0 = judged
    and irrelevant, which only the ratio uses. gain: the grade itself, or 2^grade - 1; discount 1 / log2(1 + place).
    among "judged": each query ranks the items it judges and no others, as when only those were shown.
    precision divides by `cutoff` also when fewer items are relevant. Raises ValueError as `retrieval_metrics` does.
    Source for ties: means over a tied block, McSherry and Najork, ECIR 2008; worked out here.
    """
    if cutoff < 1:
        raise ValueError(f"the cutoff is {cutoff}: it must be at least 1")
    scores = ScoreMatrix(similarity)
    judgements = relevant if isinstance(relevant, Judgements) else Judgements.of(relevant, scores.shape)
    discounts = _discounts(min(cutoff, scores.shape[1]), scores.shape[1])
    values = np.empty((judgements.query_count, 3))
    pairs = np.zeros(3, dtype=np.int64)
    for start, block in scores.blocks():
        for query, row in enumerate(block, start=start):
            entries = slice(judgements.offsets[query], judgements.offsets[query + 1])
            judged, grades = row[judgements.items[entries]], judgements.grades[entries]
            positive = grades > 0
            ahead, tied = _places(row if among == "all" else judged, judged[positive])
            values[query] = (
                _ndcg(ahead, tied, _gains(grades[positive], gain), discounts),
                _precision(ahead, tied, cutoff),
                _average_precision(ahead, tied),
            )
            pairs += _pairs(judged, grades)
    concordant, discordant, ties = map(int, pairs)
    return GradedMetrics(
        cutoff=cutoff, gain=gain, among=among, ndcg=values[:, 0], precision=values[:, 1], average_precision=values[:, 2],
        pairs=PairCounts(concordant=concordant, discordant=discordant, tied=ties),
    )  # fmt: skip


def _places(row: Floats, judged: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each judged score: how many items score higher, and how many score the same."""
    if len(judged) == 1:
        ahead = np.count_nonzero(row > judged[0])
        return np.array([ahead]), np.array([np.count_nonzero(row >= judged[0]) - ahead])
    ascending = np.sort(row)
    not_above = np.searchsorted(ascending, judged, side="right")
    below = np.searchsorted(ascending, judged, side="left")
    return (len(row) - not_above).astype(np.int64), (not_above - below).astype(np.int64)


def _discounts(cutoff: int, items: int) -> Floats:
    """[N + 1] the sum of the discounts of the first p places, for p from 0; nothing is added after the cutoff."""
    discounts = np.zeros(items + 1)
    discounts[1 : cutoff + 1] = 1 / np.log2(np.arange(2, cutoff + 2))
    return np.cumsum(discounts)


def _gains(grades: Floats, gain: Gain) -> Floats:
    return np.exp2(grades) - 1 if gain == "exponential" else grades


def _ndcg(ahead: NDArray[np.int64], tied: NDArray[np.int64], gains: Floats, discounts: Floats) -> float:
    expected = (discounts[ahead + tied] - discounts[ahead]) / tied
    ideal = np.sort(gains)[::-1] @ np.diff(discounts)[: len(gains)]
    return float(gains @ expected / ideal)


def _precision(ahead: NDArray[np.int64], tied: NDArray[np.int64], cutoff: int) -> float:
    return float((np.clip(cutoff - ahead, 0, tied) / tied).sum() / cutoff)


def _average_precision(ahead: NDArray[np.int64], tied: NDArray[np.int64]) -> float:
    # In a tied block of t with r relevant, a place holds a relevant item with probability r / t; then (p - 1)(r - 1) / (t - 1)
    # of the relevant ones are expected before it, beside those of the better blocks.
    total, found = 0.0, 0
    blocks, counts = np.unique(np.stack([ahead, tied]), axis=1, return_counts=True)
    for (before, size), relevant in zip(blocks.T, counts, strict=True):
        places = np.arange(size)
        earlier = places * (relevant - 1) / max(size - 1, 1)
        total += relevant / size * float(((found + 1 + earlier) / (before + 1 + places)).sum())
        found += relevant
    return total / found


def _pairs(scores: Floats, grades: Floats) -> NDArray[np.int64]:
    """[3] concordant, discordant and tied pairs of different grades."""
    counts = np.zeros(3, dtype=np.int64)
    for grade in np.unique(grades)[1:]:
        worse = np.sort(scores[grades < grade])
        better = scores[grades == grade]
        below, not_above = np.searchsorted(worse, better, side="left"), np.searchsorted(worse, better, side="right")
        counts += (below.sum(), (len(worse) - not_above).sum(), (not_above - below).sum())
    return counts
