"""Dual encoders of one block, for tests of what is built around the towers."""

from __future__ import annotations

from pathlib import Path

import torch

from retrieval.model import DualEncoder
from retrieval.model.tiny import build_tiny, settings_of

COMMON = list("的一是在不了有和人这中大为上个国我以要他红色猫狗")
SMALL = {"side": 32, "patch": 16, "width": 32, "layers": 1, "heads": 2, "text_width": 32, "text_layers": 1, "text_heads": 2}


def tiny(directory: Path, **settings: object) -> Path:
    """A Chinese-CLIP for pictures of 32 pixels, with vectors of 16 numbers."""
    return build_tiny(directory, vocabulary=COMMON, settings=settings_of({**SMALL, "dimension": 16, **settings}), seed=0)


def pictures(clips: int, frames: int, *, seed: int = 0) -> torch.Tensor:
    """Noise: uint8 [clips, frames, 32, 32, 3]."""
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (clips, frames, 32, 32, 3), generator=random, dtype=torch.uint8)


def stirred(model: DualEncoder) -> DualEncoder:
    """Weights that nobody starts with, so that one which is not stored would be noticed."""
    torch.manual_seed(7)
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.05)
    return model
