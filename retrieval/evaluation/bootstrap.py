"""How far a figure may move by the choice of queries: resampling with replacement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.evaluation.judgements import Draws

RESAMPLES = 1000
LEVEL = (2.5, 97.5)
_BLOCK_COUNTS = 2**21
Floats = NDArray[np.float64]


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


@dataclass(frozen=True, kw_only=True)
class TwoWayValues:
    """One value of each text and of each video that is asked for its texts, of which some are drawn together.

    forward: [Q] of text to video. backward: [V] of video to text. A text and its video share the score of their pair, and
    the captions of a video share the video: drawn apart they would count as independent, and what is said of the sum of the
    two means would be too sure.
    """

    forward: Floats
    backward: Floats
    draws: Draws

    def mean(self) -> float:
        """The mean over texts and the mean over videos, added up."""
        return float(self.forward.mean() + self.backward.mean())

    def shares(self) -> Floats:
        """What each draw adds to `mean`."""
        texts, _, videos, _ = self._draws()
        return texts / len(self.forward) + videos / len(self.backward)

    def resampled_means(self, *, resamples: int, seed: int) -> Floats:
        """[resamples] values of `mean` over draws with replacement.

        Draws without a text, which there are where broad texts have several right videos, are drawn among themselves: a
        sample always has texts.
        """
        draws = np.stack(self._draws(), axis=1)
        parts = [draws[draws[:, 1] > 0], draws[draws[:, 1] == 0]]
        texts, text_counts, videos, video_counts = np.sum(
            [_resampled_sums(part, resamples=resamples, seed=seed + number) for number, part in enumerate(parts)], axis=0
        ).T
        return np.asarray(texts / text_counts + videos / video_counts)

    def _draws(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Of each draw the sum over its texts, their number, and the same of its videos."""
        return (*_summed(self.forward, self.draws.queries, self.draws), *_summed(self.backward, self.draws.items, self.draws))


def _summed(values: Floats, numbers: NDArray[np.int64], draws: Draws) -> tuple[Floats, Floats]:
    count = int(draws.items.max()) + 1
    sums = np.bincount(numbers, weights=values, minlength=count).astype(np.float64)
    return sums, np.bincount(numbers, minlength=count).astype(np.float64)


def _resampled_sums(units: Floats, *, resamples: int, seed: int) -> Floats:
    """[resamples, C] sums over samples of all units [U, C] drawn with replacement; of no units 0."""
    if not len(units):
        return np.zeros((resamples, units.shape[1]))
    distinct, counts = np.unique(units, axis=0, return_counts=True)
    return np.concatenate([weights @ distinct for weights in resampled_counts(counts, resamples=resamples, seed=seed)])


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
