"""A function over many items, in order, here or in several spawned processes that an item may take down."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import TypeVar

from retrieval.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 4          # items in work for each process: enough that a slow one does not stop the others


class Processes:
    """Runs functions over items in `workers` spawned processes, with one worker in this process.

    Processes are started when they are first needed. Raises InputError when they cannot be.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise InputError(f"workers is {workers}, but must be at least 1.")
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, crashed: Callable[[Item], Result]
    ) -> Iterator[Result]:
        """One result for each item, in order, with a few items in work at once; what `function` raises passes.

        An item that takes its process down is tried once more with nothing beside it; if it does so again, its result
        is `crashed(item)`. In this process nothing can catch that.
        """
        if self.workers == 1:
            yield from map(function, items)
            return
        waiting: deque[tuple[Item, Future[Result]]] = deque()
        for item in items:
            waiting.append((item, self._submit(function, item)))
            if len(waiting) == _AHEAD * self.workers:
                yield from self._first_of(waiting, function, crashed)
        while waiting:
            yield from self._first_of(waiting, function, crashed)

    def _first_of(
        self, waiting: deque[tuple[Item, Future[Result]]], function: Callable[[Item], Result],
        crashed: Callable[[Item], Result],
    ) -> Iterator[Result]:
        item, result = waiting.popleft()
        try:
            yield result.result()
            return
        except BrokenProcessPool:
            suspects = [item, *(other for other, _ in waiting)]
        waiting.clear()
        self._pool = None
        for suspect in suspects:
            try:
                yield self._submit(function, suspect).result()
            except BrokenProcessPool:
                self._pool = None
                yield crashed(suspect)

    def _submit(self, function: Callable[[Item], Result], item: Item) -> Future[Result]:
        if self._pool is None:
            self._pool = _started_pool(self.workers)
        try:
            return self._pool.submit(function, item)
        except BrokenProcessPool as error:      # noticed between two items: told where the result is asked for
            broken: Future[Result] = Future()
            broken.set_exception(error)
            return broken


def _started_pool(workers: int) -> ProcessPoolExecutor:
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        pool.submit(int).result()
    except BrokenProcessPool as error:
        raise InputError(
            "Processes cannot be started: free some memory or use one worker, and call this from under "
            '`if __name__ == "__main__":`.'
        ) from error
    return pool
