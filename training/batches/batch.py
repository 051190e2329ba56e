"""A batch as the model takes it, and how one is made from samples; a bad sample is replaced and named."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.shard_reader import ShardSample
from retrieval.encoders.preprocessing import Preprocessing
from retrieval.errors import InputError, WenshiError
from training.batches.choosing import Box, choose_frames, draw_crop, draw_text, heaviest_text
from training.batches.kept import KeptPictures
from training.batches.samples import Samples
from training.batches.tokens import ReadText, TextReader, TokenRows, moved
from training.batches.words import WordList, WordRows
from training.recipe import TextWeights

_LONGEST_SEARCH = 100       # so many bad samples in a row are no accident


@dataclass(frozen=True, kw_only=True)
class BadSample:
    """A sample that could not be used: its key (or shard), a stable word for accounting, one sentence."""

    key: str
    kind: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Batch:
    """B clips and one text for each; row i of everything belongs together."""

    keys: tuple[str, ...]
    texts: TokenRows            # [B, L]
    text_ids: Tensor            # int64 [B], equal numbers = the same text
    pictures: Tensor            # uint8 [B, F, H, W, 3], in the order of time unless the recipe says otherwise
    frame_mask: Tensor          # bool [B, F], True = a frame of the clip
    held_words: tuple[frozenset[str], ...] = ()     # of each clip, where words are asked for
    bad: tuple[BadSample, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        if device.type == "cpu":
            return self
        return replace(
            self, texts=self.texts.to(device), text_ids=moved(self.text_ids, device),
            pictures=moved(self.pictures, device), frame_mask=moved(self.frame_mask, device),
        )  # fmt: skip

    def pinned(self, device: torch.device) -> Batch:
        """For a GPU: the same with pictures in page-locked memory, from where they are copied without waiting."""
        if device.type != "cuda":
            return self
        with torch.cuda.device(device):
            return replace(self, pictures=self.pictures.pin_memory())

    def part(self, rows: slice) -> Batch:
        """Some of its rows."""
        return Batch(
            keys=self.keys[rows], texts=self.texts.rows(rows), text_ids=self.text_ids[rows],
            pictures=self.pictures[rows], frame_mask=self.frame_mask[rows], held_words=self.held_words[rows],
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What to show of a sample: a text and frames drawn by `random`, None = the heaviest text and central frames.

    shuffled: frames in an order that is drawn, by the sample's key where `random` is None.
    """

    frames: int
    texts: TextWeights
    crop: float = 0.0
    shuffled: bool = False
    random: Random | None = None


class VisitOf(Protocol):
    """The visit of a sample by its number."""

    def __call__(self, number: int) -> Visit: ...


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    key: str
    text: ReadText
    pictures: NDArray[np.uint8]
    words: frozenset[str]


