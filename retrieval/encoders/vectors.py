"""Arrays of vectors as every encoder gives them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import ModelError


def joined(parts: list[NDArray[np.float32]], *, dimension: int) -> NDArray[np.float32]:
    """Rows [n, D] one below the other; of none, [0, D]."""
    return np.concatenate([np.zeros((0, dimension), dtype=np.float32), *parts])


def with_directions(vectors: NDArray[np.float32], *, name: str) -> NDArray[np.float32]:
    """The vectors [..., D] of the model `name`. Raises ModelError when one is zero, infinite or not a number."""
    lengths = np.linalg.norm(vectors, axis=-1)
    if not np.isfinite(lengths).all() or not (lengths > 0).all():
        raise ModelError(
            f"The model {name} gives vectors without a direction (zero, infinite or not numbers): its weights are damaged."
        )
    return vectors
