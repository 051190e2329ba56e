"""Whether two runs differ on the same queries by more than chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InputError
from retrieval.evaluation.bootstrap import Floats, TwoWayValues, percentile_interval, resampled_counts, weighted_medians
from retrieval.evaluation.metrics import CUTOFFS, TwoWayMetrics
from retrieval.evaluation.run import ResultRow, Run

RESAMPLES = 10_000
MEDIAN_RESAMPLES = 1_000     # a median reads all queries again for each
_BLOCK_DRAWS = 2**21


@dataclass(frozen=True, kw_only=True)
class PairedTest:
    """The difference of two figures over the same queries, b - a.

    low, high: 95 % paired bootstrap interval of the difference. p_value: two-sided, sign flips of the differences of single
    queries, or for a median exchanges of their values. changed: queries whose value is not the same in both.
    """

    a: float
    b: float
    difference: float
    low: float
    high: float
    p_value: float
    queries: int
    changed: int


@dataclass(frozen=True, kw_only=True)
class ComparedFigure:
    """One figure of one result row in two runs; recalls and graded means in percent, reciprocal rank in 0..1.

    row `SCORE/both_ways` has R@sum of text to video and video to text together, at most 600. There a video and its texts are
    one draw and have one sign, since what a pair gains one way it tends to gain the other way too (`Judgements.draws`).
    """

    row: str
    figure: str
    test: PairedTest


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All figures that two runs share; `only_in_one` names result rows that the other lacks."""

    protocol: str
    figures: tuple[ComparedFigure, ...]
    only_in_one: tuple[str, ...]


def paired_test(a: Floats, b: Floats, *, resamples: int = RESAMPLES, seed: int = 0) -> PairedTest:
    """Compare two values of each query, [Q] and [Q]; raises ValueError for different lengths or no query.

    Queries are resampled as pairs for the interval. For the p-value each difference keeps its size and gets a random
    sign: p = (1 + flips at least as far from 0 as the real one) / (1 + flips), so it is never 0. Equal runs give 1. It
    speaks of these queries and these two runs; whether a method helps over several seeds is another question. Queries count as
    independent: with many captions a video p is too small and the interval too narrow.
    """
    a, b = _pair(a, b)
    sizes = b - a
    return _test(
        float(a.mean()), float(b.mean()), float(sizes.mean()), queries=len(a), changed=int(np.count_nonzero(sizes)),
        samples=_resampled_means(sizes, resamples=resamples, seed=seed),
        flips=_sign_flips(sizes / len(a), resamples=resamples, seed=seed),
    )  # fmt: skip


def paired_two_way_test(a: TwoWayValues, b: TwoWayValues, *, resamples: int = RESAMPLES, seed: int = 0) -> PairedTest:
    """Compare two values of each query of both directions by the sum of their two means; what b draws together is as a's.

    As `paired_test`, but what is one draw is drawn together for the interval, and gets one sign for the p-value. Raises
    ValueError for different numbers of queries.
    """
    _pair(a.forward, b.forward)
    _pair(a.backward, b.backward)
    gained = replace(a, forward=b.forward - a.forward, backward=b.backward - a.backward)
    return _test(
        a.mean(), b.mean(), gained.mean(), queries=len(a.forward) + len(a.backward),
        changed=int(np.count_nonzero(gained.forward) + np.count_nonzero(gained.backward)),
        samples=gained.resampled_means(resamples=resamples, seed=seed),
        flips=_sign_flips(gained.shares(), resamples=resamples, seed=seed),
    )  # fmt: skip


def paired_median_test(a: Floats, b: Floats, *, resamples: int = MEDIAN_RESAMPLES, seed: int = 0) -> PairedTest:
    """Compare the medians of two values of each query, [Q] and [Q]; raises ValueError as `paired_test` does.

    Queries are resampled as pairs for the interval. A median has no differences whose signs could be flipped: for the
    p-value the two values of each query change places at random, which for a mean is the same.
    """
    a, b = _pair(a, b)
    pairs, counts = np.unique(np.stack([a, b], axis=1), axis=0, return_counts=True)
    samples = [
        _medians(pairs[:, 1], weights) - _medians(pairs[:, 0], weights)
        for weights in resampled_counts(counts, resamples=resamples, seed=seed)
    ]
    low, high = percentile_interval(np.concatenate(samples))
    real = float(np.median(b) - np.median(a))
    extreme = _extreme(_exchanged_medians(pairs, counts, resamples=resamples, seed=seed), real)
    return PairedTest(
        a=float(np.median(a)), b=float(np.median(b)), difference=real, low=low, high=high,
        p_value=(1 + extreme) / (1 + resamples), queries=len(a), changed=int(np.count_nonzero(a != b)),
    )  # fmt: skip


def _test(
    a: float, b: float, difference: float, *, samples: Floats, flips: Floats, queries: int, changed: int
) -> PairedTest:
    low, high = percentile_interval(samples)
    return PairedTest(
        a=a, b=b, difference=difference, low=low, high=high, queries=queries, changed=changed,
        p_value=(1 + _extreme(flips, difference)) / (1 + len(flips)),
    )  # fmt: skip


