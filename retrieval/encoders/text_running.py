"""A text tower of torch at work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from retrieval.encoders.running import Runner
from retrieval.model.dual_encoder import TextFeatures

_T = TypeVar("_T")


class _Tower(Protocol):
    """ids int64 [A, L]; attended int64 [A, L], 1 = looked at, None = all; words bool [A, L], True = the text's own."""

    def encode_texts(self, ids: Tensor, *, attended: Tensor | None, words: Tensor) -> TextFeatures: ...


class TextRunner:
    """A `text_reading.TextTower` of a tower of torch on the runner's device."""

    def __init__(self, tower: _Tower, *, runner: Runner) -> None:
        self._tower = tower
        self._runner = runner

    def in_batches(self, count: int, run: Callable[[slice], _T]) -> list[_T]:
        """See `Runner.in_batches`."""
        return self._runner.in_batches(count, run)

    def run(
        self, ids: NDArray[np.int64], attended: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Vectors of the texts and of every token, padding too. Raises ModelError when one has no direction."""
        device = self._runner.device
        with torch.inference_mode(), self._runner.precision():
            features = self._tower.encode_texts(
                torch.tensor(ids, device=device),
                attended=None if attended is None else torch.tensor(attended, device=device),
                words=torch.ones(ids.shape, dtype=torch.bool, device=device),
            )
            return self._runner.checked(features.pooled), self._runner.checked(features.words)
