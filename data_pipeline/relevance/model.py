"""The encoder that judges whether a text tells of a picture."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from data_pipeline.relevance.sentences import sentences
from retrieval.encoders import FrameGeometry, VideoTextEncoder, load_encoder
from retrieval.errors import ModelError

# Characters that captions are made of. A model that knows none of them sees one and the same text in all.
_KNOWN_BY_ALL = "猫狗鱼鸟树花车船山海雪雨吃跑跳唱笑哭红蓝屋孩厨球"
_ALIKE = 1 - 1e-5                   # cosine of two texts that were read as the same tokens
_MOST_ALIKE_SHARE = 0.25
_MOST_TOKENS = 1.5                  # a character: a vocabulary with Chinese needs one, one of bytes needs two or three


class TextPictureModel(Protocol):
    """Judges texts beside pictures: unit vectors of one space. `name` and `digest` (16 hex digits) say which model it is."""

    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...

    def text_vectors(self, texts: Sequence[str]) -> NDArray[np.float32]: ...
    def picture_vectors(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]: ...


class RelevanceModel:
    """A TextPictureModel of any encoder of texts and clips."""

    def __init__(self, encoder: VideoTextEncoder) -> None:
        self._encoder = encoder
        self.name = encoder.generation.encoder

    @cached_property
    def digest(self) -> str:
        facts = json.dumps(asdict(self._encoder.generation), sort_keys=True)
        return hashlib.sha256(facts.encode()).hexdigest()[:16]

    def text_vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 [N, D]; a product with a picture's vector is the cosine of the two.

        A text longer than the model's context is read sentence by sentence: its vector is the mean of the sentences'
        by their length, not made a unit vector again, so that the product is the mean of their cosines.
        Raises InputError for a text that holds nothing readable, ModelError when the model fails.
        """
        if not texts:
            return np.zeros((0, self._encoder.dimension), dtype=np.float32)
        read = self._encoder.encode_texts(texts)
        vectors = read.pooled.copy()
        for number, passes in enumerate(read.windows):
            if passes > 1:
                parts = sentences(texts[number])
                weights = np.array([len(part) for part in parts], dtype=np.float32)
                vectors[number] = weights @ self._encoder.encode_texts(parts).pooled / weights.sum()
        return vectors

    def picture_vectors(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        """RGB pictures of any size to float32 [N, D], unit length. Raises ModelError when the model fails."""
        if not pictures:
            return np.zeros((0, self._encoder.dimension), dtype=np.float32)
        frames = np.stack([np.asarray(fitted(picture, self._encoder.geometry)) for picture in pictures])
        return self._encoder.encode_clips(frames[:, None], frame_mask=np.ones((len(frames), 1), dtype=np.bool_)).pooled


def load_relevance_model(model: str, *, threads: int = 1) -> RelevanceModel:
    """The model in a directory or, by its name owner/model, on the hub; `threads` of torch, in this whole process.

    Raises ModelError as `load_encoder`, and when the model cannot read Chinese.
    """
    import torch

    torch.set_num_threads(threads)
    encoder = load_encoder(model)
    _refuse_without_chinese(encoder)
    return RelevanceModel(encoder)


def fitted(picture: Image.Image, geometry: FrameGeometry) -> Image.Image:
    """A picture at the size that a model wants: stretched, or its middle cut out."""
    size = geometry.width, geometry.height
    if geometry.fit == "stretch":
        return picture.resize(size, Image.Resampling.BICUBIC)
    return ImageOps.fit(picture, size, Image.Resampling.BICUBIC)


def _refuse_without_chinese(encoder: VideoTextEncoder) -> None:
    read = encoder.encode_texts(list(_KNOWN_BY_ALL))
    pairs = read.pooled @ read.pooled.T
    alike = {place for pair in combinations(range(len(pairs)), 2) if pairs[pair] >= _ALIKE for place in pair}
    name = encoder.generation.encoder
    advice = "take one that was trained on Chinese, such as Chinese-CLIP"
    if len(alike) > _MOST_ALIKE_SHARE * len(_KNOWN_BY_ALL):
        raise ModelError(
            f"The model {name} reads {len(alike)} of {len(_KNOWN_BY_ALL)} common Chinese characters as one and the same,"
            f" so that its scores of Chinese texts would mean nothing: {advice}."
        )
    tokens = sum(len(pieces) for pieces in read.pieces) / len(_KNOWN_BY_ALL)
    if tokens > _MOST_TOKENS:
        raise ModelError(
            f"The model {name} has no Chinese in its vocabulary and reads {tokens:.1f} raw bytes for a character, so that"
            f" its scores of Chinese texts would mean nothing: {advice}."
        )
