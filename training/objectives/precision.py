"""Losses are computed in float32 or better, whatever the towers run in."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(tensor: Tensor) -> Tensor:
    """Half precision becomes float32, float64 stays: sums of exponentials lose their digits below float32."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
