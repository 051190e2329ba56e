"""Which tokens of a text or a video are taken away so that only a part of it is left."""

from __future__ import annotations

import torch
from torch import Tensor

from training.objectives.precision import at_least_float32


def select_important_tokens(importance: Tensor, *, mass: float = 0.6, mask: Tensor | None = None) -> Tensor:
    """The tokens that stay when the most important ones go, as long as those hold less than `mass` together.

    importance: [..., T] >= 0, summing to 1 over the valid tokens; it is taken as it is. mask: bool [..., T], True = valid.
    From the most important downwards, of equal ones the first of the row first, tokens go while the running sum is below
    `mass`; the one that reaches it stays. Returns the keep mask, bool [..., T], False where the mask is; there is no
    gradient through it. With a sum of at least `mass` something stays. Raises ValueError on a mask that does not fit.
    Source: the token selector of TPM-CL (DMAE, ACM MM 2023).
    """
    shares = at_least_float32(importance.detach())
    if mask is None:
        mask = torch.ones(shares.shape, dtype=torch.bool, device=shares.device)
    elif mask.shape != shares.shape or mask.dtype != torch.bool:
        raise ValueError(f"the mask must be bool {list(shares.shape)}, not {mask.dtype} {list(mask.shape)}")
    shares = shares.masked_fill(~mask, 0.0)
    ordered, order = shares.sort(dim=-1, descending=True, stable=True)
    gone = torch.zeros_like(mask).scatter_(-1, order, ordered.cumsum(dim=-1) < mass)
    return mask & ~gone
