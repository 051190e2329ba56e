"""A small model learns from a large one: its vectors are to lie where the large one's do."""

from __future__ import annotations

import torch
from torch import Tensor


def cosine_distance(own: Tensor, teacher: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """The mean of 1 - cosine, half the squared distance of unit vectors.

    own, teacher: [..., D] of unit length; mask: bool [...], True = counted, None = all. Returns a scalar. Raises ValueError
    when the shapes differ or nothing is counted.
    """
    if own.shape != teacher.shape:
        raise ValueError(f"vectors of shapes {list(own.shape)} and {list(teacher.shape)} cannot be compared")
    distance = 1 - (own * teacher).sum(dim=-1)
    if mask is not None:
        distance = distance[mask]
    if not distance.numel():
        raise ValueError("there is no vector to compare")
    return distance.mean()


def relation_divergence(own: Tensor, teacher: Tensor, bank: Tensor, *, temperature: float) -> Tensor:
    """The mean over rows of KL(softmax of the teacher's likeness to the bank || softmax of the own one).

    own, teacher: [B, D]; bank: [N, D], the same vectors for both; all of unit length. Returns a scalar.
    Source: relational distillation by in-batch similarities (SEED, arXiv 2101.04731), with the batch as its queue.
    """
    wanted = (teacher @ bank.T / temperature).softmax(dim=1)
    found = (own @ bank.T / temperature).log_softmax(dim=1)
    return torch.nn.functional.kl_div(found, wanted, reduction="batchmean")
