"""The clip of a video that answers a text best, and how each word of the text meets each of its frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders import ClipEncoder, FrameGeometry, TextEncoder, TextVectors
from retrieval.errors import VideoError
from retrieval.model.scores import combined_score, token_wise_scores
from retrieval.model.settings import InteractionSettings
from retrieval.text import normalise, simplify
from retrieval.video import ClipCutter, CutClip, VideoReader, at_times
from serving.explain.words import group_pieces, word_similarity

_CLIPS_AT_ONCE = 8


class Encoder(TextEncoder, ClipEncoder, Protocol):
    """What both sides are encoded with."""


@dataclass(frozen=True, kw_only=True)
class WordScores:
    """A word and its cosine with each frame."""

    word: str
    scores: tuple[float, ...]

    @property
    def best(self) -> int:
        """The number of the frame that the word is most like; the first of several."""
        return max(range(len(self.scores)), key=self.scores.__getitem__)


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The best clip of a video for a text.

    `text` is as it was typed, `words` as they were read. `clips` is how many the video has; this one is first by
    `combined`, and the ranks (from 1) say where the parts of that score alone would put it. `damage`: one sentence when
    only a part of the video could be read.
    """

    text: str
    start_ms: int
    end_ms: int
    frame_times_ms: tuple[int, ...]
    pooled: float
    token_wise: float
    combined: float
    clips: int
    pooled_rank: int
    token_wise_rank: int
    words: tuple[WordScores, ...]
    damage: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Scored:
    """A clip without its pictures; frames [n, D]."""

    clip: CutClip
    frames: NDArray[np.float32]
    pooled: float
    token_wise: float
    combined: float


def explain_video(
    path: Path, text: str, encoder: Encoder, *, progress: Callable[[int, int], None] = lambda position, duration: None
) -> Explanation:
    """Score every clip of a video with a text as a search does, and take the best one apart.

    The video is cut as it is when it is added; the text is read as a search reads it. A word that the tokenizer takes
    apart has the mean similarity of its pieces. progress: is told the position and the duration in ms. Raises
    InputError for a text that cannot be read, VideoError and ModelError.
    """
    read = simplify(normalise(text))
    query = encoder.encode_texts([read])
    with VideoReader(path) as reader:
        scored = list(_scored(_cut(reader, encoder.geometry, progress), query, encoder))
        damage = reader.damage
    if not scored:
        raise VideoError("no_frames", f"{path} has no picture that could be shown.")
    best = max(scored, key=lambda clip: clip.combined)
    groups = group_pieces(read, query.pieces[0])
    similarity = word_similarity(groups, query.words[0][query.mask[0]] @ best.frames.T)
    return Explanation(
        text=" ".join(text.split()),
        start_ms=best.clip.start_ms,
        end_ms=best.clip.end_ms,
        frame_times_ms=best.clip.frame_times_ms,
        pooled=best.pooled,
        token_wise=best.token_wise,
        combined=best.combined,
        clips=len(scored),
        pooled_rank=1 + sum(clip.pooled > best.pooled for clip in scored),
        token_wise_rank=1 + sum(clip.token_wise > best.token_wise for clip in scored),
        words=tuple(
            WordScores(word=word, scores=tuple(map(float, row)))
            for (word, _), row in zip(groups, similarity, strict=True)
        ),
        damage=damage,
    )


def thumbnails(
    path: Path, times_ms: Sequence[int], *, geometry: FrameGeometry, longest_side: int
) -> list[NDArray[np.uint8]]:
    """The frames on screen at these times, uint8 RGB [H, W, 3]: the whole picture, or the middle if the model sees that."""
    with VideoReader(path) as reader:
        frames = at_times(reader, times_ms)
        if geometry.fit == "crop":
            scale = longest_side / max(geometry.height, geometry.width)
            height, width = round(geometry.height * scale), round(geometry.width * scale)
            return [frame.rgb(height=height, width=width, fit="crop") for frame in frames]
        return [frame.rgb(height=longest_side, width=longest_side, fit="inside") for frame in frames]


def _cut(reader: VideoReader, geometry: FrameGeometry, progress: Callable[[int, int], None]) -> Iterator[CutClip]:
    """The clips of a video with their pictures, as `serving.ingest.analysis` cuts them."""
    cutter = ClipCutter(height=geometry.height, width=geometry.width, fit=geometry.fit)
    with closing(reader.frames()) as frames:
        for frame in frames:
            yield from cutter.feed(frame)
            progress(frame.time_ms, reader.info.duration_ms)
    yield from cutter.finish(max(reader.read_until_ms, 1))


def _scored(clips: Iterator[CutClip], query: TextVectors, encoder: Encoder) -> Iterator[_Scored]:
    while batch := list(islice(clips, _CLIPS_AT_ONCE)):
        yield from _scored_batch(batch, query, encoder, encoder.interaction)


def _scored_batch(
    batch: Sequence[CutClip], query: TextVectors, encoder: ClipEncoder, interaction: InteractionSettings
) -> Iterator[_Scored]:
    pictures = [clip.pictures for clip in batch if clip.pictures is not None]
    counts = np.array([len(clip) for clip in pictures])
    frame_mask = np.arange(counts.max())[None, :] < counts[:, None]
    padded = np.zeros((*frame_mask.shape, *pictures[0].shape[1:]), dtype=np.uint8)
    padded[frame_mask] = np.concatenate(pictures)
    encoded = encoder.encode_clips(padded, frame_mask=frame_mask)
    pooled = encoded.pooled @ query.pooled[0]
    token_wise = token_wise_scores(query, encoded.frames, frame_mask=frame_mask, interaction=interaction)[0]
    combined = combined_score(pooled, token_wise, interaction=interaction)
    for number, clip in enumerate(batch):
        yield _Scored(
            clip=replace(clip, pictures=None),
            frames=encoded.frames[number, : counts[number]],
            pooled=float(pooled[number]), token_wise=float(token_wise[number]), combined=float(combined[number]),
        )  # fmt: skip
