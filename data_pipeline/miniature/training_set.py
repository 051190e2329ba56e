"""Clips of the miniature world as samples of a corpus, drawn straight into shards without a video file between."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from data_pipeline.corpus.files import whole_file
from data_pipeline.corpus.samples import PictureFormat, Sample, SampleText
from data_pipeline.corpus.shards import write_shards
from data_pipeline.miniature.captions import Caption, captions
from data_pipeline.miniature.language.vocabulary import vocabulary
from data_pipeline.miniature.render import draw_frame, drawing_code
from data_pipeline.miniature.world import Dirt, WorldClip, generate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from data_pipeline.corpus.shard_list import ShardList
    from data_pipeline.miniature.captions import Detail, Language
    from data_pipeline.miniature.world.held_out import Split

DECODER = "drawn"
VOCABULARY = "vocabulary.txt"       # what a new model's tokenizer should know, one word or character a line
_DRAWN_WIDTH, _DRAWN_HEIGHT = 224, 126      # before it is squeezed to the model's square: what rendered clips have
_OWN_TEXTS: frozenset[Dirt] = frozenset({"weak", "lyrics", "mismatched"})     # dirt that lies in the texts


@dataclass(frozen=True, kw_only=True)
class TextShares:
    """How many captions of each level a clip gets, in Chinese and in English."""

    full: int = 3
    medium: int = 3
    short: int = 6
    english_full: int = 1
    english_short: int = 1


@dataclass(frozen=True, kw_only=True)
class WorldSample:
    """A clip of the world as a SampleSource: `frames` pictures at the midpoints of equal parts of the clip.

    Its texts are fresh true captions, of a clip with wrong or poor texts those. The label of what is wrong with it comes along.
    """

    clip: WorldClip
    frames: int = 8
    texts: TextShares = TextShares()

    @property
    def id(self) -> str:
        return self.clip.spec.name

    def fingerprint(self) -> str:
        facts: list[object] = [asdict(self.clip.spec), self.clip.split, self.frames, asdict(self.texts), drawing_code()]
        if self.clip.dirt is not None:
            facts += [self.clip.dirt, [caption.text for caption in self.clip.captions]]
        return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def sample(self, *, height: int, width: int) -> Sample:
        """Draw the frames, at the size of rendered clips: the writer squeezes them as the video reader would."""
        spec = self.clip.spec
        times = [spec.duration_ms * (2 * i + 1) // (2 * self.frames) for i in range(self.frames)]
        pictures = [draw_frame(spec, time, width=_DRAWN_WIDTH, height=_DRAWN_HEIGHT) for time in times]
        return Sample(
            id=self.id, video=self.id, start_ms=0, end_ms=spec.duration_ms, times_ms=tuple(times),
            frames=np.stack([np.asarray(picture) for picture in pictures]), texts=tuple(self.captions()),
            split=self.clip.split, decoder=DECODER, dirt=self.clip.dirt,
        )  # fmt: skip

    def captions(self) -> Sequence[SampleText]:
        """The texts of the clip, always the same."""
        if self.clip.dirt in _OWN_TEXTS:
            return _as_texts(self.clip.captions)
        random = Random(f"texts of {self.id}")
        shares: tuple[tuple[Language, Detail, int], ...] = (
            ("zh", "full", self.texts.full), ("zh", "medium", self.texts.medium), ("zh", "short", self.texts.short),
            ("en", "full", self.texts.english_full), ("en", "short", self.texts.english_short),
        )  # fmt: skip
        found: list[Caption] = []
        for language, detail, count in shares:
            found += captions(self.clip.spec, random, count=count, language=language, detail=detail)
        return _as_texts(found)


def _as_texts(found: Sequence[Caption]) -> Sequence[SampleText]:
    return [
        SampleText(text=caption.text, language=caption.language, detail=caption.detail, kind="caption")
        for caption in found
    ]


def write_training_set(
    directory: Path, *, clips: Mapping[Split, int], seed: int, side: int, frames: int = 8, workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> ShardList:
    """Draw so many clean clips of each split, see `write_clips`."""
    drawn = (clip for split, count in clips.items() for clip in generate(count, seed=seed, split=split))
    return write_clips(directory, drawn, side=side, frames=frames, workers=workers, progress=progress)


def write_clips(
    directory: Path, clips: Iterable[WorldClip], *, side: int, frames: int = 8, workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> ShardList:
    """Draw clips into shards of square pictures of `side` pixels, and write the vocabulary beside them.

    The same arguments give the same files, and go on where an earlier call was ended. Raises as `write_shards`.
    """
    sources = (WorldSample(clip=clip, frames=frames) for clip in clips)
    form = PictureFormat(height=side, width=side)
    written = write_shards(sources, directory, form=form, workers=workers, progress=progress)
    with whole_file(directory / VOCABULARY) as file:
        file.write("".join(f"{word}\n" for word in vocabulary()).encode())
    return written
