"""Two towers and what joins them: texts and videos to unit vectors of one space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from retrieval.encoders.preprocessing import Preprocessing
from retrieval.encoders.towers import frame_features, normalised, text_features
from retrieval.model.aggregation import Aggregation, build_aggregation, unit
from retrieval.model.interaction import token_wise_similarity
from retrieval.model.settings import FrameSettings, InteractionSettings, TemporalSettings, VideoSettings
from retrieval.model.video_towers import VideoTower, build_video_tower
from retrieval.model.word_table import WordTable


@dataclass(frozen=True)
class TextFeatures:
    """A texts; all vectors have unit length, words are zero where `mask` is False."""

    pooled: Tensor      # [A, D]
    words: Tensor       # [A, L, D]
    mask: Tensor        # bool [A, L], True = a token of the text; special tokens and padding are False
    weights: Tensor | None = None       # float32 [A, L] >= 0, of the words by their significance, None = nobody asks

    def rows(self, rows: slice | Tensor) -> TextFeatures:
        """Some of the texts, by a slice or by their numbers."""
        weights = None if self.weights is None else self.weights[rows]
        return TextFeatures(self.pooled[rows], self.words[rows], self.mask[rows], weights)


@dataclass(frozen=True)
class VideoFeatures:
    """B clips; all vectors have unit length, frames are zero where `mask` is False."""

    pooled: Tensor      # [B, D]
    frames: Tensor      # [B, F, D], mixed in time
    mask: Tensor        # bool [B, F], True = a frame of the clip

    def rows(self, rows: slice | Tensor) -> VideoFeatures:
        """Some of the clips, by a slice or by their numbers."""
        return VideoFeatures(self.pooled[rows], self.frames[rows], self.mask[rows])


def token_wise_score(texts: TextFeatures, videos: VideoFeatures, *, interaction: InteractionSettings) -> Tensor:
    """The token-wise score of every text with every clip, [A, B]: words × frames, and by `sentence_weight` the pooled text,
    as if it were a text of one word, × frames.

    Raises ValueError when words are to be weighed and the texts come without weights.
    Source: DMAE (ACM MM 2023), whose score is half the one and half the other.
    """
    weights = None
    if interaction.text_weights == "significant":
        if texts.weights is None:
            raise ValueError("the texts come without the weights of their words")
        weights = texts.weights
    compare = partial(
        token_wise_similarity, frame_tokens=videos.frames, frame_mask=videos.mask,
        neighbour_weight=interaction.neighbour_weight, neighbours=interaction.neighbours,
    )  # fmt: skip
    by_words = compare(texts.words, text_mask=texts.mask, text_weights=weights)
    if not interaction.sentence_weight:
        return by_words
    return torch.lerp(by_words, compare(texts.pooled[:, None]), interaction.sentence_weight)


class DualEncoder(nn.Module):
    """A transformers model of two towers with a temporal aggregation over its frames; made by `load_dual_encoder`.

    towers: ChineseCLIPModel, CLIPModel, SiglipModel or Siglip2Model; projected: as in the model family. video: what looks
    at several frames of a clip at once, before their vectors are mixed; by default each is looked at by itself.
    significant_words: what an interaction with text weights weighs words by. learned_tokens: what its texts were made of
    so far, None = not known, as of a model that somebody else trained.
    """

    def __init__(
        self,
        towers: Any,
        *,
        preprocessing: Preprocessing,
        temporal: TemporalSettings,
        dimension: int,
        projected: bool,
        interaction: InteractionSettings | None = None,
        frames: FrameSettings | None = None,
        significant_words: WordTable | None = None,
        video: VideoSettings | None = None,
    ) -> None:
        super().__init__()
        self.towers = towers
        self.temporal: Aggregation = build_aggregation(temporal, dimension=dimension)
        self.temporal_settings = temporal
        self.interaction = interaction or InteractionSettings()
        self.frame_settings = frames or FrameSettings()
        self.significant_words = significant_words
        self.learned_tokens: frozenset[int] | None = None
        self.video_settings = video or VideoSettings()
        self.video: VideoTower | None = build_video_tower(
            self.video_settings, towers, dimension=dimension, projected=projected, pooling=self.frame_settings.pooling,
            patch_size=preprocessing.patch_size,
        )  # fmt: skip
        self.preprocessing = preprocessing
        self.dimension = dimension
        self._projected = projected

    @property
    def logit_scale(self) -> Tensor:
        """The factor that similarities are multiplied by before a softmax, learned by its logarithm: scalar > 0."""
        return self.towers.logit_scale.exp()

    def encode_texts(self, ids: Tensor, *, attended: Tensor | None, words: Tensor) -> TextFeatures:
        """ids int64 [A, L]; attended int64 [A, L], 1 = looked at, None = all; words bool [A, L], True = the text's own."""
        pooled, tokens = text_features(self.towers, ids, attended=attended, projected=self._projected)
        return TextFeatures(unit(pooled), unit(tokens) * words[..., None], words)

    def encode_frames(self, pictures: Tensor) -> Tensor:
        """Single frames before they are mixed in time: uint8 [N, H, W, 3] -> [N, D], unit length.

        A video tower sees each as a clip of one frame.
        """
        return unit(self.frame_vectors(pictures))

    def frame_vectors(self, pictures: Tensor) -> Tensor:
        """What `encode_frames` gives, of the length that the tower gives it, float32."""
        if self.video is not None:
            return self._full_clips(pictures[:, None])[:, 0]
        pooling = self.frame_settings.pooling
        return frame_features(self.towers, pictures, preprocessing=self.preprocessing, pooling=pooling).float()

    def encode_videos(self, pictures: Tensor, *, mask: Tensor) -> VideoFeatures:
        """pictures uint8 [B, F, H, W, 3] in the order of time; mask bool [B, F], at least one frame a clip.

        Masked frames are not looked at: they cost nothing.
        """
        return self.mix(self.encode_clips(pictures, mask=mask), mask=mask)

    def encode_clips(self, pictures: Tensor, *, mask: Tensor) -> Tensor:
        """The frames of clips before their vectors are mixed: shapes as in `encode_videos` -> [B, F, D], any length."""
        frames = torch.zeros(*mask.shape, self.dimension, device=pictures.device)
        if self.video is None:
            frames[mask] = self.frame_vectors(pictures[mask])
            return frames
        # A video tower sees clips of one length at a time, without padding: there is nothing in them to be masked.
        counts = mask.sum(dim=1)
        for count in counts.unique().tolist():
            own = mask & (counts == count)[:, None]
            frames[own] = self._full_clips(pictures[own].unflatten(0, (-1, count))).flatten(0, 1)
        return frames

    def _full_clips(self, pictures: Tensor) -> Tensor:
        """uint8 [B, T, H, W, 3], every one a frame -> [B, T, D] of any length, through the video tower."""
        assert self.video is not None
        pixels = normalised(pictures.flatten(0, 1), self.preprocessing).permute(0, 3, 1, 2).contiguous()
        vectors: Tensor = self.video(self.towers, pixels.unflatten(0, pictures.shape[:2]))
        return vectors.float()

    def mix(self, frames: Tensor, *, mask: Tensor) -> VideoFeatures:
        """Clips from the vectors of their frames [B, F, D], as `encode_clips` gives them."""
        pooled, mixed = self.temporal(frames, mask)
        return VideoFeatures(pooled, mixed, mask)

    def token_wise(self, texts: TextFeatures, videos: VideoFeatures) -> Tensor:
        """The token-wise score of every text with every clip, [A, B], as this model was trained to compute it."""
        return token_wise_score(texts, videos, interaction=self.interaction)
