"""The clip vector of a model that looks at one frame at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InputError


def pool_frames(
    frame_vectors: NDArray[np.float32], *, weights: NDArray[np.floating] | None = None
) -> NDArray[np.float32]:
    """The mean of a clip's frame vectors, scaled to unit length: float32 [D].

    frame_vectors: [n, D] with n >= 1; weights: [n], not negative, None = all frames count alike. The sum is taken in
    float64. Raises InputError when there is no frame, a number is not finite, or the mean is the zero vector.
    """
    vectors = np.asarray(frame_vectors, dtype=np.float64)
    if vectors.ndim != 2 or len(vectors) == 0:
        raise InputError(f"A clip vector is made of frame vectors [n, D], n >= 1, not of an array {vectors.shape}.")
    shares = _shares(weights, frames=len(vectors))
    mean = shares @ vectors
    length = float(np.linalg.norm(mean))
    if not np.isfinite(length) or length < 1e-12:
        raise InputError("The frame vectors of a clip have no usable mean: one is not finite or they cancel out.")
    return (mean / length).astype(np.float32)


def _shares(weights: NDArray[np.floating] | None, *, frames: int) -> NDArray[np.float64]:
    if weights is None:
        return np.full(frames, 1.0 / frames)
    shares = np.asarray(weights, dtype=np.float64)
    if shares.shape != (frames,) or not np.isfinite(shares).all() or (shares < 0).any() or shares.sum() <= 0:
        raise InputError(f"The frame weights must be {frames} numbers, none negative and not all zero.")
    return shares / shares.sum()
