"""From a share that is to be kept to the threshold that keeps it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
LADDER = (1.0, 0.89, 0.78, 0.67, 0.56)      # CNVid-3.5M kept 4.5, 4.0, 3.5, 3.0 and 2.5 of 4.5 million


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a share would keep: the threshold for it, and the pairs and videos at or above, by kind."""

    share: float
    threshold: float
    pairs: int
    videos: int
    kinds: dict[str, int]


def threshold_for_share(scores: Scores, share: float) -> float:
    """The highest threshold t so that at least `share` of the scores are >= t; infinity where there are no scores.

    With n scores it is the one at place ceil(share * n) from the top; all that are equal to it are kept.
    """
    if not len(scores):
        return math.inf
    place = max(math.ceil(round(share * len(scores), 6)), 1)
    return float(np.partition(scores, len(scores) - place)[len(scores) - place])


def video_means(scores: Scores, videos: NDArray[np.int64]) -> Scores:
    """Every score replaced by the mean over the scores of its video."""
    _, place = np.unique(videos, return_inverse=True)
    sums = np.bincount(place, weights=scores.astype(np.float64))
    return (sums / np.bincount(place)).astype(np.float32)[place]


def keep_ladder(scores: Scores, videos: NDArray[np.int64], kinds: NDArray[np.str_], *, level: str) -> list[Step]:
    """What each share of `LADDER` would keep of these pairs, scored once. With level "video" shares are of the videos."""
    steps = []
    for share in LADDER:
        threshold = share_threshold(scores, videos, share, level=level)
        kept = scores >= threshold
        names, counts = np.unique(kinds[kept], return_counts=True)
        steps.append(Step(
            share=share, threshold=threshold, pairs=int(kept.sum()), videos=len(np.unique(videos[kept])),
            kinds=dict(zip(names.tolist(), counts.tolist(), strict=True)),
        ))  # fmt: skip
    return steps


def share_threshold(scores: Scores, videos: NDArray[np.int64], share: float, *, level: str) -> float:
    """`threshold_for_share` over the pairs, or over the videos, whose pairs have one score."""
    if level == "video":
        scores = scores[np.unique(videos, return_index=True)[1]]
    return threshold_for_share(scores, share)
