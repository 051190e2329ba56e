"""Where the best relevant item of each query stands, counted without sorting, with ties kept as what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.evaluation.judgements import Judgements
from retrieval.evaluation.scores import ScoreMatrix

Counts = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class QueryRanks:
    """What can be known of the rank of each query's best relevant item; arrays are [Q].

    ahead: items that score higher than the best relevant score. tied: items that have that score. relevant_tied: those of
    them that are relevant, at least 1. All orders of tied items are taken as equally probable.
    """

    ahead: Counts
    tied: Counts
    relevant_tied: Counts

    def __len__(self) -> int:
        return len(self.ahead)

    def hit_probability(self, k: int) -> NDArray[np.float64]:
        """[Q] the probability that a relevant item is among the first k, in 0..1.

        Of the tied block the first m = k - ahead places count. They miss all r relevant of t tied items with probability
        C(t - r, m) / C(t, m) (hypergeometric), a product of m factors (t - r - i) / (t - i).
        """
        places = np.clip(k - self.ahead, 0, self.tied)
        miss = np.ones(len(self))
        for i in range(k):
            factor = np.maximum(self.tied - self.relevant_tied - i, 0) / np.maximum(self.tied - i, 1)
            miss = np.where(i < places, miss * factor, miss)
        return np.where(self.relevant_tied == 1, places / self.tied, 1 - miss)

    def recall_sums(self, cutoffs: Sequence[int]) -> NDArray[np.float64]:
        """[Q] what each query adds to the sum of recalls at these cutoffs, in percent."""
        return 100 * sum((self.hit_probability(k) for k in cutoffs), start=np.zeros(len(self)))

    def expected_rank(self) -> NDArray[np.float64]:
        """[Q] the mean, over all orders of tied items, of the 1-based rank of the first relevant item.

        ahead + (t + 1) / (r + 1): r relevant items cut the other t - r into r + 1 stretches of equal mean length. With
        one relevant item this is the mean of the ranks of the tied block.
        """
        return self.ahead + (self.tied + 1) / (self.relevant_tied + 1)

    def reciprocal_rank(self) -> NDArray[np.float64]:
        """[Q] the mean, over all orders of tied items, of 1 / rank of the first relevant item."""
        value = 1.0 / (self.ahead + 1)
        uncertain = np.flatnonzero(self.tied > self.relevant_tied)
        if len(uncertain):
            blocks = np.stack([self.ahead, self.tied, self.relevant_tied], axis=1)[uncertain]
            distinct, which = np.unique(blocks, axis=0, return_inverse=True)
            means = np.array([_mean_reciprocal(*map(int, block)) for block in distinct])
            value[uncertain] = means[which.reshape(-1)]
        return value


def rank_queries(similarity: ScoreMatrix, judgements: Judgements) -> QueryRanks:
    """Ranks of the rows of a similarity matrix."""
    relevant = judgements.relevant_only()
    scores = _relevant_scores(similarity, relevant)
    best, relevant_tied = _best_of_each(scores, relevant)
    tally = _Tally(best)
    for start, block in similarity.blocks():
        tally.count_rows(start, block)
    return tally.ranks(relevant_tied)


def rank_both_ways(similarity: ScoreMatrix, judgements: Judgements) -> tuple[QueryRanks, QueryRanks]:
    """Ranks of the rows, and of those columns that answer at least one query, in two passes over the matrix."""
    relevant = judgements.relevant_only()
    reverse = relevant.transposed()
    scores = _relevant_scores(similarity, relevant)
    best_of_rows, row_ties = _best_of_each(scores, relevant)
    best_of_columns, column_ties = _best_of_each(scores[reverse.order], reverse.judgements)
    rows, columns = _Tally(best_of_rows), _Tally(best_of_columns)
    every = len(reverse.columns) == similarity.shape[1]
    for start, block in similarity.blocks():
        rows.count_rows(start, block)
        columns.count_columns(block if every else block[:, reverse.columns])
    return rows.ranks(row_ties), columns.ranks(column_ties)


class _Tally:
    """Counts, for each best score, the competing scores above it and at it."""

    def __init__(self, best: NDArray[np.float64]) -> None:
        self._best = best
        self._above = np.zeros(len(best), dtype=np.int64)
        self._not_below = np.zeros(len(best), dtype=np.int64)

    def count_rows(self, start: int, block: NDArray[np.float64]) -> None:
        stop = start + len(block)
        best = self._best[start:stop, None]
        self._above[start:stop] = np.count_nonzero(block > best, axis=1)
        self._not_below[start:stop] = np.count_nonzero(block >= best, axis=1)

    def count_columns(self, block: NDArray[np.float64]) -> None:
        self._above += np.count_nonzero(block > self._best, axis=0)
        self._not_below += np.count_nonzero(block >= self._best, axis=0)

    def ranks(self, relevant_tied: Counts) -> QueryRanks:
        return QueryRanks(ahead=self._above, tied=self._not_below - self._above, relevant_tied=relevant_tied)


def _relevant_scores(similarity: ScoreMatrix, judgements: Judgements) -> NDArray[np.float64]:
    scores = np.empty(len(judgements.items))
    query_of = judgements.query_of
    for start, block in similarity.blocks():
        entries = slice(judgements.offsets[start], judgements.offsets[start + len(block)])
        scores[entries] = block[query_of[entries] - start, judgements.items[entries]]
    return scores


def _best_of_each(scores: NDArray[np.float64], judgements: Judgements) -> tuple[NDArray[np.float64], Counts]:
    starts = judgements.offsets[:-1]
    best = np.maximum.reduceat(scores, starts)
    at_best = scores == best[judgements.query_of]
    return best, np.add.reduceat(at_best.astype(np.int64), starts)


def _mean_reciprocal(ahead: int, tied: int, relevant: int) -> float:
    # P(first relevant at place p of the block) = C(t - p, r - 1) / C(t, r), built up from p to p + 1.
    chance, total = relevant / tied, 0.0
    for place in range(1, tied - relevant + 2):
        total += chance / (ahead + place)
        chance *= (tied - place - relevant + 1) / (tied - place) if place < tied else 0.0
    return total
