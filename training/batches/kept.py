"""Decoded pictures kept in memory: small frames are decoded once in a run, not at every visit."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.shard_reader import ShardSample, decode


class KeptPictures:
    """Pictures of samples by number. The first ones stay, up to `limit` bytes; of the others what is asked is decoded each time.

    It may be asked by several threads at once.
    """

    def __init__(self, limit: int) -> None:
        self._left = limit      # 0 once a sample did not fit: to decode others whole would serve nothing
        self._kept: dict[int, NDArray[np.uint8]] = {}
        self._lock = Lock()

    def pictures(self, number: int, sample: ShardSample, frames: Sequence[int]) -> NDArray[np.uint8]:
        """As `decode(sample, frames)`: uint8 [F, H, W, 3]. Raises as that."""
        kept = self._kept.get(number)
        if kept is not None:
            return kept[list(frames)]
        if not self._left:
            return decode(sample, frames)
        try:
            whole = decode(sample)
        except CorpusError:
            return decode(sample, frames)       # one that was not asked for may be the damaged one
        with self._lock:
            if number not in self._kept and whole.nbytes <= self._left:
                self._kept[number] = whole
                self._left -= whole.nbytes
            elif number not in self._kept:
                self._left = 0
        return whole[list(frames)]
