"""What transformers over frames and patches are made of: attention, a block of it, and the place of a frame in its clip."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def self_attention(joined: Tensor, *, heads: int, mask: Tensor | None = None) -> Tensor:
    """Attention among the entries of the last but one axis: [..., N, 3 x D], queries, keys and values, -> [..., N, D].

    mask: broadcast to [..., heads, N, N], bool (True = may be looked at) or numbers that are added to the scores.
    """
    *leading, count, width = joined.shape
    parts = joined.view(*leading, count, 3, heads, width // 3 // heads)
    query, key, value = parts.movedim(-3, 0).transpose(-3, -2)     # [..., heads, N, D / heads] each
    mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    return mixed.transpose(-3, -2).reshape(*leading, count, width // 3)


class Block(nn.Module):
    """A block of a transformer, norms first: [B, N, D] and mask bool [B, N], None = all are looked at, -> [B, N, D].

    activation: between the two layers at its end, None = GELU; epsilon: of its norms.
    """

    def __init__(
        self, dimension: int, heads: int, *, activation: nn.Module | None = None, epsilon: float = 1e-5
    ) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(dimension, eps=epsilon), nn.LayerNorm(dimension, eps=epsilon)
        self.attend = nn.Linear(dimension, 3 * dimension)
        self.out = nn.Linear(dimension, dimension)
        self.mlp = nn.Sequential(
            nn.Linear(dimension, 4 * dimension), activation or nn.GELU(), nn.Linear(4 * dimension, dimension)
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        allowed = None if mask is None else mask[:, None, None, :]
        x = x + self.out(self_attention(self.attend(self.norm_1(x)), heads=self.heads, mask=allowed))
        return x + self.mlp(self.norm_2(x))


_OCTAVES = 4
PLACE_NUMBERS = 2 * _OCTAVES + 1


def places(mask: Tensor) -> Tensor:
    """[B, F, PLACE_NUMBERS]: where each valid frame stands in its clip; masked ones may say anything.

    A place is a share of the clip, (number + 0.5) / count, so that any count of frames will do.
    """
    number = mask.cumsum(dim=1) - 1
    share = (number + 0.5) / mask.sum(dim=1, keepdim=True)
    angles = math.pi * share[..., None] * 2.0 ** torch.arange(_OCTAVES, device=mask.device)
    return torch.cat([share[..., None] * 2 - 1, angles.sin(), angles.cos()], dim=-1)
