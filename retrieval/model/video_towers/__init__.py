"""Towers that look at several frames of a clip at once, one a file; each gives every frame a vector."""

from __future__ import annotations

from typing import Any

from retrieval.errors import ModelError
from retrieval.model.settings import VideoSettings
from retrieval.model.video_towers.grid import Grid
from retrieval.model.video_towers.inflated import Inflated
from retrieval.model.video_towers.slow_fast import SlowFast
from retrieval.model.video_towers.token_shift import TokenShift
from retrieval.model.video_towers.tower import VideoTower
from retrieval.model.video_towers.two_stream import TwoStream
from retrieval.model.video_towers.video_swin import VideoSwin

__all__ = ["VideoTower", "build_video_tower", "parts_replaced"]

_PICTURE_SIDE = ("vision_model", "visual_projection")


def parts_replaced(settings: VideoSettings) -> tuple[str, ...]:
    """The parts of a model of two towers that nobody looks through any more."""
    return _PICTURE_SIDE if settings.tower == "video_swin" else ()


def build_video_tower(
    settings: VideoSettings, towers: Any, *, dimension: int, projected: bool, pooling: str, patch_size: int | None
) -> VideoTower | None:
    """The module beside `towers`, its weights begun from theirs; None when frames are looked at one by one.

    dimension: of its vectors; projected, patch_size: of the model family; pooling: one of FRAME_POOLINGS. Raises
    ModelError when the family is not made for it.
    """
    if settings.tower == "single":
        return None
    if settings.tower == "grid":
        return Grid(pooling=pooling, patch_size=patch_size)
    if not projected:
        raise ModelError(
            f"The video tower {settings.tower} is made for Chinese-CLIP and CLIP: start from one of them, or use grid."
        )
    if settings.tower == "token_shift":
        return TokenShift(share=settings.share, pooling=pooling)
    if settings.tower == "two_stream":
        return TwoStream(towers, shared=settings.shared, dimension=dimension, pooling=pooling)
    if settings.tower == "inflated":
        return Inflated(towers.vision_model, tubelet=settings.tubelet, pooling=pooling)
    if settings.tower == "slow_fast":
        return SlowFast(
            towers.vision_model, every=settings.every, width=settings.width, heads=settings.width // settings.head_width,
            dimension=dimension, pooling=pooling,
        )  # fmt: skip
    return VideoSwin(settings, dimension=dimension, pooling=pooling)
