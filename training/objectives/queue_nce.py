"""Contrast with a queue: each query against its own key and keys of earlier batches."""

from __future__ import annotations

import torch
from torch import Tensor

from training.objectives.precision import at_least_float32


def queue_nce(
    queries: Tensor, keys: Tensor, queue: Tensor, *, temperature: float = 0.05, ignored: Tensor | None = None
) -> Tensor:
    """The mean over queries of lse([own key, queue] / temperature) - own key / temperature: one direction.

    queries, keys: [b, D], row i of both belongs together; queue: [Q, D]; all of unit length. ignored: bool [b, Q], True =
    no negative of this query. The loss is 0 where nothing is left of the queue; other rows of `keys` are no negatives.
    Returns a scalar. Raises ValueError on shapes that do not fit or a temperature not above 0.
    Source: MoCo (arXiv 1911.05722), as the level-1 loss of SNP-S3 (arXiv 2401.17773) has it.
    """
    if queries.ndim != 2 or queries.shape != keys.shape or queue.ndim != 2 or queue.shape[1] != queries.shape[1]:
        raise ValueError(
            f"queries and keys must be [b, D] alike with queue [Q, D], not {list(queries.shape)}, {list(keys.shape)}, "
            f"{list(queue.shape)}"
        )
    if temperature <= 0:
        raise ValueError(f"the temperature must be above 0, not {temperature}")
    queries, keys, queue = at_least_float32(queries), at_least_float32(keys), at_least_float32(queue)
    positive = (queries * keys).sum(dim=1, keepdim=True)
    negatives = queries @ queue.T
    if ignored is not None:
        negatives = negatives.masked_fill(ignored, float("-inf"))
    return (torch.cat([positive, negatives], dim=1) / temperature).logsumexp(dim=1).sub(positive[:, 0] / temperature).mean()
