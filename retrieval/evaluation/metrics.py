"""Retrieval metrics that hold with ties, several relevant items and any float type, in one direction and in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.evaluation.bootstrap import (
    RESAMPLES,
    TwoWayValues,
    percentile_interval,
    resampled_counts,
    weighted_medians,
)
from retrieval.evaluation.judgements import Draws, Judgements, Relevant
from retrieval.evaluation.ranking import QueryRanks, rank_both_ways, rank_queries
from retrieval.evaluation.scores import ScoreMatrix

CUTOFFS = (1, 5, 10)
NAMES = (
    "recall_at_1", "recall_at_5", "recall_at_10", "r_sum", "median_rank", "mean_rank", "mean_reciprocal_rank"
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RetrievalMetrics:
    """How well Q queries find the best of their relevant items in a gallery.

    recall_at_k: percent; the probability, under random breaking of ties, that a relevant item is within the first k, as a
    mean over queries. r_sum: the sum of the three, at most 300. median_rank, mean_rank: 1-based, over queries, of the
    expected rank of the best relevant item; an item tied with others has the mean of its ranks. mean_reciprocal_rank: 0..1.
    """

    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    r_sum: float
    median_rank: float
    mean_rank: float
    mean_reciprocal_rank: float
    ranks: QueryRanks = field(repr=False, compare=False)

    @classmethod
    def of(cls, ranks: QueryRanks) -> RetrievalMetrics:
        """The figures that follow from these ranks."""
        recalls = [100 * float(ranks.hit_probability(k).mean()) for k in CUTOFFS]
        expected = ranks.expected_rank()
        return cls(
            recall_at_1=recalls[0],
            recall_at_5=recalls[1],
            recall_at_10=recalls[2],
            r_sum=sum(recalls),
            median_rank=float(np.median(expected)),
            mean_rank=float(expected.mean()),
            mean_reciprocal_rank=float(ranks.reciprocal_rank().mean()),
            ranks=ranks,
        )

    @property
    def queries(self) -> int:
        return len(self.ranks)

    @cached_property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Name of each figure -> its 95 % percentile bootstrap interval over queries (1,000 resamples, seed 0).

        Queries count as independent. Where a video has many captions they are not, and the intervals are too narrow.
        """
        samples = _samples(self.ranks, resamples=RESAMPLES, seed=0)
        return {name: percentile_interval(samples[name]) for name in NAMES}

    def figures(self) -> dict[str, float]:
        """Name -> value of every figure."""
        return {name: getattr(self, name) for name in NAMES}


@dataclass(frozen=True, kw_only=True)
class TwoWayMetrics:
    """Text to video (rows) and video to text (columns) of one similarity matrix.

    videos_without_text: columns that answer no query; they stay in the gallery of the first direction and ask nothing in
    the second. draws: what the interval of both together draws as one.
    """

    text_to_video: RetrievalMetrics
    video_to_text: RetrievalMetrics
    videos_without_text: int
    draws: Draws = field(repr=False, compare=False)

    @property
    def r_sum(self) -> float:
        """The recalls of both directions added up, at most 600."""
        return self.text_to_video.r_sum + self.video_to_text.r_sum

    @cached_property
    def r_sum_interval(self) -> tuple[float, float]:
        """The 95 % percentile bootstrap interval of `r_sum` (1,000 resamples, seed 0): videos are drawn, each with its texts
        and the videos that share them, as far as `Judgements.draws` goes.
        """
        return percentile_interval(self.r_sums().resampled_means(resamples=RESAMPLES, seed=0))

    def r_sums(self) -> TwoWayValues:
        """What each query of both directions adds to `r_sum`; its mean is `r_sum`."""
        return TwoWayValues(
            forward=self.text_to_video.ranks.recall_sums(CUTOFFS), backward=self.video_to_text.ranks.recall_sums(CUTOFFS),
            draws=self.draws,
        )  # fmt: skip


def retrieval_metrics(similarity: Any, relevant: Sequence[Relevant] | None = None) -> RetrievalMetrics:
    """Rank the items of each query and say how early a relevant one comes.

    similarity: [Q, N], an array or a tensor of any float type, compared in float64; infinite scores compare like others.
    relevant: Q non-empty sets of column ids, or mappings id -> grade of which grades above 0 are relevant; None = query i
    is answered by item i. Raises ValueError for a NaN, an empty set, an id that is no column, a wrong shape, no queries.
    """
    scores = ScoreMatrix(similarity)
    return RetrievalMetrics.of(rank_queries(scores, Judgements.of(relevant, scores.shape)))


def two_way_metrics(similarity: Any, relevant: Sequence[Relevant] | Judgements | None = None) -> TwoWayMetrics:
    """Both directions of one similarity matrix; for the second the judgements are transposed.

    Takes and refuses what `retrieval_metrics` does. A video with several captions is found when any of them is.
    """
    scores = ScoreMatrix(similarity)
    judgements = relevant if isinstance(relevant, Judgements) else Judgements.of(relevant, scores.shape)
    rows, columns = rank_both_ways(scores, judgements)
    return TwoWayMetrics(
        text_to_video=RetrievalMetrics.of(rows),
        video_to_text=RetrievalMetrics.of(columns),
        videos_without_text=scores.shape[1] - len(columns),
        draws=judgements.draws(),
    )


def grouped_video_to_text(similarity: Any, judgements: Judgements) -> RetrievalMetrics | None:
    """Video to text where all captions of a video are one answer, scored by the best of them.

    Published figures for several captions a video are often of this kind; they are higher or lower than those of single
    captions and never the same. None unless every query has one relevant video and some video has several queries.
    """
    relevant = judgements.relevant_only()
    columns, group_of = np.unique(relevant.items, return_inverse=True)
    if relevant.query_count != len(relevant.items) or len(columns) == relevant.query_count:
        return None
    scores = ScoreMatrix(similarity)
    best = np.full((len(columns), scores.shape[1]), -np.inf)
    for start, block in scores.blocks():
        for group, row in zip(group_of[start : start + len(block)], block, strict=True):
            np.maximum(best[group], row, out=best[group])
    own = Judgements.diagonal(len(columns))
    return RetrievalMetrics.of(rank_queries(ScoreMatrix(best[:, columns].T), own))


def _samples(ranks: QueryRanks, *, resamples: int, seed: int) -> dict[str, NDArray[np.float64]]:
    """Name of each figure -> [resamples] its values when queries are drawn with replacement."""
    outcomes = np.stack([ranks.expected_rank(), ranks.ahead, ranks.tied, ranks.relevant_tied])
    distinct, counts = np.unique(outcomes, axis=1, return_counts=True)  # ascending by rank: the first row decides
    expected = distinct[0]
    ahead, tied, relevant_tied = distinct[1:].astype(np.int64)
    one_each = QueryRanks(ahead=ahead, tied=tied, relevant_tied=relevant_tied)
    hits = [100 * one_each.hit_probability(k) for k in CUTOFFS]
    means = np.stack([*hits, np.sum(hits, axis=0), expected, one_each.reciprocal_rank()], axis=1)
    sampled_means, sampled_medians = [], []
    for weights in resampled_counts(counts, resamples=resamples, seed=seed):
        sampled_means.append(weights @ means / len(ranks))
        sampled_medians.append(weighted_medians(expected, weights))
    samples = dict(zip([name for name in NAMES if name != "median_rank"], np.concatenate(sampled_means).T, strict=True))
    return {**samples, "median_rank": np.concatenate(sampled_medians)}
