"""The training side of a published benchmark as rows of a corpus."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.corpus.plan import VideoSource
from data_pipeline.corpus.samples import SampleText
from retrieval.errors import InputError
from retrieval.evaluation.benchmarks import Benchmark, published_benchmark, read_published


@dataclass(frozen=True, kw_only=True)
class BenchmarkRows:
    """A row for each video that is there, with all its captions; `missing`: the ids of those that are not."""

    rows: tuple[VideoSource, ...]
    missing: tuple[str, ...]
    notices: tuple[str, ...]


def benchmark_rows(name: str, *, data: Path, videos: Path | None = None, held_out: int = 500) -> BenchmarkRows:
    """The training videos of a benchmark, and for validation its own validation split or, where it has none, `held_out`
    of the training videos, chosen by a hash of their ids.

    Raises InputError as `read_published`, when a video to learn from is a test video, when `held_out` leaves nothing to
    learn from, and when no video is there.
    """
    known = published_benchmark(name)
    parts = [read_published(name, data=data, videos=videos, split="train")]
    if "validation" in known.splits:
        parts.append(read_published(name, data=data, videos=videos, split="validation"))
        validation = set(parts[1].video_ids)
    else:
        validation = _held_out(parts[0], held_out)
    _check_apart(name, parts, tested=read_published(name, data=data, videos=videos).video_ids)
    rows = tuple(row for part in parts for row in _rows(part, language=known.language, validation=validation))
    missing = tuple(dict.fromkeys(video for part in parts for video in part.missing))
    if not rows:
        raise InputError(f"{name}: none of {len(missing):,} videos is there; check the folder that should hold them.")
    return BenchmarkRows(rows=rows, missing=missing, notices=tuple(said for part in parts for said in part.notices))


def _held_out(train: Benchmark, count: int) -> set[str]:
    if count >= len(train.videos):
        raise InputError(
            f"{train.protocol} has {len(train.videos):,} videos: {count:,} cannot be held out for validation; give fewer."
        )
    return set(sorted(train.video_ids, key=lambda video: hashlib.sha256(video.encode()).digest())[:count])


def _check_apart(name: str, parts: list[Benchmark], *, tested: tuple[str, ...]) -> None:
    leaked = sorted({video for part in parts for video in part.video_ids}.intersection(tested))
    if leaked:
        raise InputError(
            f"{name}: {len(leaked):,} test videos are listed for training or validation too, such as {leaked[0]}: "
            "check that the lists are the published ones."
        )


def _rows(part: Benchmark, *, language: str, validation: set[str]) -> Iterator[VideoSource]:
    texts: dict[str, list[SampleText]] = defaultdict(list)
    for query in part.queries:
        for video in query.relevant:
            texts[video].append(SampleText(text=query.text, language=language, detail=None, kind="caption"))
    for one in part.videos:
        if one.path is not None:
            yield VideoSource(
                path=str(one.path), texts=tuple(texts[one.id]), end_ms=one.end_ms, source=part.protocol,
                split="validation" if one.id in validation else "train",
            )
