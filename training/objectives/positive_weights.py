"""Hard positives: pairs that the model finds easy already count less."""

from __future__ import annotations

import torch
from torch import Tensor

from training.objectives.precision import at_least_float32

_SAME = 1e-6        # a similarity so near the lowest is the lowest: rounding must not decide


def positive_pair_weights(own_similarity: Tensor, *, floor: float = 0.2) -> Tensor:
    """1 for each pair up to the mean similarity, less for the more similar ones, never below `floor`.

    own_similarity: [b], of the matching pairs of a batch. Returns [b] without gradient; a shift of all changes nothing.
    Raises ValueError on another shape.
    Source: hard positives of HSCL (CNVid-3.5M, CVPR 2023): with mu the mean and m the least s, w = 1 where s <= mu, else
    max((mu - m) / (s - m), floor), and w = 1 where s - m < 1e-6.
    """
    if own_similarity.ndim != 1 or not len(own_similarity):
        raise ValueError(f"own_similarity must be [b], not {list(own_similarity.shape)}")
    similarity = at_least_float32(own_similarity.detach())
    above_lowest = similarity - similarity.min()
    mean = above_lowest.mean()
    easy = (above_lowest > mean) & (above_lowest >= _SAME)
    weights = (mean / above_lowest.clamp(min=_SAME)).clamp(min=floor)
    return torch.where(easy, weights, torch.ones_like(weights))
