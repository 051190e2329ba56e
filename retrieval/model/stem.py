"""A few convolutions before the first patches: a new tower that begins with them learns what things look like sooner."""

from __future__ import annotations

from torch import Tensor, nn

_GROUPS = 8


class ConvolutionalStem(nn.Module):
    """Pictures [N, 3, H, W] to maps [N, channels, H / 4, W / 4], which the tower cuts into patches as it would pixels.

    Source: "Early convolutions help transformers see better" (arXiv 2106.14881): a patch embedding of one large stride is
    what makes small vision transformers hard to train. Group instead of batch normalisation, so that a clip's vector does
    not depend on its neighbours.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.halves = nn.ModuleList([_block(3, channels // 2, stride=2), _block(channels // 2, channels, stride=2)])
        self.residual = nn.ModuleList([_block(channels, channels, stride=1) for _ in range(2)])

    def forward(self, pixels: Tensor) -> Tensor:
        for block in self.halves:
            pixels = block(pixels)
        for block in self.residual:
            pixels = pixels + block(pixels)
        return pixels


def build_stem(channels: int) -> nn.Module:
    """The stem of so many channels; 0 = none, the tower sees the pixels themselves."""
    return ConvolutionalStem(channels) if channels else nn.Identity()


def _block(channels: int, made: int, *, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, made, 3, stride=stride, padding=1, bias=False), nn.GroupNorm(_GROUPS, made), nn.ReLU()
    )
