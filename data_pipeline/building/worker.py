"""The isolated process in which videos are processed: one that a video takes down is replaced, and costs that video alone."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from data_pipeline.building.process_video import process_video
from data_pipeline.building.settings import BuildSettings, Limits
from data_pipeline.building.stage_cache import StageCache
from data_pipeline.building.stages import Stages
from data_pipeline.building.video_rows import VideoRows, failed_video
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.measured import SourceRow
from data_pipeline.isolation.child import live_and_die_with_parent
from data_pipeline.isolation.processes import Child, Ended, end_overdue_and_oversized, wait_for_children
from retrieval.errors import WenshiError

StagesMaker = Callable[[BuildSettings, Path], Stages]       # importable by name: it is called in the worker's process
_START_SECONDS = 600.0      # to import libraries and load models
_LOOK_SECONDS = 0.25
_BEAT_SECONDS = 0.25


class Stopped(WenshiError):
    """The work was given up because somebody asked for it."""


@dataclass(frozen=True)
class _Job:
    source: SourceRow
    shard: str
    cache: Path


@dataclass(frozen=True)
class _Ready:
    stages_key: str


@dataclass(frozen=True)
class _Beat:
    stage: str


@dataclass(frozen=True)
class _Refused:
    """The whole build cannot go on, whatever the next video is; `kind` is that of a CorpusError, "" for another error."""

    kind: str
    message: str


class Worker:
    """Context manager. Its process starts with the first thing that is asked of it, and loads its models once.

    directory: of the corpus; stopped: asked now and then, ends the work with Stopped.
    """

    def __init__(
        self, make_stages: StagesMaker, settings: BuildSettings, directory: Path,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._arguments = (make_stages, settings, directory)
        self._limits = settings.limits
        self._stopped = stopped
        self._child: Child | None = None
        self._memory_bytes: int | None = None
        self._stages_key = ""

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        if self._child is not None:
            self._child.end(Ended("crashed", "was ended"))
            self._child = None

    @property
    def stages_key(self) -> str:
        """Of the stages as they are now, models included. Raises WenshiError when they cannot be loaded."""
        self._started()
        return self._stages_key

    def process(self, source: SourceRow, *, shard: str, cache: Path) -> VideoRows:
        """The rows of a video; a failed one where it crashed, hung or filled the memory.

        Raises WenshiError when the build cannot go on (a full disk, a model that cannot be loaded) and Stopped.
        """
        child = self._started()
        child.send(_Job(source, shard, cache))
        started, stage = time.monotonic(), "examine"
        child.deadline = _deadline(started, self._limits)
        while True:
            message = self._next_message(child)
            if isinstance(message, _Beat):
                stage = message.stage
                child.deadline = _deadline(started, self._limits)
            elif isinstance(message, Ended):
                self.close()
                reason = f"{source.uri}: the process that worked on it {message.reason}."
                return VideoRows(video=failed_video(
                    source, shard=shard, stage=stage, kind=message.kind, message=reason
                ))  # fmt: skip
            elif isinstance(message, _Refused):
                raise _error_of(message)
            else:
                assert isinstance(message, VideoRows)
                child.deadline = None
                return message

    def _started(self) -> Child:
        if self._child is not None:
            return self._child
        self._child = child = Child(_run_worker, *self._arguments, name="wenshi-worker")
        child.deadline = time.monotonic() + _START_SECONDS
        message = self._next_message(child)
        if not isinstance(message, _Ready):
            self.close()
            reason = message.reason if isinstance(message, Ended) else ""
            raise _error_of(message) if isinstance(message, _Refused) else WenshiError(
                f"The process that works on videos could not start: it {reason}."
            )
        child.deadline = None
        self._stages_key = message.stages_key
        self._memory_bytes = child.resident_bytes() + int(self._limits.memory_gib * 2**30)
        return child

    def _next_message(self, child: Child) -> object:
        while True:
            if self._stopped():
                self.close()
                raise Stopped("The build was stopped; the same command goes on from there.")
            end_overdue_and_oversized([child], memory_bytes=self._memory_bytes)
            if wait_for_children([child], seconds=_LOOK_SECONDS):
                return child.receive()


def _deadline(started: float, limits: Limits) -> float:
    return min(time.monotonic() + limits.stall_seconds, started + limits.total_seconds)


def _error_of(refused: _Refused) -> WenshiError:
    return CorpusError(refused.kind, refused.message) if refused.kind else WenshiError(refused.message)


def _run_worker(connection: Connection, make_stages: StagesMaker, settings: BuildSettings, directory: Path) -> None:
    """Serve jobs until the parent hangs up."""
    live_and_die_with_parent()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            stages = make_stages(settings, directory)
            connection.send(_Ready(stages.key))
            with _Caches() as caches:
                while True:
                    job: _Job = connection.recv()
                    connection.send(_processed(job, stages, caches, connection))
        except CorpusError as error:
            connection.send(_Refused(error.kind, str(error)))
        except WenshiError as error:
            connection.send(_Refused("", str(error)))


def _processed(job: _Job, stages: Stages, caches: _Caches, connection: Connection) -> VideoRows:
    said = 0.0

    def heartbeat(stage: str, position_ms: int, duration_ms: int) -> None:
        nonlocal said
        now = time.monotonic()
        if position_ms == 0 or now - said >= _BEAT_SECONDS:
            said = now
            connection.send(_Beat(stage))

    return process_video(job.source, shard=job.shard, stages=stages, cache=caches.of(job.cache), heartbeat=heartbeat)


class _Caches:
    """The cache of the shard in work: one is open at a time."""

    def __init__(self) -> None:
        self._open: StageCache | None = None

    def __enter__(self) -> _Caches:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._open is not None:
            self._open.close()

    def of(self, path: Path) -> StageCache:
        if self._open is None or self._open.path != path:
            self.__exit__()
            self._open = None
            self._open = StageCache(path)
        return self._open
