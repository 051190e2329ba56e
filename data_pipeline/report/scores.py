"""Scores of candidates: how they are spread, where the threshold lies, and what other shares would keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCORES = ("relevance_mean", "relevance_max", "relevance_top3", "masked_mean", "masked_max", "masked_top3")
LADDER = (1.0, 0.89, 0.78, 0.67, 0.56)
"""Shares of CNVid-3.5M's ladder (4.5 to 2.5 of 4.5 million videos). Source: CVPR 2023, table 2."""
_BINS = 48

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]


def threshold_of(scores: Values, *, kept: Mask, too_low: Mask) -> float | None:
    """The least score of a kept pair when every pair that was rejected for relevance has a lower one, else None.

    scores [n], NaN = not scored; kept, too_low [n]. None also where nothing was rejected: then nothing tells of one.
    """
    above, below = scores[kept & ~np.isnan(scores)], scores[too_low & ~np.isnan(scores)]
    if not len(above) or not len(below) or below.max() >= above.min():
        return None
    return float(above.min())


def histogram(scores: Values, classes: dict[str, Mask]) -> dict[str, Any] | None:
    """Counts in equal bins over the range of all scores, for each named class of rows; None without any score."""
    known = scores[~np.isnan(scores)]
    if not len(known):
        return None
    low, high = float(known.min()), float(known.max())
    edges = np.linspace(low, high if high > low else low + 1e-3, _BINS + 1)
    scored = {name: scores[mask & ~np.isnan(scores)] for name, mask in classes.items()}
    counts = {name: np.histogram(values, bins=edges)[0].tolist() for name, values in scored.items()}
    return {"low": edges[0], "high": edges[-1], "mean": float(known.mean()), "scored": len(known), "counts": counts}


def ladder(
    scores: Values, videos: NDArray[np.int64], *, eligible: Mask, shares: Sequence[float] = LADDER
) -> list[dict[str, Any]]:
    """What a share of the eligible pairs would be: the threshold, and how many pairs and videos are at or above it.

    videos [n]: a number for each pair's video. Ties at the threshold are all counted.
    """
    usable = eligible & ~np.isnan(scores)
    ordered = np.sort(scores[usable])[::-1]
    rungs = []
    for share in shares if len(ordered) else ():
        threshold = ordered[max(1, round(share * len(ordered))) - 1]
        chosen = usable & (scores >= threshold)
        rungs.append({
            "share": share, "threshold": float(threshold), "pairs": int(chosen.sum()),
            "videos": len(np.unique(videos[chosen])),
        })  # fmt: skip
    return rungs
