"""Models that look at the frames of a clip together: X-CLIP with a text side, VideoMAE and TimeSformer without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from retrieval.encoders.checkpoint import Checkpoint
from retrieval.encoders.preprocessing import Preprocessing, read_preprocessing
from retrieval.encoders.protocols import EncodedClips, TextVectors
from retrieval.encoders.running import MOST_CLIPS, Runner
from retrieval.encoders.text_reading import TextReader
from retrieval.encoders.text_running import TextRunner
from retrieval.encoders.tokenizing import Tokenizer
from retrieval.encoders.towers import load_towers, normalised, text_features
from retrieval.encoders.vectors import joined
from retrieval.errors import ModelError
from retrieval.model.aggregation import unit
from retrieval.model.dual_encoder import TextFeatures
from retrieval.model.settings import InteractionSettings
from retrieval.records import Generation

# Pixels float32 [B, T, 3, H, W] -> the vector of each clip [B, D] and the states [B, S, D] of its S equal spans of time.
ClipTower = Callable[[Tensor], tuple[Tensor, Tensor]]


class ClipReader:
    """Clips of any number of frames through a tower that wants exactly `wanted` of them."""

    def __init__(
        self, tower: ClipTower, *, wanted: int, preprocessing: Preprocessing, runner: Runner, dimension: int
    ) -> None:
        self.geometry = preprocessing.geometry
        self._tower = tower
        self._wanted = wanted
        self._preprocessing = preprocessing
        self._runner = runner
        self._dimension = dimension

    def read(self, pictures: NDArray[np.uint8], *, frame_mask: NDArray[np.bool_]) -> EncodedClips:
        """Clips to vectors: uint8 RGB [N, F, H, W, 3], frame_mask bool [N, F], True = a frame of the clip.

        Frames stand in the order of time, evenly spread; see `spread`. The vector of a frame is the mean of what the
        model makes of the places that it fills, or of the place nearest to it when it fills none. Raises InputError
        for another shape or type or a clip without a frame, and ModelError when the model fails.
        """
        self._runner.check_clips(pictures, self.geometry, frame_mask=frame_mask)
        own = [np.flatnonzero(row) for row in frame_mask]
        places = [spread(len(frames), wanted=self._wanted) for frames in own]

        def encode(part: slice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            rows = range(part.start, part.stop)
            return self._batch(np.stack([pictures[row, own[row][places[row]]] for row in rows]))

        batches = self._runner.in_batches(len(pictures), encode, at_most=MOST_CLIPS)
        frames = np.zeros((*frame_mask.shape, self._dimension), dtype=np.float32)
        for row, states in enumerate(state for _, batch in batches for state in batch):
            frames[row, own[row]] = _of_frames(states, places[row], count=len(own[row]))
        return EncodedClips(pooled=joined([pooled for pooled, _ in batches], dimension=self._dimension), frames=frames)

    def _batch(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        flat = torch.tensor(pictures.reshape(-1, *pictures.shape[2:]), device=self._runner.device)
        with torch.inference_mode(), self._runner.precision():
            pixels = normalised(flat, self._preprocessing).permute(0, 3, 1, 2).contiguous()
            pooled, states = self._tower(pixels.reshape(*pictures.shape[:2], *pixels.shape[1:]))
            return self._runner.checked(unit(pooled.float())), self._runner.checked(unit(states.float()))


class XClipEncoder:
    """A TextEncoder and a ClipEncoder of X-CLIP.

    X-CLIP can also let a video change the vector of a text before the two are compared. Such a vector exists for one
    pair only and no index can hold it, so a text has the vector that the text tower gives it.
    """

    def __init__(
        self, checkpoint: Checkpoint, *, generation: Generation, device: str = "auto", batch_size: int = 32
    ) -> None:
        self.generation = generation
        self.dimension = generation.dimension
        self.interaction = InteractionSettings.read(checkpoint.config.get("interaction"))
        runner = Runner(checkpoint.name, device=device, batch_size=batch_size)
        towers = _XClipTowers(load_towers(checkpoint, device=runner.device))
        self._clips = ClipReader(
            towers.encode_clips, wanted=towers.frames, preprocessing=read_preprocessing(checkpoint), runner=runner,
            dimension=self.dimension,
        )  # fmt: skip
        self._texts = TextReader(
            Tokenizer(checkpoint), TextRunner(towers, runner=runner), dimension=self.dimension,
            pads_to_context=checkpoint.family.pads_to_context,
        )  # fmt: skip
        self.geometry = self._clips.geometry
        self.context_length = self._texts.context_length

    def encode_texts(self, texts: Sequence[str], *, max_windows: int | None = None) -> TextVectors:
        """Texts to vectors; see `TextReader.read`. Raises InputError for an empty text, ModelError when the model fails."""
        return self._texts.read(texts, max_windows=max_windows)

    def encode_clips(self, pictures: NDArray[np.uint8], *, frame_mask: NDArray[np.bool_]) -> EncodedClips:
        """Clips to vectors; see `ClipReader.read`."""
        return self._clips.read(pictures, frame_mask=frame_mask)


class VideoEncoder:
    """A ClipEncoder of VideoMAE or TimeSformer: what is alike has like vectors, and texts have none."""

    def __init__(
        self, checkpoint: Checkpoint, *, generation: Generation, device: str = "auto", batch_size: int = 32
    ) -> None:
        self.generation = generation
        self.dimension = generation.dimension
        runner = Runner(checkpoint.name, device=device, batch_size=batch_size)
        model = load_towers(checkpoint, device=runner.device)
        self._clips = ClipReader(
            _video_tower(model, checkpoint), wanted=int(model.config.num_frames),
            preprocessing=read_preprocessing(checkpoint), runner=runner, dimension=self.dimension,
        )  # fmt: skip
        self.geometry = self._clips.geometry

    def encode_clips(self, pictures: NDArray[np.uint8], *, frame_mask: NDArray[np.bool_]) -> EncodedClips:
        """Clips to vectors; see `ClipReader.read`."""
        return self._clips.read(pictures, frame_mask=frame_mask)


def spread(frames: int, *, wanted: int) -> NDArray[np.int64]:
    """Which of `frames` frames fill `wanted` places, evenly in time: some repeated when too few, some left out when too many."""
    return (2 * np.arange(wanted) + 1) * frames // (2 * wanted)


def _of_frames(states: NDArray[np.float32], places: NDArray[np.int64], *, count: int) -> NDArray[np.float32]:
    """states: [S, D], S dividing the number of places; -> [count, D], unit length."""
    of_places = states.repeat(len(places) // len(states), axis=0)
    distance = np.abs(places[None, :] - np.arange(count)[:, None])
    nearest = distance == distance.min(axis=1, keepdims=True)
    means = nearest @ of_places / nearest.sum(axis=1, keepdims=True)
    return (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)


class _XClipTowers:
    def __init__(self, model: Any) -> None:
        self._model = model
        self.frames = int(model.config.vision_config.num_frames)

    def encode_texts(self, ids: Tensor, *, attended: Tensor | None, words: Tensor) -> TextFeatures:
        pooled, tokens = text_features(self._model, ids, attended=attended, projected=True)
        return TextFeatures(unit(pooled), unit(tokens) * words[..., None], words)

    def encode_clips(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        batch, frames = pixels.shape[:2]
        features = self._model.visual_projection(
            self._model.vision_model(pixel_values=pixels.flatten(0, 1)).pooler_output
        )
        mixed = self._model.mit(features.view(batch, frames, -1))
        return mixed.pooler_output, mixed.last_hidden_state


def _video_tower(model: Any, checkpoint: Checkpoint) -> ClipTower:
    if checkpoint.config.get("model_type") == "videomae":
        return lambda pixels: _videomae(model, pixels)
    if model.config.attention_type == "space_only":
        raise ModelError(
            f"The TimeSformer in {checkpoint.directory} looks at single frames only (space_only), which is not "
            "supported: use one with divided_space_time."
        )
    return lambda pixels: _timesformer(model, pixels)


def _videomae(model: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The mean over all patches; a span of time is a tubelet of a few frames, whose patches stand together.

    A fine-tuned model's head reads that mean through a norm of its own.
    """
    states = getattr(model, "videomae", model)(pixel_values=pixels).last_hidden_state
    spans = states.unflatten(1, (pixels.shape[1] // model.config.tubelet_size, -1)).mean(dim=2)
    norm = getattr(model, "fc_norm", None) or nn.Identity()
    return norm(states.mean(dim=1)), norm(spans)


def _timesformer(model: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The class token; behind it each patch stands with all its moments before the next patch."""
    states = model(pixel_values=pixels).last_hidden_state
    spans = states[:, 1:].unflatten(1, (-1, pixels.shape[1])).mean(dim=1)
    return states[:, 0], spans
