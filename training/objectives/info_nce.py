"""InfoNCE: each query is to be more like its own item than like any other of the batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from training.objectives.precision import at_least_float32


def info_nce(
    similarity: Tensor, *, logit_scale: float | Tensor, positives: Tensor | None = None, ignored: Tensor | None = None
) -> Tensor:
    """The mean over queries of the cross entropy of the softmax over items, in one direction.

    similarity: [B, N], rows are queries; logit_scale multiplies it. positives: int64 [B], the column of each row's own
    item, None = the diagonal of a square matrix. ignored: bool [B, N], True = neither positive nor negative; the
    positive itself is never ignored. With rows of one process and columns of all, the mean of the processes' losses is
    the loss of the joined batch. Returns a scalar. Raises ValueError on shapes that do not fit.
    Source: CrossEn of CLIP (arXiv 2103.00020), mean_i [log sum_j exp(s S_ij) - s S_ii].
    """
    if similarity.ndim != 2 or (positives is None and similarity.shape[0] != similarity.shape[1]):
        raise ValueError(f"similarity must be [B, B], or [B, N] with positives, not {list(similarity.shape)}")
    if positives is None:
        positives = torch.arange(len(similarity), device=similarity.device)
    if positives.shape != similarity.shape[:1]:
        raise ValueError(f"positives must be [{len(similarity)}], not {list(positives.shape)}")
    logits = logit_scale * at_least_float32(similarity)
    if ignored is not None:
        own = torch.zeros_like(ignored).scatter_(1, positives[:, None], True)
        logits = logits.masked_fill(ignored & ~own, float("-inf"))
    return torch.nn.functional.cross_entropy(logits, positives)


def info_nce_by_rows(
    similarity: Callable[[slice], Tensor],
    *,
    positives: Tensor,
    logit_scale: float | Tensor,
    chunk: int,
    ignored: Callable[[slice], Tensor] | None = None,
) -> Tensor:
    """`info_nce` of a matrix that is never whole: chunk x N logits are in memory at a time, and computed again backwards.

    similarity: rows -> their similarities [rows, N], differentiable, computed twice; ignored: rows -> bool [rows, N].
    positives: int64 [B]. Value and gradient are those of `info_nce`. Raises ValueError when chunk is below 1.
    """
    if chunk < 1:
        raise ValueError(f"chunk must be 1 or more, not {chunk}")

    def loss_of(rows: slice) -> Tensor:
        return info_nce(
            similarity(rows), logit_scale=logit_scale, positives=positives[rows],
            ignored=None if ignored is None else ignored(rows),
        )  # fmt: skip

    total = torch.zeros((), device=positives.device)
    for start in range(0, len(positives), chunk):
        rows = slice(start, min(start + chunk, len(positives)))
        loss: Tensor = checkpoint(loss_of, rows, use_reentrant=False)
        total = total + loss * (rows.stop - rows.start)
    return total / len(positives)
