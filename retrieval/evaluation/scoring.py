"""A model's scores on a benchmark: its videos read and encoded once, then every query against every video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders.protocols import ClipEncoder, TextEncoder
from retrieval.errors import InputError, VideoError
from retrieval.evaluation.benchmarks.benchmark import Benchmark
from retrieval.model.scores import combined_score, token_wise_scores

_TEXTS_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class VideoVectors:
    """N videos, each one clip from its start to its end; frames are zero where `mask` is False."""

    pooled: NDArray[np.float32]  # [N, D]
    frames: NDArray[np.float32]  # [N, F, D]
    mask: NDArray[np.bool_]  # [N, F]


def encode_videos(
    benchmark: Benchmark, encoder: ClipEncoder, *, frames: int, progress: Callable[[int, int], None] | None = None
) -> VideoVectors:
    """Read `frames` frames of every video, at the midpoints of equal parts of it, and encode each video as one clip.

    Raises InputError when a file is missing or cannot be read: leave missing ones out with `benchmark.present()`.
    """
    from retrieval.video import VideoReader, uniform

    geometry = encoder.geometry
    pooled, tokens = [], []
    mask = np.ones((1, frames), dtype=np.bool_)
    for done, video in enumerate(benchmark.videos, start=1):
        if video.path is None:
            raise InputError(f"{benchmark.protocol}: the file of the video {video.id} is missing.")
        try:
            with VideoReader(video.path) as reader:
                shown = uniform(reader, frames)
        except VideoError as error:
            raise InputError(f"{benchmark.protocol}: the video {video.id} cannot be read: {error}") from error
        pictures = [frame.rgb(height=geometry.height, width=geometry.width, fit=geometry.fit) for frame in shown]
        clip = encoder.encode_clips(np.stack(pictures)[None], frame_mask=mask)
        pooled.append(clip.pooled[0])
        tokens.append(clip.frames[0])
        if progress is not None:
            progress(done, len(benchmark.videos))
    return VideoVectors(pooled=np.stack(pooled), frames=np.stack(tokens), mask=np.repeat(mask, len(tokens), axis=0))


@dataclass(frozen=True, kw_only=True)
class Scores:
    """[Q, N] both: `pooled` is the cosine that an index can search, `reranked` the mean of it and the token-wise score."""

    pooled: NDArray[np.float32]
    reranked: NDArray[np.float32]


def score_texts(texts: Sequence[str], encoder: TextEncoder, videos: VideoVectors) -> Scores:
    """Every text against every video, in blocks of texts.

    Re-ranked scores are computed for all pairs: what a search does to the first rows alone. Raises InputError for a text
    that the encoder cannot read.
    """
    pooled, reranked = [], []
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        read = encoder.encode_texts(texts[start : start + _TEXTS_AT_ONCE])
        plain = read.pooled @ videos.pooled.T
        fine = token_wise_scores(read, videos.frames, frame_mask=videos.mask, interaction=encoder.interaction)
        pooled.append(plain)
        reranked.append(combined_score(plain, fine))
    return Scores(pooled=np.concatenate(pooled), reranked=np.concatenate(reranked))
