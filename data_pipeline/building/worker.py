"""The isolated process in which videos are processed: one that a video takes down is replaced, and costs that video alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from data_pipeline.building.asked_models import ModelFacts, asked_models
from data_pipeline.building.isolated import IsolatedProcess, Ready, Stopping, serving
from data_pipeline.building.model_pool import ModelPool
from data_pipeline.building.models import ModelsLoader, load_models
from data_pipeline.building.process_video import process_video
from data_pipeline.building.settings import BuildSettings, Limits
from data_pipeline.building.stage_cache import StageCache
from data_pipeline.building.stages import Stages
from data_pipeline.building.video_rows import VideoRows, failed_video
from data_pipeline.corpus.measured import SourceRow
from data_pipeline.isolation.processes import Child, Ended

# Importable by name: it is called in the worker's process, with who loads the models or stands for them.
StagesMaker = Callable[[BuildSettings, Path, ModelsLoader], Stages]
_BEAT_SECONDS = 0.25


@dataclass(frozen=True)
class _Job:
    source: SourceRow
    shard: str
    cache: Path


@dataclass(frozen=True)
class _Beat:
    stage: str


@dataclass(frozen=True)
class _Asked:
    """A question for a model that is in another process; the worker waits for the answer."""

    question: bytes


class Worker:
    """Context manager. Its process starts with the first thing that is asked of it, and loads its models once.

    directory: of the corpus; models: who holds them instead; stopped: asked now and then, ends the work with Stopped.
    """

    def __init__(
        self, make_stages: StagesMaker, settings: BuildSettings, directory: Path, *, load_models: ModelsLoader = load_models,
        models: ModelPool | None = None, stopped: Stopping = lambda: False,
    ) -> None:
        self._limits = settings.limits
        self._models = models

        def start() -> Child:
            facts = None if models is None else models.facts
            return Child(_run_worker, make_stages, settings, directory, load_models, facts, name="wenshi-worker")

        self._process = IsolatedProcess(
            start, purpose="works on videos", memory_bytes=settings.limits.memory_bytes, stopped=stopped
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._process.close()

    @property
    def stages_key(self) -> str:
        """Of the stages as they are now, models included. Raises WenshiError when they cannot be loaded."""
        return str(self._process.facts)

    def process(self, source: SourceRow, *, shard: str, cache: Path) -> VideoRows:
        """The rows of a video; a failed one where it, or the model that it was shown to, crashed, hung or filled the memory.

        Raises WenshiError when the build cannot go on (a full disk, a model that cannot be loaded) and Stopped.
        """
        _ = self._process.facts         # there is one
        self._process.send(_Job(source, shard, cache))
        began, stage = time.monotonic(), "examine"
        while True:
            message = self._process.receive(deadline=_deadline(began, self._limits))
            if isinstance(message, _Asked):
                message, waited = self._answer(message.question, began)
                began += waited
            if isinstance(message, _Beat):
                stage = message.stage
            elif isinstance(message, bytes):
                self._process.send(message)
            elif isinstance(message, Ended):
                self.close()
                reason = f"{source.uri}: the process that worked on it {message.reason}."
                return VideoRows(video=failed_video(
                    source, shard=shard, stage=stage, kind=message.kind, message=reason
                ))  # fmt: skip
            else:
                assert isinstance(message, VideoRows)
                return message

    def _answer(self, question: bytes, began: float) -> tuple[object, float]:
        """The answer, or Ended, and the seconds until there was a model to ask: those are no fault of the video."""
        assert self._models is not None
        asked = time.monotonic()
        with self._models.free_process() as model:
            waited = time.monotonic() - asked
            model.send(question)
            return model.receive(deadline=_deadline(began + waited, self._limits)), waited


def _deadline(began: float, limits: Limits) -> float:
    return min(time.monotonic() + limits.stall_seconds, began + limits.total_seconds)


def _run_worker(
    connection: Connection, make_stages: StagesMaker, settings: BuildSettings, directory: Path, load_models: ModelsLoader,
    facts: ModelFacts | None,
) -> None:
    """Serve jobs until the parent hangs up; facts: of the models that the parent has asked for it, None = it has its own."""

    def ask(question: bytes) -> bytes:
        connection.send(_Asked(question))
        answer: bytes = connection.recv()
        return answer

    with serving(connection):
        stages = make_stages(settings, directory, load_models if facts is None else lambda _: asked_models(facts, ask))
        connection.send(Ready(stages.key))
        with _Caches() as caches:
            while True:
                job: _Job = connection.recv()
                connection.send(_processed(job, stages, caches, connection))


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
