"""Shards on this machine: a few threads, each with a worker process of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from data_pipeline.building.commits import Commit
from data_pipeline.building.plan import shard_sources
from data_pipeline.building.process_shard import VideoDone, VideoWorker, process_shard
from data_pipeline.building.settings import BuildSettings
from data_pipeline.building.worker import StagesMaker, Worker


@dataclass(frozen=True, kw_only=True)
class ShardJob:
    """A shard to process: its last commit, and the sources to retry (None = all of it, if other stages measured it)."""

    shard: str
    previous: Commit | None = None
    retry: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Work:
    """What every runner is given: the corpus, its settings, and who makes the stages inside a worker."""

    directory: Path
    settings: BuildSettings
    make_stages: StagesMaker


Runner = Callable[[Iterable[ShardJob], Work, VideoDone], Generator[Commit, None, None]]


def run_job(job: ShardJob, work: Work, worker: VideoWorker, done: VideoDone) -> Commit | None:
    """What a runner does with a job, wherever that is."""
    return process_shard(
        job.shard, shard_sources(work.directory, job.shard), directory=work.directory, worker=worker, previous=job.previous,
        retry=job.retry, done=done,
    )  # fmt: skip


def local_runner(workers: int) -> Runner:
    """A runner with so many workers. What its iterator gives is to be committed; closing it ends the workers."""

    def run(jobs: Iterable[ShardJob], work: Work, done: VideoDone) -> Generator[Commit, None, None]:
        stop = threading.Event()
        free: SimpleQueue[Worker] = SimpleQueue()
        for _ in range(workers):
            free.put(Worker(work.make_stages, work.settings, work.directory, stopped=stop.is_set))

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
