"""A tower for texts and one for frames as one encoder, whichever library the towers come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retrieval.encoders.protocols import EncodedClips, TextVectors
from retrieval.encoders.running import MOST_CLIPS, Runner
from retrieval.encoders.text_reading import TextReader, TextTokenizer
from retrieval.encoders.text_running import TextRunner
from retrieval.encoders.vectors import joined
from retrieval.errors import ModelError
from retrieval.model.dual_encoder import DualEncoder
from retrieval.model.word_table import WORDS_NAME, WordTable
from retrieval.records import Generation


class TowerEncoder:
    """A TextEncoder, a FrameEncoder and a ClipEncoder: float32 on the CPU, bfloat16 or float16 inside the model on a GPU.

    The same input gives the same vectors whatever the batch size, to 1e-5 in float32. Made by `load_encoder`.
    """

    def __init__(
        self, model: DualEncoder, tokenizer: TextTokenizer, *, generation: Generation, runner: Runner,
        pads_to_context: bool,
    ) -> None:  # fmt: skip
        self.generation = generation
        self.dimension = generation.dimension
        self.device = runner.device
        self.geometry = model.preprocessing.geometry
        self.interaction = model.interaction
        self._runner = runner
        self._model = model.requires_grad_(False)
        self._texts = TextReader(
            tokenizer, TextRunner(model, runner=runner), dimension=self.dimension, pads_to_context=pads_to_context,
            significant_words=_needed_words(model, generation.encoder),
        )
        self.context_length = self._texts.context_length

    def encode_texts(self, texts: Sequence[str], *, max_windows: int | None = None) -> TextVectors:
        """Texts to vectors; see `TextReader.read`. Raises InputError for an empty text, ModelError when the model fails."""
        return self._texts.read(texts, max_windows=max_windows)

    def encode_frames(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Pictures to vectors, each by itself: uint8 RGB [N, H, W, 3] at `geometry` -> float32 [N, D], unit length.

        Raises InputError for another shape or type, and ModelError when the model fails.
        """
        self._runner.check_pictures(pictures, self.geometry, leading="N")
        return self._by_batches(pictures, self._model.encode_frames)

    def encode_clips(self, pictures: NDArray[np.uint8], *, frame_mask: NDArray[np.bool_]) -> EncodedClips:
        """Clips to vectors, their frames mixed in time as the model was trained to: uint8 RGB [N, F, H, W, 3].

        frame_mask: bool [N, F], True = a frame of the clip; frames stand in the order of time, evenly spread. Raises
        InputError for another shape or type or a clip without a frame, and ModelError when the model fails.
        """
        self._runner.check_clips(pictures, self.geometry, frame_mask=frame_mask)
        frames = self._frames_of(pictures, frame_mask)
        with torch.inference_mode():
            mask = torch.tensor(frame_mask, device=self.device)
            clips = self._model.mix(torch.tensor(frames, device=self.device), mask=mask)
        self._runner.checked(clips.frames[mask])
        return EncodedClips(pooled=self._runner.checked(clips.pooled), frames=clips.frames.cpu().numpy())

    def _frames_of(self, pictures: NDArray[np.uint8], frame_mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Frame vectors [N, F, D]; frames that do not look at each other go through together, whichever clip they are of."""
        if self._model.video is not None:
            batches = self._runner.in_batches(
                len(pictures), lambda part: self._clip_batch(pictures[part], frame_mask[part]), at_most=MOST_CLIPS
            )
            return np.concatenate([np.zeros((0, *frame_mask.shape[1:], self.dimension), np.float32), *batches])
        frames = np.zeros((*frame_mask.shape, self.dimension), dtype=np.float32)
        frames[frame_mask] = self._by_batches(pictures[frame_mask], self._model.frame_vectors)
        return frames

    def _clip_batch(self, pictures: NDArray[np.uint8], frame_mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        with torch.inference_mode(), self._runner.precision():
            mask = torch.tensor(frame_mask, device=self.device)
            frames = self._model.encode_clips(torch.tensor(pictures, device=self.device), mask=mask)
        self._runner.checked(frames[mask])
        return frames.cpu().numpy()

    def _by_batches(self, pictures: NDArray[np.uint8], encode: Callable[[Tensor], Tensor]) -> NDArray[np.float32]:
        batches = self._runner.in_batches(len(pictures), lambda part: self._frame_batch(pictures[part], encode))
        return joined(batches, dimension=self.dimension)

    def _frame_batch(self, pictures: NDArray[np.uint8], encode: Callable[[Tensor], Tensor]) -> NDArray[np.float32]:
        with torch.inference_mode(), self._runner.precision():
            return self._runner.checked(encode(torch.tensor(pictures, device=self.device)))


def _needed_words(model: DualEncoder, name: str) -> WordTable | None:
    """The table that weighs words, None when the interaction weighs all alike. Raises ModelError when it is not there."""
    if model.interaction.text_weights == "uniform":
        return None
    if model.significant_words is None:
        raise ModelError(f"The model {name} weighs words, but its {WORDS_NAME} is missing: fetch the model again.")
    return model.significant_words
