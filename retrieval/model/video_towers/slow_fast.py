"""Slow and fast: a few frames in full through the picture tower, all frames through a narrow path that feeds it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from retrieval.encoders.towers import pooled_patches, pooled_states
from retrieval.model.blocks import Block
from retrieval.model.video_towers.tower import TimeAttention, VideoTower, patches_of, states_before_layers, through


class SlowFast(VideoTower):
    """The vector of a frame is that of the slow frame of its group plus one of its own from the fast path.

    every: frames of a group, the middle one goes through the picture tower. Before each layer, its patches take in what
    the fast path knows of the same patch in all frames of the group. Both joins begin as nothing, so that the tower
    begins as the picture tower on the slow frames. Source: SlowFast (arXiv 1812.03982), of transformers.
    """

    def __init__(
        self, vision_model: Any, *, every: int, width: int, heads: int, dimension: int, pooling: str
    ) -> None:
        super().__init__()
        self._every = every
        self._pooling = pooling
        embeddings, layers = vision_model.embeddings, vision_model.encoder.layers
        slow_width = vision_model.config.hidden_size
        patch_embedding = embeddings.patch_embedding
        self.patches = nn.Conv2d(
            patch_embedding.in_channels, width, patch_embedding.kernel_size, stride=patch_embedding.stride
        )
        self.place = nn.Parameter(torch.randn(embeddings.position_embedding.num_embeddings - 1, width) * 0.02)
        self.layers = nn.ModuleList(_FastLayer(width, heads=heads) for _ in layers)
        self.lateral = nn.ModuleList(nn.Linear(every * width, slow_width) for _ in layers)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, dimension)
        for join in (*self.lateral, self.out):
            nn.init.zeros_(join.weight)
            nn.init.zeros_(join.bias)

    def forward(self, towers: Any, pixels: Tensor) -> Tensor:
        frames = pixels.shape[1]
        groups = grouped(frames, every=self._every).to(pixels.device)
        middle = groups[:, self._every // 2]
        vision_model = towers.vision_model
        slow = states_before_layers(vision_model, patches_of(vision_model, pixels[:, middle].flatten(0, 1)))
        fast = self.patches(pixels.flatten(0, 1)).flatten(2).transpose(1, 2) + self.place
        fast = fast.unflatten(0, pixels.shape[:2])
        for layer, fast_layer, lateral in zip(vision_model.encoder.layers, self.layers, self.lateral, strict=True):
            fast = fast_layer(fast)
            given = lateral(fast[:, groups].transpose(2, 3).flatten(-2)).flatten(0, 1)      # [B x G, P, W]
            slow = through(layer, slow + nn.functional.pad(given, (0, 0, 1, 0)))            # the class takes nothing
        of_groups = pooled_states(towers, slow, pooling=self._pooling).unflatten(0, (len(pixels), len(groups)))
        own = pooled_patches(self.out(self.norm(fast)), pooling=self._pooling)
        return of_groups[:, torch.arange(frames, device=pixels.device) // self._every] + own


class _FastLayer(nn.Module):
    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        self.time = TimeAttention(width, heads=heads)
        self.space = Block(width, heads)

    def forward(self, states: Tensor) -> Tensor:
        """[B, T, P, W] -> the same shape."""
        return self.space(self.time(states).flatten(0, 1)).unflatten(0, states.shape[:2])


def grouped(frames: int, *, every: int) -> Tensor:
    """The frames of each group, int64 [ceil(frames / every), every]; the last frame is repeated to fill the last group."""
    starts = torch.arange(0, frames, every)
    return (starts[:, None] + torch.arange(every)).clamp(max=frames - 1)
