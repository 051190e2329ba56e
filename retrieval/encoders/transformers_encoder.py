"""Chinese-CLIP, CLIP, SigLIP and SigLIP 2 as one text and frame encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from retrieval.encoders.checkpoint import Checkpoint
from retrieval.encoders.pooling import pool_frames
from retrieval.encoders.protocols import EncodedClips, TextVectors
from retrieval.encoders.tokenizing import Tokenizer, Tokens
from retrieval.encoders.windows import Window, split_windows
from retrieval.errors import InputError, ModelError
from retrieval.model.storing import load_dual_encoder
from retrieval.records import Generation

_T = TypeVar("_T")


@dataclass(frozen=True)
class _Reading:
    """One pass over a part of a text; `vector` [D] and `words` [window.owned, D] have unit length."""

    vector: NDArray[np.float32]
    words: NDArray[np.float32]


class TransformersEncoder:
    """A TextEncoder, a FrameEncoder and a ClipEncoder: float32 on the CPU, bfloat16 or float16 inside the model on a GPU.

    The same input gives the same vectors whatever the batch size, to 1e-5 in float32. Made by `load_encoder`.
    """

    def __init__(
        self, checkpoint: Checkpoint, *, generation: Generation, device: str = "auto", batch_size: int = 32
    ) -> None:
        if batch_size < 1:
            raise InputError(f"The batch size must be 1 or more, not {batch_size}.")
        self.generation = generation
        self.dimension = generation.dimension
        self.device = _device(device)
        self._name = checkpoint.name
        self._family = checkpoint.family
        self._tokenizer = Tokenizer(checkpoint)
        self.context_length = self._tokenizer.context_length
        self._model = load_dual_encoder(checkpoint, device=self.device).requires_grad_(False)
        self.geometry = self._model.preprocessing.geometry
        self.interaction = self._model.interaction
        self._batch_size = batch_size

    def encode_texts(self, texts: Sequence[str], *, max_windows: int | None = None) -> TextVectors:
        """Texts to vectors; one longer than the context is read in overlapping windows, each token counted once.

        The vector of such a text is the mean of its windows' vectors, weighted by the tokens that each owns, at unit
        length. max_windows: None = read everything; otherwise what lies behind that many windows is left out and
        counted in `unread`. Raises InputError for a text that is empty, and ModelError when the model fails.
        """
        if isinstance(texts, str):
            raise InputError("encode_texts takes a list of texts, not a single string.")
        if max_windows is not None and max_windows < 1:
            raise InputError(f"max_windows must be 1 or more, not {max_windows}.")
        tokens = self._tokenizer.read(texts)
        windows = [split_windows(len(text.ids), capacity=self._tokenizer.capacity)[:max_windows] for text in tokens]
        readings = self._read_windows(tokens, windows)
        read = [sum(window.owned for window in own) for own in windows]
        words, mask = self._padded_words(readings)
        return TextVectors(
            pooled=self._pooled(readings, windows),
            words=words,
            mask=mask,
            pieces=[text.pieces[:count] for text, count in zip(tokens, read, strict=True)],
            unread=[len(text.ids) - count for text, count in zip(tokens, read, strict=True)],
            windows=[len(own) for own in windows],
        )

    def encode_frames(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Pictures to vectors, each by itself: uint8 RGB [N, H, W, 3] at `geometry` -> float32 [N, D], unit length.

        Raises InputError for another shape or type, and ModelError when the model fails.
        """
        self._check_pictures(pictures, leading="N")
        return self._concatenated(self._in_batches(len(pictures), lambda part: self._frame_batch(pictures[part])))

    def encode_clips(self, pictures: NDArray[np.uint8], *, frame_mask: NDArray[np.bool_]) -> EncodedClips:
        """Clips to vectors, their frames mixed in time as the model was trained to: uint8 RGB [N, F, H, W, 3].

        frame_mask: bool [N, F], True = a frame of the clip; frames stand in the order of time, evenly spread. Raises
        InputError for another shape or type or a clip without a frame, and ModelError when the model fails.
        """
        self._check_pictures(pictures, leading="N, F")
        if frame_mask.shape != pictures.shape[:2] or frame_mask.dtype != np.bool_ or not frame_mask.any(axis=1).all():
            raise InputError(f"The frame mask must be bool {list(pictures.shape[:2])}, with a frame in every clip.")
        frames = np.zeros((*frame_mask.shape, self.dimension), dtype=np.float32)
        frames[frame_mask] = self.encode_frames(pictures[frame_mask])
        with torch.inference_mode():
            mask = torch.tensor(frame_mask, device=self.device)
            clips = self._model.mix(torch.tensor(frames, device=self.device), mask=mask)
        self._checked(clips.frames[mask])
        return EncodedClips(pooled=self._checked(clips.pooled), frames=clips.frames.cpu().numpy())

    def _check_pictures(self, pictures: NDArray[np.uint8], *, leading: str) -> None:
        wanted = (self.geometry.height, self.geometry.width, 3)
        dimensions = len(leading.split(",")) + 3
        if pictures.dtype != np.uint8 or pictures.ndim != dimensions or pictures.shape[-3:] != wanted:
            raise InputError(
                f"The model {self._name} takes uint8 pictures of shape [{leading}, {wanted[0]}, {wanted[1]}, 3], "
                f"not {pictures.dtype} {list(pictures.shape)}."
            )

    def _frame_batch(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode(), self._precision():
            return self._checked(self._model.encode_frames(torch.tensor(pictures, device=self.device)))

    def _read_windows(self, tokens: list[Tokens], windows: list[list[Window]]) -> list[list[_Reading]]:
        """The readings of every text's windows, in order; windows of like length go through the model together."""
        jobs = [(text, window) for text, own in enumerate(windows) for window in own]
        order = sorted(range(len(jobs)), key=lambda job: jobs[job][1].stop - jobs[job][1].start)
        inputs = [(tokens[jobs[job][0]].ids, jobs[job][1]) for job in order]
        batches = self._in_batches(len(inputs), lambda part: self._window_batch(inputs[part]))
        by_job = dict(zip(order, (reading for batch in batches for reading in batch), strict=True))
        readings: list[list[_Reading]] = [[] for _ in tokens]
        for job, (text, _) in enumerate(jobs):
            readings[text].append(by_job[job])
        return readings

    def _window_batch(self, inputs: list[tuple[list[int], Window]]) -> list[_Reading]:
        rows = [self._tokenizer.framed(ids[window.start : window.stop]) for ids, window in inputs]
        ids, attended, firsts = self._padded_ids(rows)
        with torch.inference_mode(), self._precision():
            every = torch.ones(ids.shape, dtype=torch.bool, device=self.device)
            features = self._model.encode_texts(
                torch.tensor(ids, device=self.device),
                attended=None if self._family.pads_to_context else torch.tensor(attended, device=self.device),
                words=every,
            )
            vectors, word_vectors = self._checked(features.pooled), self._checked(features.words)
        readings = []
        for row, (_, window) in enumerate(inputs):
            start = firsts[row] + self._tokenizer.first + window.own_start - window.start
            readings.append(_Reading(vectors[row], word_vectors[row, start : start + window.owned].copy()))
        return readings

    def _padded_ids(self, rows: list[list[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int]]:
        """ids and attended [B, L], and the column at which each row begins."""
        width = self.context_length if self._family.pads_to_context else max(map(len, rows))
        ids = np.full((len(rows), width), self._tokenizer.pad_id, dtype=np.int64)
        attended = np.zeros_like(ids)
        firsts = [width - len(row) if self._tokenizer.pads_left else 0 for row in rows]
        for number, (row, first) in enumerate(zip(rows, firsts, strict=True)):
            ids[number, first : first + len(row)] = row
            attended[number, first : first + len(row)] = 1
        return ids, attended, firsts

    def _pooled(self, readings: list[list[_Reading]], windows: list[list[Window]]) -> NDArray[np.float32]:
        vectors = [
            pool_frames(
                np.stack([reading.vector for reading in own]), weights=np.array([float(w.owned) for w in spans])
            )
            for own, spans in zip(readings, windows, strict=True)
        ]
        return self._concatenated([vector[None] for vector in vectors])

    def _padded_words(self, readings: list[list[_Reading]]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        lengths = [sum(len(reading.words) for reading in own) for own in readings]
        words = np.zeros((len(readings), max(lengths, default=0), self.dimension), dtype=np.float32)
        for row, own in enumerate(readings):
            words[row, : lengths[row]] = np.concatenate([reading.words for reading in own])
        mask = np.arange(words.shape[1])[None, :] < np.array(lengths, dtype=np.int64)[:, None]
        return words, mask

    def _in_batches(self, count: int, run: Callable[[slice], _T]) -> list[_T]:
        """What `run` gives for each slice of [0, count); batches shrink for good when the GPU's memory is too small."""
        results: list[_T] = []
        start = 0
        while start < count:
            part = slice(start, min(count, start + self._batch_size))
            try:
                results.append(run(part))
            except torch.cuda.OutOfMemoryError as error:
                if self._batch_size == 1:
                    raise ModelError(
                        f"The model {self._name} does not fit into the memory of {self.device}: use the CPU."
                    ) from error
                self._batch_size //= 2
                torch.cuda.empty_cache()
                continue
            start = part.stop
        return results

    def _checked(self, vectors: torch.Tensor) -> NDArray[np.float32]:
        lengths = vectors.norm(dim=-1)
        if not bool(torch.isfinite(lengths).all()) or not bool((lengths > 0).all()):
            raise ModelError(
                f"The model {self._name} gives vectors without a direction (zero, infinite or not numbers): "
                "its weights are damaged."
            )
        return vectors.cpu().numpy()

    def _concatenated(self, parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.concatenate([np.zeros((0, self.dimension), dtype=np.float32), *parts])

    def _precision(self) -> AbstractContextManager[object]:
        if self.device.type != "cuda":
            return nullcontext()
        dtype = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        return torch.autocast("cuda", dtype=dtype)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ModelError(f"The device {name} cannot be used here: choose auto, cpu or cuda.") from error
    return device
