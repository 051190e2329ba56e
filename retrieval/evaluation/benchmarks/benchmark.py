"""What every benchmark is: videos, queries with judgements, a protocol, and a hash of all of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from retrieval.errors import InputError
from retrieval.evaluation.graded import Among, Gain
from retrieval.evaluation.judgements import Judgements

Split = Literal["train", "validation", "test"]


@dataclass(frozen=True, kw_only=True)
class BenchmarkVideo:
    """A video of the gallery; `path` is None when its file is missing. end_ms: what comes later is not looked at."""

    id: str
    path: Path | None = None
    end_ms: int | None = None


@dataclass(frozen=True, kw_only=True)
class BenchmarkQuery:
    """A text and the videos that answer it, each with a grade (1 where the benchmark has no grades)."""

    id: str
    text: str
    relevant: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Grading:
    """How graded figures are counted, see `retrieval.evaluation.graded_metrics`."""

    gain: Gain = "linear"
    among: Among = "all"


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A gallery of videos and the queries asked of it; raises InputError when the two do not fit together.

    notices: sentences that must stand beside every figure.
    """

    protocol: str
    videos: tuple[BenchmarkVideo, ...]
    queries: tuple[BenchmarkQuery, ...]
    notices: tuple[str, ...] = ()
    grading: Grading = Grading()

    def __post_init__(self) -> None:
        for kind, ids in (("video", self.video_ids), ("query", tuple(query.id for query in self.queries))):
            if not ids:
                raise InputError(f"{self.protocol} has no {kind}: check that the files are the published ones.")
            twice = _first_repeated(ids)
            if twice is not None:
                raise InputError(f"{self.protocol} names the {kind} {twice} twice: keep one of the two.")
        for query in self.queries:
            if not any(grade > 0 for grade in query.relevant.values()):
                raise InputError(f"{self.protocol}: query {query.id} has no relevant video; leave such queries out.")
            unknown = next((video for video in query.relevant if video not in self._columns), None)
            if unknown is not None:
                raise InputError(
                    f"{self.protocol}: query {query.id} names the video {unknown}, which is not in the list."
                )

    @cached_property
    def video_ids(self) -> tuple[str, ...]:
        return tuple(video.id for video in self.videos)

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Ids of the videos whose file was not found."""
        return tuple(video.id for video in self.videos if video.path is None)

    @cached_property
    def judgements(self) -> Judgements:
        """Relevance with videos as columns, in their order."""
        columns = self._columns
        relevant = [{columns[video]: grade for video, grade in query.relevant.items()} for query in self.queries]
        return Judgements.of(relevant, (len(self.queries), len(self.videos)))

    @cached_property
    def gallery_hash(self) -> str:
        """sha256 of the video ids in order."""
        return _digest(self.video_ids)

    @cached_property
    def query_hash(self) -> str:
        """sha256 of the queries in order: ids, texts, judgements."""
        return _digest([query.id, query.text, sorted(query.relevant.items())] for query in self.queries)

    @cached_property
    def split_hash(self) -> str:
        """sha256 of protocol, gallery and queries: two results can only be compared when it is the same."""
        return _digest([self.protocol, self.gallery_hash, self.query_hash])

    def present(self) -> Benchmark:
        """Without the missing videos and the queries only they answer; itself when nothing is missing.

        The protocol and a notice say how many videos are present, so its figures never pass for those of the whole.
        """
        if not self.missing:
            return self
        gone = frozenset(self.missing)
        share = f"{len(self.videos) - len(gone):,} of {len(self.videos):,} videos present"
        if len(gone) == len(self.videos):
            raise InputError(f"{self.protocol}: {share}; check the folder that should hold them.")
        kept = [
            replace(query, relevant={video: grade for video, grade in query.relevant.items() if video not in gone})
            for query in self.queries
        ]
        queries = tuple(query for query in kept if any(grade > 0 for grade in query.relevant.values()))
        notice = (
            f"{share}, {len(queries):,} of {len(self.queries):,} queries asked: these figures are not comparable with "
            f"those of {self.protocol}. Missing: {some(self.missing)}."
        )
        return replace(
            self,
            protocol=f"{self.protocol} [{share}]",
            videos=tuple(video for video in self.videos if video.id not in gone),
            queries=queries,
            notices=(*self.notices, notice),
        )

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {video: column for column, video in enumerate(self.video_ids)}


def some(names: Sequence[str], count: int = 5) -> str:
    """The first names, and how many more there are."""
    rest = len(names) - count
    return ", ".join(names[:count]) + (f" and {rest:,} more" if rest > 0 else "")


def _first_repeated(ids: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            return one
        seen.add(one)
    return None


def _digest(parts: Iterable[Any]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(json.dumps(part, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()