class BatchMaker:
    """Makes batches from numbers of samples. It may be asked by several threads at once.

    keep_bytes: of decoded pictures that stay in memory.
    """

    def __init__(
        self, samples: Samples, videos: NDArray[np.int64], *, reader: TextReader, preprocessing: Preprocessing,
        words: WordList | None = None, keep_bytes: int = 0,
    ) -> None:
        self._samples = samples
        self._kept = KeptPictures(keep_bytes)
        self._videos = videos
        self._reader = reader
        self._words = words
        self._geometry = preprocessing.geometry
        self._filter = Image.Resampling(preprocessing.resample)

    def training_batch(self, numbers: Sequence[int], visit: VisitOf, *, planned: Sequence[int]) -> Batch:
        """A batch of exactly so many clips; planned: the numbers of all processes, which a replacement must not repeat.

        A sample that cannot be used is replaced by the next one of another video that can, where every other video is in the
        batch by one that is in it twice then: the batches of all processes stay equal. Raises InputError when none of many
        can be.
        """
        taken = {int(self._videos[number]) for number in planned}
        bad: dict[int, BadSample] = {}
        prepared = [self._usable(number, visit, taken, bad) for number in numbers]
        return replace(self._batch(prepared, list(bad.values())), held_words=tuple(sample.words for sample in prepared))

    def word_rows(self, held: Sequence[frozenset[str]], random: Random) -> WordRows | None:
        """Words to ask for, drawn of those that the clips of a batch hold; None when they hold none or no words are used."""
        words = [] if self._words is None else self._words.draw(held, random)
        if not words:
            return None
        return WordRows(
            texts=self._reader.padded([self._reader.read(word) for word in words]),
            held=torch.tensor([[word in one for word in words] for one in held]),
        )

    def validation_batch(self, numbers: Sequence[int], visit: VisitOf) -> tuple[Batch | None, tuple[BadSample, ...]]:
        """A batch of what can be used of these samples, None when nothing can, and what cannot."""
        prepared: list[_Prepared] = []
        bad: list[BadSample] = []
        for number in numbers:
            found = self._try(number, visit)
            if isinstance(found, BadSample):
                bad.append(found)
            else:
                prepared.append(found)
        return self._batch(prepared, bad) if prepared else None, tuple(bad)

    def _usable(self, number: int, visit: VisitOf, taken: set[int], bad: dict[int, BadSample]) -> _Prepared:
        for candidate in self._candidates(number, taken):
            if candidate in bad:
                continue
            found = self._try(candidate, visit)
            if not isinstance(found, BadSample):
                taken.add(int(self._videos[candidate]))
                return found
            bad[candidate] = found
        tried = list(bad.values())
        raise InputError(f"No usable training sample was found after {tried[0].key}: {tried[-1].message}")

    def _candidates(self, number: int, taken: set[int]) -> Iterator[int]:
        """The sample, then those behind it of videos that are not taken, and as a last resort those of the others."""
        yield number
        behind = [(number + offset) % len(self._samples) for offset in range(1, min(len(self._samples), _LONGEST_SEARCH))]
        yield from (candidate for candidate in behind if int(self._videos[candidate]) not in taken)
        yield from (candidate for candidate in behind if int(self._videos[candidate]) in taken)

    def _try(self, number: int, visit: VisitOf) -> _Prepared | BadSample:
        try:
            return self._prepared(number, self._samples[number], visit(number))
        except CorpusError as error:
            return BadSample(key=error.key or error.shard or f"sample {number}", kind=error.kind, message=str(error))
        except WenshiError as error:
            key = self._samples.key(number)
            return BadSample(key=key, kind="text", message=f"The sample {key}: {error}")

    def _prepared(self, number: int, sample: ShardSample, visit: Visit) -> _Prepared:
        if visit.random is None:
            text = heaviest_text(sample.texts, visit.texts)
        else:
            text = draw_text(sample.texts, visit.texts, visit.random)
        if text is None:
            raise InputError("it has no text that the recipe gives a weight.")
        read = self._reader.read(sample.texts[text]["text"])
        frames = choose_frames(len(sample.jpegs), visit.frames, visit.random)
        if visit.shuffled:
            (visit.random or Random(sample.key)).shuffle(frames)
        box = draw_crop(visit.crop, visit.random) if visit.random is not None else None
        return _Prepared(
            key=sample.key, text=read, pictures=self._fitted(self._kept.pictures(number, sample, frames), box),
            words=self._words.held(sample.texts) if self._words is not None else frozenset(),
        )  # fmt: skip

    def _fitted(self, frames: NDArray[np.uint8], box: Box | None) -> NDArray[np.uint8]:
        """Frames at the model's size, all cut alike."""
        height, width = frames.shape[1:3]
        size = (self._geometry.width, self._geometry.height)
        left, top, right, bottom = 0.0, 0.0, float(width), float(height)
        if self._geometry.fit == "crop":
            side = min(width, height)
            left, top = (width - side) / 2, (height - side) / 2
            right, bottom = left + side, top + side
        if box is not None:
            x, y = right - left, bottom - top
            left, top, right, bottom = left + box[0] * x, top + box[1] * y, left + box[2] * x, top + box[3] * y
        if (left, top, right, bottom) == (0, 0, *size):
            return frames
        pictures = [Image.fromarray(f).resize(size, self._filter, (left, top, right, bottom)) for f in frames]
        return np.stack([np.asarray(picture) for picture in pictures])

    def _batch(self, prepared: Sequence[_Prepared], bad: Sequence[BadSample]) -> Batch:
        most = max(len(sample.pictures) for sample in prepared)
        pictures = np.zeros((len(prepared), most, *prepared[0].pictures.shape[1:]), np.uint8)
        mask = np.zeros((len(prepared), most), np.bool_)
        for row, sample in enumerate(prepared):
            pictures[row, : len(sample.pictures)] = sample.pictures
            mask[row, : len(sample.pictures)] = True
        return Batch(
            keys=tuple(sample.key for sample in prepared),
            texts=self._reader.padded([sample.text for sample in prepared]),
            text_ids=torch.tensor([_number_of(sample.text.ids) for sample in prepared]),
            pictures=torch.from_numpy(pictures), frame_mask=torch.from_numpy(mask), bad=tuple(bad),
        )  # fmt: skip


def _number_of(ids: list[int]) -> int:
    digest = hashlib.blake2b(np.array(ids, np.int64).tobytes(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)
