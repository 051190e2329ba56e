"""InfoNCE for queries with several right items: each right item against all that are wrong."""

from __future__ import annotations

import torch
from torch import Tensor

from training.objectives.precision import at_least_float32


def positives_nce(similarity: Tensor, *, logit_scale: float | Tensor, positive: Tensor) -> Tensor:
    """The mean over queries of the mean over their right items of the cross entropy against the wrong items alone.

    similarity: [Q, N], rows are queries; logit_scale multiplies it. positive: bool [Q, N], True = right; a row with no
    right or no wrong item says nothing and is left out, 0 when all are. One right item does not compete with another, so
    the loss reaches 0. With one right item a row it is `info_nce`. Returns a scalar. Raises ValueError on other shapes.
    Per item: log(1 + sum over wrong j of exp(s (S_ij - S_ip))), the form of InfoNCE used for several positives.
    """
    if similarity.ndim != 2 or similarity.shape != positive.shape:
        raise ValueError(f"similarity and positive must be [Q, N] alike, not {list(similarity.shape)}, {list(positive.shape)}")
    telling = positive.any(dim=1) & ~positive.all(dim=1)
    if not telling.any():
        return similarity.sum() * 0.0
    logits, positive = (logit_scale * at_least_float32(similarity))[telling], positive[telling]
    wrong = logits.masked_fill(positive, float("-inf")).logsumexp(dim=1, keepdim=True)
    losses = torch.nn.functional.softplus(wrong - logits).masked_fill(~positive, 0.0)
    return (losses.sum(dim=1) / positive.sum(dim=1)).mean()
