"""Batches made ahead in threads: Pillow lets go of the interpreter while it decodes, so the step need not wait."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

P = TypeVar("P")
B = TypeVar("B")


@dataclass(frozen=True, kw_only=True)
class Loaded(Generic[P, B]):
    """What was planned, what was made of it, and how long its taker had to wait for it."""

    plan: P
    batch: B
    wait_seconds: float


def load_ahead(plans: Iterable[P], make: Callable[[P], B], *, workers: int) -> Iterator[Loaded[P, B]]:
    """`make` of each plan, in their order, made by `workers` threads, at most workers + 1 ahead of what is taken.

    What `make` raises is raised in its place. Threads end with the iterator.
    """
    upcoming = iter(plans)
    waiting: deque[tuple[P, Future[B]]] = deque()
    executor = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    try:
        while True:
            while len(waiting) <= workers and (plan := next(upcoming, None)) is not None:
                waiting.append((plan, executor.submit(make, plan)))
            if not waiting:
                return
            plan, future = waiting.popleft()
            began = time.perf_counter()
            batch = future.result()
            yield Loaded(plan=plan, batch=batch, wait_seconds=time.perf_counter() - began)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
