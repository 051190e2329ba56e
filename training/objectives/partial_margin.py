"""A complete thing is to be more like its counterpart than what is left of it, by a margin."""

from __future__ import annotations

from torch import Tensor

from training.objectives.precision import at_least_float32


def partial_margin(complete: Tensor, partial: Tensor, *, margin: float = 0.6) -> Tensor:
    """The mean over pairs of how far the complete similarity falls short of the partial one plus a margin.

    complete, partial: [B] similarities of matched pairs. Returns a scalar, 0 for no pairs. Raises ValueError on shapes
    that do not fit. A pair that keeps the margin, also one exactly at it, has no gradient.
    Source: the partial-order triplets of TPM-CL (DMAE, ACM MM 2023), mean_i max(0, margin - (complete_i - partial_i)).
    """
    if complete.ndim != 1 or complete.shape != partial.shape:
        raise ValueError(f"complete and partial must be [B] alike, not {list(complete.shape)}, {list(partial.shape)}")
    lacking = (margin - (at_least_float32(complete) - at_least_float32(partial))).relu()
    return lacking.sum() / max(len(complete), 1)
