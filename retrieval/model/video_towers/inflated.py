"""A picture tower inflated to three dimensions: patches that reach over frames, and attention in time beside that in space."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from retrieval.encoders.towers import pooled_states
from retrieval.model.video_towers.tower import TimeAttention, VideoTower, states_before_layers, through


class Inflated(VideoTower):
    """On a still clip it begins as the picture tower itself; what it has beyond that is learned.

    tubelet: frames that a patch reaches over. Sources: inflated weights of I3D (arXiv 1705.07750); attention in time, then
    in space, of TimeSformer (arXiv 2102.05095), begun from the attention in space.
    """

    def __init__(self, vision_model: Any, *, tubelet: int, pooling: str) -> None:
        super().__init__()
        self._pooling = pooling
        self.tubelets = Tubelets(vision_model.embeddings.patch_embedding, length=tubelet)
        heads = vision_model.config.num_attention_heads
        self.time = nn.ModuleList(_time_attention(layer, heads=heads) for layer in vision_model.encoder.layers)

    def forward(self, towers: Any, pixels: Tensor) -> Tensor:
        clips, frames = pixels.shape[:2]
        vision_model = towers.vision_model
        patches = self.tubelets(vision_model.embeddings.patch_embedding, pixels)
        states = states_before_layers(vision_model, patches.flatten(0, 1))
        for time, layer in zip(self.time, vision_model.encoder.layers, strict=True):
            states = time(states.unflatten(0, (clips, frames))).flatten(0, 1)
            states = through(layer, states)
        return pooled_states(towers, states, pooling=self._pooling).unflatten(0, (clips, frames))


class Tubelets(nn.Module):
    """Patches over `length` frames around each frame, the first and last frame repeated beyond the ends.

    Its weights are those of the picture's patch embedding, each moment's 1 / length of them, plus what is learned here.
    """

    def __init__(self, patch_embedding: nn.Conv2d, *, length: int) -> None:
        super().__init__()
        self.change = nn.Parameter(torch.zeros(length, *patch_embedding.weight.shape))

    def forward(self, patch_embedding: nn.Conv2d, pixels: Tensor) -> Tensor:
        """pixels [B, T, 3, H, W] -> [B, T, P, W]."""
        clips, frames = pixels.shape[:2]
        length = len(self.change)
        # One convolution of pictures for all moments, moved and added up: on a CPU faster than one over time.
        weight = (patch_embedding.weight / length + self.change).flatten(0, 1)
        found = nn.functional.conv2d(pixels.flatten(0, 1), weight, stride=patch_embedding.stride)
        moments = found.flatten(2).transpose(1, 2).unflatten(-1, (length, -1)).unflatten(0, (clips, frames))
        places = torch.arange(frames, device=pixels.device)
        reached = ((places + k - length // 2).clamp(0, frames - 1) for k in range(length))
        return torch.stack([moments[:, frame, :, k] for k, frame in enumerate(reached)]).sum(dim=0)


def _time_attention(layer: Any, *, heads: int) -> TimeAttention:
    space = layer.self_attn
    attention = TimeAttention(layer.layer_norm1.weight.shape[0], heads=heads)
    attention.norm.load_state_dict(layer.layer_norm1.state_dict())
    with torch.no_grad():
        parts = (space.q_proj, space.k_proj, space.v_proj)
        attention.attend.weight.copy_(torch.cat([part.weight for part in parts]))
        attention.attend.bias.copy_(torch.cat([part.bias for part in parts]))
    return attention
