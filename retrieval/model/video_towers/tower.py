"""What every video tower is, and how one goes through the picture tower of a model layer by layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from retrieval.model.blocks import PLACE_NUMBERS, places, self_attention


class VideoTower(nn.Module):
    """Clips to the vectors of their frames; the picture tower belongs to the model and is handed in.

    towers: a transformers model; pixels: normalised, float32 [B, T, 3, H, W], in the order of time, each of them a frame
    -> [B, T, D], any length.
    """

    def forward(self, towers: Any, pixels: Tensor) -> Tensor:
        raise NotImplementedError


def patches_of(vision_model: Any, pixels: Tensor) -> Tensor:
    """What the tower makes of the patches of pictures: [N, 3, H, W] -> [N, P, W], row by row."""
    return vision_model.embeddings.patch_embedding(pixels).flatten(2).transpose(1, 2)


def states_before_layers(vision_model: Any, patches: Tensor) -> Tensor:
    """Patches [N, P, W] with the class before them and their places in the picture added: [N, 1 + P, W]."""
    embeddings = vision_model.embeddings
    first = embeddings.class_embedding.expand(len(patches), 1, -1).to(patches.dtype)
    placed = torch.cat([first, patches], dim=1) + embeddings.position_embedding.weight
    return vision_model.pre_layrnorm(placed)


def through(layer: Any, states: Tensor) -> Tensor:
    """States [N, 1 + P, W] after a layer of the tower."""
    output = layer(states, None)
    return output if isinstance(output, Tensor) else output[0]      # a tuple before transformers 5


class TimeAttention(nn.Module):
    """Every patch looks at the same patch of all frames: [B, T, P, W] -> [B, T, P, W]; it begins as doing nothing.

    Source: the first half of divided space-time attention (TimeSformer, arXiv 2102.05095).
    """

    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.place = nn.Linear(PLACE_NUMBERS, width)
        self.attend = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, states: Tensor) -> Tensor:
        everywhere = torch.ones(1, states.shape[1], dtype=torch.bool, device=states.device)
        placed = self.norm(states) + self.place(places(everywhere))[:, :, None]
        mixed = self_attention(self.attend(placed).transpose(1, 2), heads=self.heads)
        return states + self.out(mixed).transpose(1, 2)
