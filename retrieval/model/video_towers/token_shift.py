"""Token shift: every layer of the picture tower sees a share of the channels of the frames before and after."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from retrieval.encoders.towers import pooled_states
from retrieval.model.video_towers.tower import VideoTower, patches_of, states_before_layers, through


class TokenShift(VideoTower):
    """Nothing to learn: on a still clip, or one of a single frame, it is the picture tower itself.

    share: of the channels that come from the frame before, and as many from the one after. Only what a layer looks at is
    shifted: what it adds to keeps its own channels. Source: the residual shift of TSM (arXiv 1811.08383), on tokens.
    """

    def __init__(self, *, share: float, pooling: str) -> None:
        super().__init__()
        self._share = share
        self._pooling = pooling

    def forward(self, towers: Any, pixels: Tensor) -> Tensor:
        clips, frames = pixels.shape[:2]
        vision_model = towers.vision_model
        states = states_before_layers(vision_model, patches_of(vision_model, pixels.flatten(0, 1)))
        for layer in vision_model.encoder.layers:
            shifted = shift(states.unflatten(0, (clips, frames)), share=self._share).flatten(0, 1)
            states = states + through(layer, shifted) - shifted
        return pooled_states(towers, states, pooling=self._pooling).unflatten(0, (clips, frames))


def shift(states: Tensor, *, share: float) -> Tensor:
    """[B, T, N, W] with the first channels from the frame before and the next from the one after; the ends keep theirs."""
    count = int(states.shape[-1] * share)
    before = torch.cat([states[:, :1], states[:, :-1]], dim=1)
    after = torch.cat([states[:, 1:], states[:, -1:]], dim=1)
    return torch.cat([before[..., :count], after[..., count : 2 * count], states[..., 2 * count :]], dim=-1)
