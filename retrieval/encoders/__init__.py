"""Models that turn texts, frames and clips into vectors of one space; importing this loads none of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retrieval.encoders.loading import (
        DEFAULT_MODEL,
        fetch_model,
        load_clip_encoder,
        load_encoder,
        load_sentence_encoder,
        load_text_encoder,
        made_text_vectors,
        read_generation,
        read_text_generation,
    )
    from retrieval.encoders.pooling import pool_frames
    from retrieval.encoders.protocols import (
        ClipEncoder,
        EncodedClips,
        FrameEncoder,
        FrameGeometry,
        SentenceModel,
        SentenceVectors,
        TextEncoder,
        TextVectors,
        VideoTextEncoder,
    )
    from retrieval.encoders.transformers_encoder import TransformersEncoder

__all__ = [
    "DEFAULT_MODEL",
    "ClipEncoder",
    "EncodedClips",
    "FrameEncoder",
    "FrameGeometry",
    "SentenceModel",
    "SentenceVectors",
    "TextEncoder",
    "TextVectors",
    "TransformersEncoder",
    "VideoTextEncoder",
    "fetch_model",
    "load_clip_encoder",
    "load_encoder",
    "load_sentence_encoder",
    "load_text_encoder",
    "made_text_vectors",
    "pool_frames",
    "read_generation",
    "read_text_generation",
]

# Torch alone takes seconds to import; whoever only needs a type or a name must not wait for it.
_HOME = {
    "DEFAULT_MODEL": "loading",
    "fetch_model": "loading",
    "load_clip_encoder": "loading",
    "load_encoder": "loading",
    "load_sentence_encoder": "loading",
    "load_text_encoder": "loading",
    "made_text_vectors": "loading",
    "read_generation": "loading",
    "read_text_generation": "loading",
    "pool_frames": "pooling",
    "TransformersEncoder": "transformers_encoder",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME.get(name, 'protocols')}"), name)
