"""Samples of one or several folders of shards as one sequence."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.shard_reader import ShardDataset, ShardSample
from retrieval.text import normalise
from training.recipe import Split


class Samples(Protocol):
    """What training reads: a sequence of samples whose keys and videos are known without reading them."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> ShardSample: ...

    def key(self, number: int) -> str: ...

    def video(self, number: int) -> str: ...


class JoinedSamples:
    """Several sequences of samples, one after the other."""

    def __init__(self, parts: Sequence[Samples]) -> None:
        self._parts = list(parts)
        self._ends = list(accumulate(len(part) for part in parts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, number: int) -> ShardSample:
        part, place = self._place(number)
        return part[place]

    def key(self, number: int) -> str:
        part, place = self._place(number)
        return part.key(place)

    def video(self, number: int) -> str:
        part, place = self._place(number)
        return part.video(place)

    def _place(self, number: int) -> tuple[Samples, int]:
        if not 0 <= number < len(self):
            raise IndexError(f"There is no sample {number}: there are {len(self)}.")
        part = bisect_right(self._ends, number)
        return self._parts[part], number - (self._ends[part - 1] if part else 0)


def open_samples(split: Split) -> JoinedSamples:
    """The samples of a recipe's split. Raises InputError (no shards, none of this split), CorpusError (unreadable)."""
    return JoinedSamples([ShardDataset(directory, split=split.split) for directory in split.shards])


def training_texts(samples: Samples, *, bad: list[CorpusError] | None = None) -> Iterator[str]:
    """Every text of every sample, as a model reads it; what is wrong with a sample that cannot be read is put into `bad`."""
    for number in range(len(samples)):
        try:
            texts = samples[number].texts
        except CorpusError as error:
            if bad is not None:
                bad.append(error)
            continue
        yield from (normalise(text["text"]) for text in texts)


def fingerprint(samples: Samples) -> str:
    """16 hex digits over keys and videos in their order: the same samples, the same digits."""
    digest = hashlib.sha256()
    for number in range(len(samples)):
        digest.update(f"{samples.key(number)}\t{samples.video(number)}\n".encode("utf-8", "backslashreplace"))
    return digest.hexdigest()[:16]


def video_codes(samples: Samples) -> NDArray[np.int64]:
    """A number for each sample, the same for samples of one video; a sample of no known video stands for itself."""
    codes: dict[str, int] = {}
    names = (samples.video(number) or f"\0{number}" for number in range(len(samples)))
    return np.fromiter((codes.setdefault(name, len(codes)) for name in names), np.int64, len(samples))
