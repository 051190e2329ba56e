"""Whether two runs differ on the same queries by more than chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InputError
from retrieval.evaluation.bootstrap import percentile_interval, resampled_counts
from retrieval.evaluation.run import ResultRow, Run

RESAMPLES = 10_000
_BLOCK_DRAWS = 2**21
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PairedTest:
    """The difference of two means over the same queries, b - a.

    low, high: 95 % paired bootstrap interval of the difference. p_value: two-sided, sign flips of the differences of single
    queries. changed: queries whose value is not the same in both.
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
    """One figure of one result row in two runs; recalls and graded means in percent, reciprocal rank in 0..1."""

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
    speaks of these queries and these two runs; whether a method helps over several seeds is another question.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise ValueError(f"values of shapes {a.shape} and {b.shape} are not two values for each query")
    sizes = b - a
    real = float(sizes.mean())
    distinct, counts = np.unique(sizes, return_counts=True)
    samples = np.concatenate([w @ distinct for w in resampled_counts(counts, resamples=resamples, seed=seed)]) / len(a)
    low, high = percentile_interval(samples)
    flipped = np.abs(_sign_flips(sizes, resamples=resamples, seed=seed)) / len(a)
    extreme = int(np.count_nonzero(flipped >= abs(real) - 1e-12))
    return PairedTest(
        a=float(a.mean()), b=float(b.mean()), difference=real, low=low, high=high,
        p_value=(1 + extreme) / (1 + resamples), queries=len(a), changed=int(np.count_nonzero(sizes)),
    )  # fmt: skip


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
        ComparedFigure(row=key, figure=name, test=paired_test(one, other, resamples=resamples, seed=seed))
        for key in rows_a
        if key in rows_b
        for name, one, other in _shared(rows_a[key], rows_b[key])
    ]
    return Comparison(
        protocol=a.protocol, figures=tuple(figures), only_in_one=tuple(sorted(rows_a.keys() ^ rows_b.keys()))
    )


def _shared(a: ResultRow, b: ResultRow) -> list[tuple[str, Floats, Floats]]:
    mine, other = _values(a), _values(b)
    return [(name, mine[name], other[name]) for name in mine if name in other]


def _values(row: ResultRow) -> dict[str, Floats]:
    ranks = row.metrics.ranks
    values = {f"recall_at_{k}": 100 * ranks.hit_probability(k) for k in (1, 5, 10)}
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
