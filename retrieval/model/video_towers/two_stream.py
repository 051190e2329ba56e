"""Two streams: the pictures, and what changes from one to the next."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from retrieval.encoders.towers import pooled_states
from retrieval.model.video_towers.tower import VideoTower


class TwoStream(VideoTower):
    """The vector of a frame is that of its picture plus one made of the difference to the next; it begins as the picture's.

    shared: differences go through the picture tower too, otherwise through one of their own that begins as its copy.
    Source: two-stream networks (arXiv 1406.2199), with differences of pictures in place of optical flow as in TSN
    (arXiv 1608.00859).
    """

    def __init__(self, towers: Any, *, shared: bool, dimension: int, pooling: str) -> None:
        super().__init__()
        self._pooling = pooling
        self.motion = None if shared else _Copy(towers)
        self.join = nn.Linear(dimension, dimension)
        nn.init.zeros_(self.join.weight)
        nn.init.zeros_(self.join.bias)

    def forward(self, towers: Any, pixels: Tensor) -> Tensor:
        pictures = self._seen(towers, pixels)
        return pictures + self.join(self._seen(self.motion or towers, differences(pixels)))

    def _seen(self, tower: Any, pixels: Tensor) -> Tensor:
        states = tower.vision_model(pixel_values=pixels.flatten(0, 1)).last_hidden_state
        return pooled_states(tower, states, pooling=self._pooling).unflatten(0, pixels.shape[:2])


class _Copy(nn.Module):
    """A picture tower of its own, called as the model's."""

    def __init__(self, towers: Any) -> None:
        super().__init__()
        self.vision_model = copy.deepcopy(towers.vision_model).requires_grad_(True)
        self.visual_projection = copy.deepcopy(towers.visual_projection).requires_grad_(True)


def differences(pixels: Tensor) -> Tensor:
    """What each frame lacks to the next, [B, T, 3, H, W]; the last repeats the one before, a single frame has none."""
    if pixels.shape[1] == 1:
        return torch.zeros_like(pixels)
    steps = pixels[:, 1:] - pixels[:, :-1]
    return torch.cat([steps, steps[:, -1:]], dim=1)
