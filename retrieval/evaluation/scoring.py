"""A model's scores on a benchmark: its videos read and encoded once, then every query against every video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrieval.encoders.protocols import ClipEncoder, FrameGeometry, TextEncoder
from retrieval.errors import InputError, VideoError
from retrieval.evaluation.benchmarks.benchmark import Benchmark, BenchmarkVideo, some
from retrieval.evaluation.benchmarks.files import PICTURE_SUFFIXES
from retrieval.model.scores import combined_score, token_wise_scores
from retrieval.stills import jpeg_bytes
from retrieval.text import normalise

if TYPE_CHECKING:
    from retrieval.video import DecodedFrame

_TEXTS_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class VideoVectors:
    """N videos, each one clip from its start to its end; frames are zero where `mask` is False."""

    pooled: NDArray[np.float32]  # [N, D]
    frames: NDArray[np.float32]  # [N, F, D]
    mask: NDArray[np.bool_]  # [N, F]
    thumbnails: tuple[bytes, ...]  # a JPEG of the middle frame of each


def encode_videos(
    benchmark: Benchmark, encoder: ClipEncoder, *, frames: int, progress: Callable[[int, int], None] | None = None
) -> tuple[Benchmark, VideoVectors]:
    """Read `frames` frames of every video, at the midpoints of equal parts of it, and encode each video as one clip.

    Gives the benchmark that can be asked: videos that are missing or cannot be read are named in its notices and left
    out, as `Benchmark.present` does. Raises InputError when none can be read, and before any is when a query is blank.
    """
    _require_texts(benchmark.present())
    read: dict[str, tuple[NDArray[np.float32], NDArray[np.float32], bytes]] = {}
    mask = np.ones((1, frames), dtype=np.bool_)
    for done, video in enumerate(benchmark.videos, start=1):
        pictures = _pictures(video, encoder.geometry, count=frames)
        if pictures is not None:
            clip = encoder.encode_clips(pictures[None], frame_mask=mask)
            read[video.id] = clip.pooled[0], clip.frames[0], jpeg_bytes(pictures[frames // 2], quality=80)
        if progress is not None:
            progress(done, len(benchmark.videos))
    videos = tuple(video if video.id in read else replace(video, path=None) for video in benchmark.videos)
    present = replace(benchmark, videos=videos).present()
    pooled, tokens, thumbnails = zip(*(read[video] for video in present.video_ids), strict=True)
    return present, VideoVectors(
        pooled=np.stack(pooled), frames=np.stack(tokens), mask=np.repeat(mask, len(pooled), axis=0), thumbnails=thumbnails
    )


def _require_texts(benchmark: Benchmark) -> None:
    blank = next((query for query in benchmark.queries if not normalise(query.text)), None)
    if blank is not None:
        videos = some([video for video, grade in blank.relevant.items() if grade > 0])
        raise InputError(
            f"{benchmark.protocol}: the text of query {blank.id} (of {videos}) is empty: write one there, or leave it out."
        )


def _pictures(video: BenchmarkVideo, geometry: FrameGeometry, *, count: int) -> NDArray[np.uint8] | None:
    """[count, H, W, 3] of a video as the model wants them, a still picture again and again; None when it cannot be read."""
    from retrieval.video import VideoReader, uniform

    if video.path is None:
        return None
    try:
        if video.path.suffix.lower() in PICTURE_SUFFIXES:
            frames = [_still(video.path)] * count
        else:
            with VideoReader(video.path) as reader:
                frames = uniform(reader, count, until_ms=video.end_ms)
        return np.stack(
            [frame.rgb(height=geometry.height, width=geometry.width, fit=geometry.fit) for frame in frames]
        )
    except (VideoError, OSError, Image.DecompressionBombError):
        return None


def _still(path: Path) -> DecodedFrame:
    from av import VideoFrame

    from retrieval.video import DecodedFrame

    with Image.open(path) as picture:
        return DecodedFrame(VideoFrame.from_image(picture.convert("RGB")), time_ms=0, duration_ms=0)


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
        reranked.append(combined_score(plain, fine, interaction=encoder.interaction))
    return Scores(pooled=np.concatenate(pooled), reranked=np.concatenate(reranked))


def pooled_scores(texts: Sequence[str], encoder: TextEncoder, videos: VideoVectors) -> NDArray[np.float32]:
    """[Q, N] the pooled score alone, as `score_texts` gives it."""
    blocks = (texts[start : start + _TEXTS_AT_ONCE] for start in range(0, len(texts), _TEXTS_AT_ONCE))
    return np.concatenate([encoder.encode_texts(block).pooled @ videos.pooled.T for block in blocks])
