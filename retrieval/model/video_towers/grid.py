"""A clip as one picture: its frames as tiles, row by row, through the ordinary picture tower."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from retrieval.encoders.towers import pixel_features
from retrieval.model.video_towers.tower import VideoTower


class Grid(VideoTower):
    """Every frame has the vector of the whole grid: nothing to learn, and nothing that tells frames apart.

    patch_size: as in `pixel_features`. Source: SIFAR (arXiv 2106.14104), a super image of frames.
    """

    def __init__(self, *, pooling: str, patch_size: int | None) -> None:
        super().__init__()
        self._pooling = pooling
        self._patch_size = patch_size

    def forward(self, towers: Any, pixels: Tensor) -> Tensor:
        seen = pixel_features(towers, tiled(pixels), patch_size=self._patch_size, pooling=self._pooling)
        return seen[:, None].expand(-1, pixels.shape[1], -1)


def tiled(pixels: Tensor) -> Tensor:
    """Clips [B, T, 3, H, W] as pictures [B, 3, H, W] of n x n tiles, n² >= T; frames are repeated evenly to fill them."""
    clips, frames, channels, height, width = pixels.shape
    side = math.isqrt(frames - 1) + 1
    shown = torch.arange(side * side, device=pixels.device) * frames // (side * side)
    tiles = pixels[:, shown].view(clips, side, side, channels, height, width)
    whole = tiles.permute(0, 3, 1, 4, 2, 5).reshape(clips, channels, side * height, side * width)
    return nn.functional.interpolate(whole, size=(height, width), mode="area")
