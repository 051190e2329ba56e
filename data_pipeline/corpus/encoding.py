"""From sources to encoded samples, in order, here or in several spawned processes."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType

from data_pipeline.corpus.samples import EncodedSample, PictureFormat, SampleSource, encode
from data_pipeline.corpus.shard_list import RowFailure
from retrieval.errors import InputError, WenshiError

Encoded = EncodedSample | RowFailure
_AHEAD = 4          # rows in work for each process: enough that a slow one does not stop the others


class Encoder:
    """Makes samples from sources and encodes them; a source that cannot give its sample becomes a RowFailure.

    With more than one worker sources are pickled into spawned processes. A source that takes its process down is tried
    once more on its own, then counted as `crashed`. Any other error than WenshiError is a fault of the source and
    passes. Raises InputError when processes cannot be started.
    """

    def __init__(self, form: PictureFormat, *, workers: int) -> None:
        if workers < 1:
            raise InputError(f"workers is {workers}, but must be at least 1.")
        self._form = form
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Encoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def encode(self, sources: Iterable[SampleSource]) -> Iterator[Encoded]:
        """One result for each source, in their order; at most a few sources are held at once."""
        if self._workers == 1:
            yield from (encode_source(source, self._form) for source in sources)
            return
        waiting: deque[tuple[SampleSource, Future[Encoded]]] = deque()
        for source in sources:
            waiting.append((source, self._submit(source)))
            if len(waiting) == _AHEAD * self._workers:
                yield from self._first_of(waiting)
        while waiting:
            yield from self._first_of(waiting)

    def _first_of(self, waiting: deque[tuple[SampleSource, Future[Encoded]]]) -> Iterator[Encoded]:
        source, result = waiting.popleft()
        try:
            yield result.result()
            return
        except BrokenProcessPool:
            suspects = [source, *(other for other, _ in waiting)]
        waiting.clear()
        self._pool = None
        yield from (self._alone(suspect) for suspect in suspects)

    def _alone(self, source: SampleSource) -> Encoded:
        """Nothing else is in work, so a crash is this source's."""
        try:
            return self._submit(source).result()
        except BrokenProcessPool:
            self._pool = None
            return RowFailure(id=source.id, kind="crashed", message=f"The process that made {source.id} crashed.")

    def _submit(self, source: SampleSource) -> Future[Encoded]:
        if self._pool is None:
            self._pool = _started_pool(self._workers)
        try:
            return self._pool.submit(encode_source, source, self._form)
        except BrokenProcessPool as error:      # noticed between two rows: it is told where the result is asked for
            broken: Future[Encoded] = Future()
            broken.set_exception(error)
            return broken


def encode_source(source: SampleSource, form: PictureFormat) -> Encoded:
    """Make and encode one sample; what it raises on purpose becomes a RowFailure."""
    try:
        return encode(source.sample(height=form.height, width=form.width), form)
    except WenshiError as error:
        return RowFailure(id=source.id, kind=getattr(error, "kind", type(error).__name__), message=str(error))


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
