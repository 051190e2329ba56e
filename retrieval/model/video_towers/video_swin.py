"""Video Swin: attention in windows of space and time that shift from block to block, coarser from stage to stage."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from retrieval.encoders.towers import pooled_patches
from retrieval.model.blocks import self_attention
from retrieval.model.settings import VideoSettings
from retrieval.model.video_towers.tower import VideoTower

Window = tuple[int, int, int]       # frames, rows, columns

_TUBELET = 2        # frames of a patch


class VideoSwin(VideoTower):
    """A tower of its own: nothing goes through the picture tower.

    Patches reach over a frame and the next, a frame of zeros after the last, so that each frame keeps a vector: the mean of
    its projected patches, plus the largest numbers where the pooling says so. Sources: Video Swin (arXiv 2106.13230), the
    stride of 1 in time of CNVid-3.5M's backbone; stochastic depth is left out, the tower is small.
    """

    def __init__(self, settings: VideoSettings, *, dimension: int, pooling: str) -> None:
        super().__init__()
        self._pooling = pooling
        width, side = settings.width, settings.patch
        self.patches = nn.Conv3d(3, width, (_TUBELET, side, side), stride=(1, side, side))
        self.norm_first = nn.LayerNorm(width)
        self.stages = nn.ModuleList()
        for number, depth in enumerate(settings.depths):
            if number:
                self.stages.append(_Merging(width))
                width *= 2
            for k in range(depth):
                heads = width // settings.head_width
                self.stages.append(SwinBlock(width, heads=heads, window=settings.window, shifted=k % 2 == 1))
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, dimension, bias=False)

    def forward(self, towers: Any, pixels: Tensor) -> Tensor:
        states = self.patches(nn.functional.pad(pixels.transpose(1, 2), (0, 0, 0, 0, 0, _TUBELET - 1)))
        states = self.norm_first(states.movedim(1, -1))        # [B, T, h, w, W]
        for part in self.stages:
            states = part(states)
        return pooled_patches(self.projection(self.norm(states)).flatten(2, 3), pooling=self._pooling)


class _Merging(nn.Module):
    """Two by two patches of a frame become one of twice the width; an odd row or column is filled up with zeros."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduce = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, states: Tensor) -> Tensor:
        states = nn.functional.pad(states, (0, 0, 0, states.shape[3] % 2, 0, states.shape[2] % 2))
        corners = [states[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]
        return self.reduce(self.norm(torch.cat(corners, dim=-1)))


class SwinBlock(nn.Module):
    def __init__(self, width: int, *, heads: int, window: Window, shifted: bool) -> None:
        super().__init__()
        self._heads, self._window, self._shifted = heads, window, shifted
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        frames, rows, columns = (2 * side - 1 for side in window)
        self.position_bias = nn.Parameter(torch.randn(frames * rows * columns, heads) * 0.02)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, states: Tensor) -> Tensor:
        """[B, T, h, w, W] -> the same shape."""
        grid = states.shape[1:4]
        window = _window(min(side, size) for side, size in zip(self._window, grid, strict=True))
        # A window that holds the whole of an axis has nowhere to go along it.
        moves = _window(
            side // 2 if self._shifted and side < size else 0 for side, size in zip(window, grid, strict=True)
        )
        states = states + self._in_windows(self.norm_1(states), window, moves)
        return states + self.mlp(self.norm_2(states))

    def _in_windows(self, states: Tensor, window: Window, moves: Window) -> Tensor:
        frames, rows, columns = states.shape[1:4]
        missing = [-size % side for size, side in zip(states.shape[1:4], window, strict=True)]
        padded = nn.functional.pad(states, (0, 0, 0, missing[2], 0, missing[1], 0, missing[0]))
        moved = padded.roll([-move for move in moves], dims=(1, 2, 3))
        cut = cut_windows(moved, window)
        mask = self._bias(window).to(cut.dtype)
        if any(moves) or any(missing):
            regions = cut_windows(regions_of((frames, rows, columns), window, moves)[None, ..., None], window)[0, ..., 0]
            apart = (regions[:, :, None] != regions[:, None, :]).to(states.device)
            mask = mask.masked_fill(apart[:, None], float("-inf"))      # [windows, heads, N, N]
        joined = self.attend(cut)
        mixed = self.out(self_attention(joined, heads=self._heads, mask=mask.to(joined.dtype)))
        whole = join_windows(mixed, window, moved.shape[1:4]).roll(moves, dims=(1, 2, 3))
        return whole[:, :frames, :rows, :columns]

    def _bias(self, window: Window) -> Tensor:
        """[heads, N, N]: what is added to the score of two patches of a window, by how far apart they are."""
        places = torch.cartesian_prod(*(torch.arange(side) for side in window)).view(-1, 3)
        steps = places[:, None] - places[None, :] + torch.tensor(self._window) - 1
        number = (steps[..., 0] * (2 * self._window[1] - 1) + steps[..., 1]) * (2 * self._window[2] - 1) + steps[..., 2]
        return self.position_bias[number.to(self.position_bias.device)].permute(2, 0, 1)


def _window(sides: Iterable[int]) -> Window:
    frames, rows, columns = sides
    return frames, rows, columns


def cut_windows(states: Tensor, window: Window) -> Tensor:
    """[B, T, h, w, W] of whole windows -> [B, windows, patches of one, W]."""
    counts = [size // side for size, side in zip(states.shape[1:4], window, strict=True)]
    split = states.view(len(states), counts[0], window[0], counts[1], window[1], counts[2], window[2], -1)
    return split.permute(0, 1, 3, 5, 2, 4, 6, 7).flatten(4, 6).flatten(1, 3)


def join_windows(cut: Tensor, window: Window, grid: torch.Size) -> Tensor:
    """The way back of `cut_windows`."""
    counts = [size // side for size, side in zip(grid, window, strict=True)]
    split = cut.view(len(cut), *counts, *window, -1)
    return split.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(len(cut), *grid, -1)


def regions_of(grid: Window, window: Window, moves: Window) -> Tensor:
    """Numbers of a grid that was filled up to whole windows and moved on, int64 [T, h, w].

    Patches of one window may look at each other where the numbers are equal: what was moved round from one end to the
    other keeps apart from what it came to lie beside, and what was filled up from all others.
    """
    numbers = torch.zeros(1, 1, 1, dtype=torch.int64)
    filled = torch.zeros(1, 1, 1, dtype=torch.bool)
    for axis, (size, side, move) in enumerate(zip(grid, window, moves, strict=True)):
        whole = size + -size % side
        place = torch.arange(whole) + move
        shape = [whole if other == axis else 1 for other in range(3)]
        numbers = numbers * 2 + (place >= whole).view(shape)
        filled = filled | (place % whole >= size).view(shape)
    return numbers.masked_fill(filled, -1)
