"""How the scores of candidates are spread."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BINS = 48


def histogram(scores: NDArray[np.float32], classes: dict[str, NDArray[np.bool_]]) -> dict[str, Any] | None:
    """Counts in equal bins over the range of all scores, for each named class of rows; None without any score.

    scores [n], NaN = not scored; each mask [n].
    """
    known = scores[~np.isnan(scores)]
    if not len(known):
        return None
    low, high = float(known.min()), float(known.max())
    edges = np.linspace(low, high if high > low else low + 1e-3, _BINS + 1)
    scored = {name: scores[mask & ~np.isnan(scores)] for name, mask in classes.items()}
    counts = {name: np.histogram(values, bins=edges)[0].tolist() for name, values in scored.items()}
    return {
        "low": float(edges[0]), "high": float(edges[-1]), "mean": float(known.mean()), "scored": len(known), "counts": counts,
    }  # fmt: skip
