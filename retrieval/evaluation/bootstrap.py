"""How far a figure may move by the choice of queries: resampling with replacement."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
LEVEL = (2.5, 97.5)
_BLOCK_COUNTS = 2**21


def resampled_counts(counts: NDArray[np.int64], *, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """How often each distinct outcome occurs in samples of all queries drawn with replacement: blocks of [b, U].

    counts: [U] queries with each outcome. Drawing queries one by one and counting their outcomes is a multinomial draw
    of the counts, so thousands of resamples of a large benchmark cost what its distinct outcomes cost.
    """
    chance = np.random.default_rng(seed)
    total = int(counts.sum())
    step = max(1, _BLOCK_COUNTS // len(counts))
    for start in range(0, resamples, step):
        yield chance.multinomial(total, counts / total, size=min(step, resamples - start))


def weighted_medians(values: NDArray[np.float64], weights: NDArray[np.int64]) -> NDArray[np.float64]:
    """[b] medians of samples in which ascending `values` [U] occur `weights` [b, U] times, each row with the same sum."""
    total = int(weights[0].sum())
    reached = np.cumsum(weights, axis=1)
    lower = (reached >= (total + 1) // 2).argmax(axis=1)
    upper = (reached >= total // 2 + 1).argmax(axis=1)
    return (values[lower] + values[upper]) / 2


def percentile_interval(samples: NDArray[np.float64]) -> tuple[float, float]:
    """The middle 95 % of the samples."""
    low, high = np.percentile(samples, LEVEL)
    return float(low), float(high)
