"""How the frames of a clip become its vector: temporal aggregation by name."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from retrieval.errors import ModelError
from retrieval.model.blocks import PLACE_NUMBERS, Block, places
from retrieval.model.settings import TemporalSettings


def build_aggregation(settings: TemporalSettings, *, dimension: int) -> Aggregation:
    """The module for frames of `dimension` numbers. Raises ModelError when the heads do not divide them."""
    if settings.aggregation in ("transformer", "sequential") and dimension % settings.heads:
        raise ModelError(f"{settings.heads} temporal heads do not divide vectors of {dimension} numbers.")
    if settings.aggregation == "transformer":
        return TransformerAggregation(dimension, layers=settings.layers, heads=settings.heads)
    if settings.aggregation == "sequential":
        return SequentialAggregation(
            dimension, layers=settings.layers, heads=settings.heads, positions=settings.positions
        )
    if settings.aggregation == "recurrent":
        return RecurrentAggregation(dimension, layers=settings.layers)
    plain: dict[str, type[Aggregation]] = {
        "mean": MeanAggregation, "max": MaxAggregation, "attention": AttentionAggregation,
        "non_local": NonLocalAggregation,
    }  # fmt: skip
    return plain[settings.aggregation](dimension)


class Aggregation(nn.Module):
    """Frames [B, F, D] of any length and their mask [B, F] (True = a frame) -> (pooled [B, D], frames [B, F, D]).

    Both outputs have unit length; masked frames come out as zeros. Frames stand in the order of time, evenly spread.
    `hears_lengths`: False = `mix` gets frames of unit length.
    """

    hears_lengths = False

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.dimension = dimension

    def forward(self, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        mixed = unit(self.mix(frames if self.hears_lengths else unit(frames), mask)) * mask[..., None]
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
    """Frames look at each other, and at where they stand in the clip, before they are averaged.

    A frame's place is its share of the clip, (number + 0.5) / count, as sines and cosines, so that any count of frames
    will do. What the blocks find is added to the frame (as the sequential head of CLIP4Clip, arXiv 2104.08860, does).
    """

    def __init__(self, dimension: int, *, layers: int, heads: int) -> None:
        super().__init__(dimension)
        self.place = nn.Linear(PLACE_NUMBERS, dimension)
        self.blocks = nn.ModuleList(Block(dimension, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(dimension)

    def mix(self, frames: Tensor, mask: Tensor) -> Tensor:
        # Unit vectors have entries of about 1 / sqrt(D); blocks and places are made for entries of about 1.
        scale = math.sqrt(self.dimension)
        x = frames * scale + self.place(places(mask).to(frames.dtype))
        for block in self.blocks:
            x = block(x, mask)
        return frames + self.norm(x) / scale


class SequentialAggregation(Aggregation):
    """The sequential transformer head of CLIP4Clip (arXiv 2104.08860), as its checkpoints hold it.

    A frame's place is its number, of which `positions` are learned; frames have the length that the tower gives them.
    """

    hears_lengths = True

    def __init__(self, dimension: int, *, layers: int, heads: int, positions: int) -> None:
        super().__init__(dimension)
        self.places = nn.Embedding(positions, dimension)
        self.blocks = nn.ModuleList(Block(dimension, heads, activation=_QuickGelu(), epsilon=1e-12) for _ in range(layers))

    def mix(self, frames: Tensor, mask: Tensor) -> Tensor:
        if frames.shape[1] > self.places.num_embeddings:
            raise ModelError(
                f"A clip has {frames.shape[1]} frames, but this model knows {self.places.num_embeddings} places: give it fewer."
            )
        x = frames + self.places((mask.cumsum(dim=1) - 1).clamp(min=0))
        for block in self.blocks:
            x = block(x, mask)
        return frames + x


class _QuickGelu(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * (1.702 * x).sigmoid()


class RecurrentAggregation(Aggregation):
    """A GRU reads the frames in order and adds to each what it remembers, before they are averaged.

    Source: the sequential head of CLIP4Clip (arXiv 2104.08860), an LSTM whose output is added to the frames.
    """

    def __init__(self, dimension: int, *, layers: int) -> None:
        super().__init__(dimension)
        self.memory = nn.GRU(dimension, dimension, num_layers=layers, batch_first=True)

    def mix(self, frames: Tensor, mask: Tensor) -> Tensor:
        scale = math.sqrt(self.dimension)       # as in the transformer
        # Frames stand first, in their order: what is masked is read after them and cannot be remembered by them.
        order = mask.int().argsort(dim=1, descending=True, stable=True)[..., None].expand_as(frames)
        read, _ = self.memory(frames.gather(1, order) * scale)
        return frames + torch.zeros_like(frames).scatter(1, order, read.to(frames.dtype)) / scale


class NonLocalAggregation(Aggregation):
    """Every frame takes over a share of all frames, by how alike they are: an embedded Gaussian; it begins as the mean.

    It has no notion of order. Source: the non-local block of arXiv 1711.07971, over the vectors of frames.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        inner = max(dimension // 2, 1)
        self.query, self.key, self.value = (nn.Linear(dimension, inner) for _ in range(3))
        self.out = nn.Linear(inner, dimension)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def mix(self, frames: Tensor, mask: Tensor) -> Tensor:
        scale = math.sqrt(self.dimension)
        x = frames * scale
        alike = torch.einsum("bfd,bgd->bfg", self.query(x), self.key(x)).float()
        shares = alike.masked_fill(~mask[:, None, :], float("-inf")).softmax(dim=-1)
        value = self.value(x)
        return frames + self.out(torch.einsum("bfg,bgd->bfd", shares.to(value.dtype), value)) / scale


def unit(vectors: Tensor) -> Tensor:
    """Scaled to length one along the last dimension, in float32; zeros stay zeros."""
    return nn.functional.normalize(vectors.float(), dim=-1, eps=1e-12)
