"""A model at work on a device: batches that shrink to its memory, its precision there, vectors that are checked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from retrieval.encoders.protocols import FrameGeometry
from retrieval.encoders.vectors import with_directions
from retrieval.errors import InputError, ModelError

MOST_CLIPS = 8      # at once, where frames look at each other: a clip is as large as its 8 or 16 frames

_T = TypeVar("_T")


class Runner:
    """device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1", "mps"; batch_size: what goes through at once.

    Raises InputError for a batch size below 1 and ModelError for a device that is not there.
    """

    def __init__(self, name: str, *, device: str, batch_size: int) -> None:
        if batch_size < 1:
            raise InputError(f"The batch size must be 1 or more, not {batch_size}.")
        self.name = name
        self.device = usable_device(device)
        self._batch_size = batch_size

    def in_batches(self, count: int, run: Callable[[slice], _T], *, at_most: int | None = None) -> list[_T]:
        """What `run` gives for each slice of [0, count); batches shrink for good when the GPU's memory is too small.

        at_most: of one batch, where a single input is large.
        """
        results: list[_T] = []
        start = 0
        while start < count:
            part = slice(start, min(count, start + min(self._batch_size, at_most or self._batch_size)))
            try:
                results.append(run(part))
            except torch.cuda.OutOfMemoryError as error:
                if self._batch_size == 1 or part.stop - start == 1:
                    raise ModelError(
                        f"The model {self.name} does not fit into the memory of {self.device}: use the CPU."
                    ) from error
                self._batch_size = min(self._batch_size, at_most or self._batch_size) // 2
                torch.cuda.empty_cache()
                continue
            start = part.stop
        return results

    def checked(self, vectors: torch.Tensor) -> NDArray[np.float32]:
        """The vectors [..., D] on the CPU. Raises ModelError when one is zero, infinite or not a number."""
        return with_directions(vectors.cpu().numpy(), name=self.name)

    def precision(self) -> AbstractContextManager[object]:
        """float32, or on CUDA what the GPU multiplies fast."""
        if self.device.type != "cuda":
            return nullcontext()
        dtype = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        return torch.autocast("cuda", dtype=dtype)

    def check_pictures(self, pictures: NDArray[np.uint8], geometry: FrameGeometry, *, leading: str) -> None:
        """Raise InputError unless the pictures are uint8 of shape [leading, H, W, 3] at `geometry`."""
        wanted = (geometry.height, geometry.width, 3)
        dimensions = len(leading.split(",")) + 3
        if pictures.dtype != np.uint8 or pictures.ndim != dimensions or pictures.shape[-3:] != wanted:
            raise InputError(
                f"The model {self.name} takes uint8 pictures of shape [{leading}, {wanted[0]}, {wanted[1]}, 3], "
                f"not {pictures.dtype} {list(pictures.shape)}."
            )

    def check_clips(
        self, pictures: NDArray[np.uint8], geometry: FrameGeometry, *, frame_mask: NDArray[np.bool_]
    ) -> None:
        """Raise InputError unless they are pictures [N, F, H, W, 3] and a mask bool [N, F] with a frame in every row."""
        self.check_pictures(pictures, geometry, leading="N, F")
        if frame_mask.shape != pictures.shape[:2] or frame_mask.dtype != np.bool_ or not frame_mask.any(axis=1).all():
            raise InputError(f"The frame mask must be bool {list(pictures.shape[:2])}, with a frame in every clip.")


def usable_device(name: str) -> torch.device:
    """What "auto", "cpu", "cuda:1" and the like mean here. Raises ModelError for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ModelError(f"The device {name} cannot be used here: choose auto, cpu or cuda.") from error
    return device
