"""The dual encoder: two towers, frames mixed in time, and the two scores that compare a text with a video."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retrieval.model.dual_encoder import DualEncoder, TextFeatures, VideoFeatures, token_wise_score
    from retrieval.model.interaction import pooled_similarity, token_wise_similarity
    from retrieval.model.settings import (
        AGGREGATIONS,
        ClipVectors,
        FrameSettings,
        InteractionSettings,
        TemporalSettings,
        VideoSettings,
    )
    from retrieval.model.storing import load_dual_encoder, save_dual_encoder

# Torch takes seconds to import; whoever only needs a name must not wait for it.
_HOME = {
    "AGGREGATIONS": "settings",
    "ClipVectors": "settings",
    "FrameSettings": "settings",
    "InteractionSettings": "settings",
    "TemporalSettings": "settings",
    "VideoSettings": "settings",
    "DualEncoder": "dual_encoder",
    "TextFeatures": "dual_encoder",
    "VideoFeatures": "dual_encoder",
    "token_wise_score": "dual_encoder",
    "pooled_similarity": "interaction",
    "token_wise_similarity": "interaction",
    "load_dual_encoder": "storing",
    "save_dual_encoder": "storing",
}

__all__ = [
    "AGGREGATIONS",
    "ClipVectors",
    "DualEncoder",
    "FrameSettings",
    "InteractionSettings",
    "TemporalSettings",
    "TextFeatures",
    "VideoFeatures",
    "VideoSettings",
    "load_dual_encoder",
    "pooled_similarity",
    "save_dual_encoder",
    "token_wise_score",
    "token_wise_similarity",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
