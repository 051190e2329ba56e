"""What a build will take, from a few of its videos put through the real stages."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from data_pipeline.building.measured_tables import read_shard
from data_pipeline.building.process_shard import process_shard
from data_pipeline.building.settings import BuildSettings
from data_pipeline.building.worker import StagesMaker, Worker
from data_pipeline.corpus.measured import MeasuredVideo, SourceRow, StageRow
from retrieval.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Of `sampled` videos: seconds that one takes a worker (mean, least, most) and bytes that a corpus keeps of it.

    start_seconds: what a worker takes to load its models; failed: of the sampled ones. model_seconds: of the mean, in stages
    that ask a model.
    """

    videos: int
    sampled: int
    failed: int
    start_seconds: float
    seconds: float
    model_seconds: float
    least_seconds: float
    most_seconds: float
    bytes: float

    def total_seconds(self, workers: int, *, model_processes: int = 0) -> float:
        """model_processes: that hold the models for all workers, which may have to wait for them; 0 = each has its own."""
        waiting = self.model_seconds / model_processes if model_processes else 0.0
        return self.start_seconds + self.videos * max(self.seconds / workers, waiting)

    @property
    def total_bytes(self) -> float:
        """Without the shards of frames, whose size depends on what is kept."""
        return self.videos * self.bytes


def estimate(
    sources: Sequence[SourceRow], settings: BuildSettings, make_stages: StagesMaker, *, samples: int = 6
) -> Estimate:
    """Put videos that lie evenly among the sources through a worker of their own; nothing of it is kept.

    Raises InputError without a source, and what loading a model raises.
    """
    if not sources:
        raise InputError("There is no video to estimate a build of: name a folder or a table with some.")
    count = min(samples, len(sources))
    chosen = [sources[(2 * place + 1) * len(sources) // (2 * count)] for place in range(count)]
    with tempfile.TemporaryDirectory() as scratch, Worker(make_stages, settings, Path(scratch)) as worker:
        began = time.monotonic()
        _ = worker.stages_key       # its models are loaded
        loaded = time.monotonic()
        moments, videos = [loaded], list[MeasuredVideo]()

        def done(video: MeasuredVideo) -> None:
            moments.append(time.monotonic())
            videos.append(video)

        commit = process_shard("shard-000000", chosen, directory=Path(scratch), worker=worker, done=done)
        assert commit is not None
        costs = [row for row in read_shard(Path(scratch), commit, StageRow) if not row.cached]
        size = sum(path.stat().st_size for path in Path(scratch).rglob("*") if path.is_file())
    asking = {"score"} if settings.speech.engine is None else {"score", "listen"}
    took = [after - before for before, after in pairwise(moments)]
    return Estimate(
        videos=len(sources), sampled=len(chosen), failed=sum(video.status == "failed" for video in videos),
        start_seconds=loaded - began, seconds=sum(took) / len(took), least_seconds=min(took), most_seconds=max(took),
        model_seconds=sum(row.wall_ms for row in costs if row.stage in asking) / 1000 / len(chosen),
        bytes=size / len(chosen),
    )
