"""NegNCE: InfoNCE, and a push on those wrong items alone that rank above a right one."""

from __future__ import annotations

import torch
from torch import Tensor

from training.objectives.precision import at_least_float32

_SMALLEST = 1e-6        # probabilities are kept so far from 0 and from 1; beyond that they carry no gradient


def neg_nce(
    similarity: Tensor,
    *,
    logit_scale: float | Tensor,
    margin: float = 0.0,
    positive_weight: float = 1.0,
    negative_weight: float = 0.5,
) -> Tensor:
    """Contrast each query with its own item, and push down only the wrong items that rank above a right one.

    similarity: [B, B] cosine, rows are queries, the diagonal is the matching pair; logit_scale multiplies it in the
    softmax, not in the comparison. margin: how far below a right one a wrong one must stay; a tie at margin 0 is not
    hard. The second part is a mean over the hard negatives, so that few of them weigh as much as many, and 0 without any.
    Returns a scalar. Raises ValueError if `similarity` is not square.
    Source: negative-aware InfoNCE of DMAE (ACM MM 2023): P = softmax_j(s S) in [1e-6, 1 - 1e-6], H = the pairs i != j
    with margin + S_ij above S_ii or above S_jj, c_p mean_i(-log P_ii) + c_n mean_H(-log(1 - P_ij)).
    """
    if similarity.ndim != 2 or similarity.shape[0] != similarity.shape[1]:
        raise ValueError(f"similarity must be [B, B], not {list(similarity.shape)}")
    sums = neg_nce_sums(
        similarity, logit_scale=logit_scale, margin=margin, own=similarity.diagonal(),
        positives=torch.arange(len(similarity), device=similarity.device),
    )  # fmt: skip
    positive, negative, hard = sums
    loss = positive_weight * positive / len(similarity) + negative_weight * negative / hard.detach().clamp(min=1)
    return loss.to(at_least_float32(similarity).dtype)


def neg_nce_sums(
    similarity: Tensor,
    *,
    logit_scale: float | Tensor,
    positives: Tensor,
    own: Tensor,
    margin: float = 0.0,
    ignored: Tensor | None = None,
) -> Tensor:
    """What `neg_nce` of a larger batch is made of, for some of its rows: float64 [3], to be added up over rows.

    similarity: [b, N]; positives: int64 [b], the column of each row's own item; own: [N], the similarity of each column
    to its own query; ignored: bool [b, N], True = neither positive nor negative. The three are the sum over rows of
    -log P of the own item, the sum over hard negatives of -log(1 - P), and how many hard negatives there are.
    """
    if similarity.ndim != 2 or positives.shape != similarity.shape[:1] or own.shape != similarity.shape[1:]:
        raise ValueError(
            f"similarity must be [b, N] with positives [b] and own [N], not {list(similarity.shape)}, "
            f"{list(positives.shape)}, {list(own.shape)}"
        )
    # Near the clamp float32 leaves 1 - P hardly a digit.
    similarity, own = similarity.double(), own.detach().double()
    column = positives[:, None]
    wrong = torch.ones_like(similarity, dtype=torch.bool).scatter_(1, column, False)
    logits = logit_scale * similarity
    if ignored is not None:
        logits = logits.masked_fill(ignored & wrong, float("-inf"))
        wrong = wrong & ~ignored
    probability = logits.softmax(dim=1).clamp(_SMALLEST, 1 - _SMALLEST)
    compared = similarity.detach()
    right = compared.gather(1, column)
    hard = wrong & ((margin + compared - right > 0) | (margin + compared - own > 0))
    pushed = torch.log1p(-probability).masked_fill(~hard, 0.0)
    positive = -probability.gather(1, column).log().sum()
    return torch.stack([positive, -pushed.sum(), hard.sum().to(positive.dtype)])