def _pair(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise ValueError(f"values of shapes {a.shape} and {b.shape} are not two values for each query")
    return a, b


def _extreme(differences: Floats, real: float) -> int:
    sizes = np.abs(differences)
    rounding = 1e-9 * max(abs(real), sizes.max())       # equal but for rounding counts
    return int(np.count_nonzero(sizes >= abs(real) - rounding))


def _resampled_means(values: Floats, *, resamples: int, seed: int) -> Floats:
    distinct, counts = np.unique(values, return_counts=True)
    sums = [weights @ distinct for weights in resampled_counts(counts, resamples=resamples, seed=seed)]
    return np.concatenate(sums) / len(values)


def _medians(values: Floats, weights: NDArray[np.int64]) -> Floats:
    ascending = np.argsort(values, kind="stable")
    return weighted_medians(values[ascending], weights[:, ascending])


def _exchanged_medians(pairs: Floats, counts: NDArray[np.int64], *, resamples: int, seed: int) -> Floats:
    """[resamples] differences of the medians when the values of each pair change places at random; pairs: [U, 2]."""
    chance = np.random.default_rng(seed)
    values = np.concatenate([pairs[:, 0], pairs[:, 1]])
    step = max(1, _BLOCK_DRAWS // len(values))
    found = []
    for start in range(0, resamples, step):
        moved = chance.binomial(counts, 0.5, size=(min(step, resamples - start), len(counts)))
        first, second = np.hstack([counts - moved, moved]), np.hstack([moved, counts - moved])
        found.append(_medians(values, second) - _medians(values, first))
    return np.concatenate(found)


def compare_runs(a: Run, b: Run, *, resamples: int = RESAMPLES, seed: int = 0) -> Comparison:
    """Test every figure of the result rows that both runs have.

    Raises InputError unless both runs asked the same queries of the same videos under the same protocol.
    """
    for what, one, other in (
        ("protocol", a.protocol, b.protocol),
        ("videos", a.gallery_hash, b.gallery_hash),
        ("queries", a.query_hash, b.query_hash),
        ("split", a.split_hash, b.split_hash),
    ):
        if one != other:
            raise InputError(
                f"The runs differ in their {what} ({one[:40]} and {other[:40]}): evaluate both on the same one."
            )
    rows_a, rows_b = {row.key: row for row in a.rows}, {row.key: row for row in b.rows}
    figures = [
        ComparedFigure(row=key, figure=name, test=test)
        for key in rows_a
        if key in rows_b
        for name, test in _tests(rows_a[key], rows_b[key], resamples=resamples, seed=seed)
    ]
    figures += _both_ways(a.both_ways(), b.both_ways(), resamples=resamples, seed=seed)
    return Comparison(
        protocol=a.protocol, figures=tuple(figures), only_in_one=tuple(sorted(rows_a.keys() ^ rows_b.keys()))
    )


def _tests(a: ResultRow, b: ResultRow, *, resamples: int, seed: int) -> Iterator[tuple[str, PairedTest]]:
    mine, other = _values(a), _values(b)
    for name in mine:
        if name in other:
            yield name, paired_test(mine[name], other[name], resamples=resamples, seed=seed)
        if name == "mean_rank":
            yield "median_rank", paired_median_test(mine[name], other[name], seed=seed)


def _both_ways(
    a: Mapping[str, TwoWayMetrics], b: Mapping[str, TwoWayMetrics], *, resamples: int, seed: int
) -> Iterator[ComparedFigure]:
    for score in a:
        if score in b:
            test = paired_two_way_test(a[score].r_sums(), b[score].r_sums(), resamples=resamples, seed=seed)
            yield ComparedFigure(row=f"{score}/both_ways", figure="r_sum", test=test)


def _values(row: ResultRow) -> dict[str, Floats]:
    ranks = row.metrics.ranks
    values = {f"recall_at_{k}": 100 * ranks.hit_probability(k) for k in CUTOFFS}
    values["r_sum"] = ranks.recall_sums(CUTOFFS)
    values["mean_rank"] = ranks.expected_rank()
    values["mean_reciprocal_rank"] = ranks.reciprocal_rank()
    if row.graded is not None:
        values[f"ndcg_at_{row.graded.cutoff} ({row.graded.gain})"] = 100 * row.graded.ndcg
        values[f"precision_at_{row.graded.cutoff}"] = 100 * row.graded.precision
        values["mean_average_precision"] = 100 * row.graded.average_precision
    return values


def _sign_flips(sizes: Floats, *, resamples: int, seed: int) -> Floats:
    """[resamples] sums of the differences under random signs; of c equal sizes, Binomial(c, 1/2) are positive."""
    distinct, counts = np.unique(np.abs(sizes[sizes != 0]), return_counts=True)
    if not len(distinct):
        return np.zeros(resamples)
    chance = np.random.default_rng(seed)
    step = max(1, _BLOCK_DRAWS // len(distinct))
    sums = [
        (2 * chance.binomial(counts, 0.5, size=(min(step, resamples - start), len(counts))) - counts) @ distinct
        for start in range(0, resamples, step)
    ]
    return np.concatenate(sums)
