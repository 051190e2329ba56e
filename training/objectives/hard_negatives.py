"""Hard sample mining: for each query, the wrong items of the batch that are most like its right one."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from training.objectives.precision import at_least_float32

MiningRule = Literal["nearest", "top_k"]
_EXCLUDED, _OWN = 1, 2      # sorted behind all others, in this order


def hard_negative_indices(
    similarity: Tensor,
    *,
    count: int,
    own: Tensor | None = None,
    rule: MiningRule = "nearest",
    excluded: Tensor | None = None,
) -> Tensor:
    """For each row the columns of its hardest negatives, the hardest first; of equal ones the first column first.

    similarity: [b, N], rows are own queries, columns the items of all processes. own: int64 [b], the column of each row's
    right item, None = the diagonal; it is never chosen. rule: "nearest" = least |s_ij - s_i,own|, "top_k" = greatest s_ij.
    excluded: bool [b, N], True = not really wrong (the very same text): chosen only when nothing else is left.
    Returns int64 [b, count], without gradient. Raises ValueError when count is not in 1..N - 1 or shapes do not fit.
    Source: hard sample mining of HSCL (CNVid-3.5M, CVPR 2023), with the own item out of the choice.
    """
    scores = at_least_float32(similarity.detach())
    own = _own_columns(scores, own)
    if not 1 <= count <= scores.shape[1] - 1:
        raise ValueError(f"count must be in 1..{scores.shape[1] - 1}, the columns without the own one, not {count}")
    if rule == "nearest":
        easiness = (scores - scores.gather(1, own[:, None])).abs()
    elif rule == "top_k":
        easiness = -scores
    else:
        raise ValueError(f'rule must be "nearest" or "top_k", not {rule!r}')
    behind = torch.zeros(scores.shape, dtype=torch.int8, device=scores.device)
    if excluded is not None:
        behind.masked_fill_(excluded, _EXCLUDED)
    behind.scatter_(1, own[:, None], _OWN)
    by_easiness = easiness.argsort(dim=1, stable=True)
    order = by_easiness.gather(1, behind.gather(1, by_easiness).argsort(dim=1, stable=True))
    return order[:, :count]


def _own_columns(scores: Tensor, own: Tensor | None) -> Tensor:
    if scores.ndim != 2 or (own is None and scores.shape[0] > scores.shape[1]):
        raise ValueError(f"similarity must be [b, N], with own where b is above N, not {list(scores.shape)}")
    if own is None:
        return torch.arange(len(scores), device=scores.device)
    if own.shape != scores.shape[:1]:
        raise ValueError(f"own must be [{len(scores)}], not {list(own.shape)}")
    return own
