"""Shards on this machine: a few threads, each with a worker process of its own, and models that the workers may share."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from data_pipeline.building.commits import Commit
from data_pipeline.building.model_pool import ModelPool
from data_pipeline.building.models import ModelsLoader, load_models
from data_pipeline.building.plan import shard_sources
from data_pipeline.building.process_shard import VideoDone, VideoWorker, process_shard
from data_pipeline.building.settings import BuildSettings
from data_pipeline.building.worker import StagesMaker, Worker

_WORKERS_A_MODEL = 2


@dataclass(frozen=True, kw_only=True)
class ShardJob:
    """A shard to process: its last commit, and the sources to retry (None = all of it, if other stages measured it).

    changed: sources that are others than when they were measured; they are processed where the stages are the same, too.
    """

    shard: str
    previous: Commit | None = None
    retry: frozenset[str] | None = None
    changed: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Work:
    """What every runner is given: the corpus, its settings, and who makes the stages inside a worker and loads its models."""

    directory: Path
    settings: BuildSettings
    make_stages: StagesMaker
    load_models: ModelsLoader = load_models


Runner = Callable[[Iterable[ShardJob], Work, VideoDone], Generator[Commit, None, None]]


def run_job(job: ShardJob, work: Work, worker: VideoWorker, done: VideoDone) -> Commit | None:
    """What a runner does with a job, wherever that is."""
    return process_shard(
        job.shard, shard_sources(work.directory, job.shard), directory=work.directory, worker=worker, previous=job.previous,
        retry=job.retry, changed=job.changed, done=done,
    )  # fmt: skip


def usual_model_processes(workers: int, settings: BuildSettings) -> int:
    """How many processes hold the models for so many workers; 0 = each worker holds its own.

    One scores for two workers: scoring by a ViT-B/16 on a processor takes as long as decoding and reading on-screen text,
    or more. Two workers would save little memory and wait for each other (benchmarks/corpus_models.py). Writing down speech
    takes longer than all else: who shares an engine saves memory and waits for it, so that is done where it is asked for.
    """
    shared = settings.relevance.model is not None and settings.speech.engine is None
    return math.ceil(workers / _WORKERS_A_MODEL) if workers > _WORKERS_A_MODEL and shared else 0


def local_runner(workers: int, *, model_processes: int = 0) -> Runner:
    """A runner with so many workers. What its iterator gives is to be committed; closing it ends the workers.

    model_processes: that hold the models for all workers; 0 = each worker holds its own. It changes no row.
    """

    def run(jobs: Iterable[ShardJob], work: Work, done: VideoDone) -> Generator[Commit, None, None]:
        stop = threading.Event()
        models = ModelPool(work.load_models, work.settings, count=model_processes, stopped=stop.is_set) \
            if model_processes else None
        free: SimpleQueue[Worker] = SimpleQueue()
        for _ in range(workers):
            free.put(Worker(
                work.make_stages, work.settings, work.directory, load_models=work.load_models, models=models,
                stopped=stop.is_set,
            ))  # fmt: skip

        def one(job: ShardJob) -> Commit | None:
            worker = free.get()
            try:
                return run_job(job, work, worker, done)
            finally:
                free.put(worker)

        with ThreadPoolExecutor(workers, thread_name_prefix="shard") as threads:
            try:
                yield from _bounded(threads, one, jobs, most=workers)
            finally:
                stop.set()
                threads.shutdown(cancel_futures=True)
                for _ in range(workers):
                    free.get().close()
                if models is not None:
                    models.close()

    return run


def _bounded(
    threads: ThreadPoolExecutor, one: Callable[[ShardJob], Commit | None], jobs: Iterable[ShardJob], *, most: int
) -> Iterator[Commit]:
    """What comes of the jobs, as soon as it does; a job is taken when there is a thread for it."""
    running: set[Future[Commit | None]] = set()
    waiting = iter(jobs)
    while True:
        while len(running) < most and (job := next(waiting, None)) is not None:
            running.add(threads.submit(one, job))
        if not running:
            return
        finished, running = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            if (commit := future.result()) is not None:
                yield commit
