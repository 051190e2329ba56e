"""How the frames of a clip become its vector: temporal aggregation by name."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from retrieval.errors import ModelError
from retrieval.model.settings import TemporalSettings


def build_aggregation(settings: TemporalSettings, *, dimension: int) -> Aggregation:
    """The module for frames of `dimension` numbers. Raises ModelError when the heads do not divide them."""
    if settings.aggregation == "transformer":
        if dimension % settings.heads:
            raise ModelError(f"{settings.heads} temporal heads do not divide vectors of {dimension} numbers.")
        return TransformerAggregation(dimension, layers=settings.layers, heads=settings.heads)
    return {"mean": MeanAggregation, "max": MaxAggregation, "attention": AttentionAggregation}[settings.aggregation](
        dimension
    )


class Aggregation(nn.Module):
    """Frames [B, F, D] of unit length and their mask [B, F] (True = a frame) -> (pooled [B, D], frames [B, F, D]).

    Both outputs have unit length; masked frames come out as zeros. Frames stand in the order of time, evenly spread.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.dimension = dimension

    def forward(self, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        mixed = unit(self.mix(frames, mask)) * mask[..., None]
        return unit(self.pool(mixed, mask)), mixed

    def mix(self, frames: Tensor, mask: Tensor) -> Tensor:
        """The frames as the words are compared with them, any length: [B, F, D]."""
        return frames

    def pool(self, frames: Tensor, mask: Tensor) -> Tensor:
        """The clip's vector, any length: [B, D]."""
        return frames.sum(dim=1) / mask.sum(dim=1, keepdim=True)


class MeanAggregation(Aggregation):
    """The mean of the frames: nothing to learn, blind to their order."""


class MaxAggregation(Aggregation):
    """The largest number of each dimension."""

    def pool(self, frames: Tensor, mask: Tensor) -> Tensor:
        return frames.masked_fill(~mask[..., None], float("-inf")).amax(dim=1)


class AttentionAggregation(Aggregation):
    """A learned weight for each frame, from the frame itself; it begins as the mean."""

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self.hidden = nn.Linear(dimension, dimension)
        self.score = nn.Linear(dimension, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def pool(self, frames: Tensor, mask: Tensor) -> Tensor:
        scores = self.score(self.hidden(frames).tanh())[..., 0].masked_fill(~mask, float("-inf"))
        return torch.einsum("bf,bfd->bd", scores.softmax(dim=1), frames)


class TransformerAggregation(Aggregation):
    """Frames look at each other before they are averaged: the only aggregation that knows their order.

    A frame's place is its share of the clip, (number + 0.5) / count, as sines and cosines, so that any count of frames
    will do. What the blocks find is added to the frame (as the sequential head of CLIP4Clip, arXiv 2104.08860, does).
    """

    def __init__(self, dimension: int, *, layers: int, heads: int) -> None:
        super().__init__(dimension)
        self.place = nn.Linear(_PLACE_NUMBERS, dimension)
        self.blocks = nn.ModuleList(_Block(dimension, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(dimension)

    def mix(self, frames: Tensor, mask: Tensor) -> Tensor:
        # Unit vectors have entries of about 1 / sqrt(D); blocks and places are made for entries of about 1.
        scale = math.sqrt(self.dimension)
        x = frames * scale + self.place(_places(mask).to(frames.dtype))
        for block in self.blocks:
            x = block(x, mask)
        return frames + self.norm(x) / scale


class _Block(nn.Module):
    def __init__(self, dimension: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(dimension), nn.LayerNorm(dimension)
        self.attend = nn.Linear(dimension, 3 * dimension)
        self.out = nn.Linear(dimension, dimension)
        self.mlp = nn.Sequential(nn.Linear(dimension, 4 * dimension), nn.GELU(), nn.Linear(4 * dimension, dimension))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, count, dimension = x.shape
        parts = self.attend(self.norm_1(x)).view(batch, count, 3, self.heads, dimension // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)        # [B, heads, F, D / heads] each
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, count, dimension))
        return x + self.mlp(self.norm_2(x))


_OCTAVES = 4
_PLACE_NUMBERS = 2 * _OCTAVES + 1


def _places(mask: Tensor) -> Tensor:
    """[B, F, numbers]: where each valid frame stands in its clip; masked ones may say anything."""
    number = mask.cumsum(dim=1) - 1
    share = (number + 0.5) / mask.sum(dim=1, keepdim=True)
    angles = math.pi * share[..., None] * 2.0 ** torch.arange(_OCTAVES, device=mask.device)
    return torch.cat([share[..., None] * 2 - 1, angles.sin(), angles.cos()], dim=-1)


def unit(vectors: Tensor) -> Tensor:
    """Scaled to length one along the last dimension, in float32; zeros stay zeros."""
    return nn.functional.normalize(vectors.float(), dim=-1, eps=1e-12)
