"""A copy of the vectors in Qdrant: a server, or a folder that one process at a time may use."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import BackendError
from retrieval.library.backends.interface import Points
from retrieval.library.backends.payloads import LISTS, NUMBERS, Condition
from retrieval.library.backends.retrying import READ_PAUSES, WRITE_PAUSES, retried, sentence
from retrieval.library.segments import Hits

Answer = TypeVar("Answer")
_PAGE = 10_000
_SECONDS = 10
_BUSY = (408, 429, 500, 502, 503, 504)


class QdrantStore:
    """`VectorStore` over qdrant-client. `url` and `key` of a server, else `folder`; safe to ask from several threads.

    BackendError when qdrant-client is missing, or when another process has the folder open.
    """

    deepest = 20_000

    def __init__(self, *, url: str | None = None, key: str | None = None, folder: Path | None = None) -> None:
        try:
            from qdrant_client import QdrantClient, models
        except ImportError as error:
            raise BackendError("Qdrant needs the extra `wenshi[qdrant]`: pip install 'wenshi[qdrant]'.") from error
        self.name = f"Qdrant at {url or folder}"
        self._models: Any = models
        self._turn = threading.Lock() if folder is not None else None
        where: dict[str, Any] = {"path": str(folder), "force_disable_check_same_thread": True}
        if url is not None:
            where = {"url": url, "api_key": key, "timeout": _SECONDS, "check_compatibility": False}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")         # such as of a key over plain HTTP to this machine
                self._client = QdrantClient(**where)
        except Exception as error:
            if "already accessed" in str(error):
                raise BackendError(
                    f"{self.name} is in use by another process: only a server (qdrant:http://...) takes several."
                ) from error
            raise BackendError(sentence(self.name, error, reachable=True)) from error

    def spaces(self) -> list[str]:
        answer = self._ask(lambda: self._client.get_collections())
        return [collection.name for collection in answer.collections]

    def make(self, space: str, *, dimension: int) -> None:
        models = self._models
        vectors = models.VectorParams(size=dimension, distance=models.Distance.COSINE)
        if space not in self.spaces():
            self._change(lambda: self._client.create_collection(space, vectors_config=vectors))
        for field in (*NUMBERS, *LISTS, "number"):
            index = partial(self._client.create_payload_index, space, field, models.PayloadSchemaType.INTEGER)
            self._change(index)

    def drop(self, space: str) -> None:
        self._change(lambda: self._client.delete_collection(space))

    def upsert(self, space: str, points: Points) -> None:
        numbers = points.numbers.tolist()
        payloads = [
            {"number": number, "stamp": stamp, **vars(payload)}
            for number, stamp, payload in zip(numbers, points.stamps.tolist(), points.payloads, strict=True)
        ]
        batch = self._models.Batch(ids=numbers, vectors=points.vectors.tolist(), payloads=payloads)
        self._change(lambda: self._client.upsert(space, points=batch, wait=True))

    def delete(self, space: str, numbers: Collection[int]) -> None:
        self._change(lambda: self._client.delete(space, points_selector=list(numbers), wait=True))

    def search(self, space: str, query: NDArray[np.float32], *, limit: int, condition: Condition | None) -> Hits:
        wanted = self._filter(condition) if condition else None
        answer = self._ask(
            lambda: self._client.query_points(
                space, query=query.tolist(), limit=limit, query_filter=wanted, with_payload=False
            )
        )
        return [(int(point.id), float(point.score)) for point in answer.points]

    def count(self, space: str) -> int:
        return int(self._ask(lambda: self._client.count(space, exact=True)).count)

    def newest(self, space: str) -> int:
        order = self._models.OrderBy(key="number", direction=self._models.Direction.DESC)
        points, _ = self._ask(
            lambda: self._client.scroll(space, limit=1, order_by=order, with_payload=False, with_vectors=False)
        )
        return int(points[0].id) if points else 0

    def stamps(self, space: str) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        start: Any = None
        while True:
            page = partial(
                self._client.scroll, space, limit=_PAGE, offset=start, with_payload=["stamp"], with_vectors=False
            )
            points, start = self._ask(page)
            numbers = np.array([point.id for point in points], np.int64)
            yield numbers, np.array([point.payload["stamp"] for point in points], np.int64)
            if start is None:
                return

    def flush(self, space: str) -> None:
        """A server folds what came by itself."""

    def close(self) -> None:
        self._client.close()

    def _filter(self, condition: Condition) -> Any:
        models = self._models
        must = [
            models.FieldCondition(key=field, match=models.MatchAny(any=list(values)))
            for field, values in condition.any_of
        ]
        must += [models.FieldCondition(key=field, range=models.Range(gte=bound)) for field, bound in condition.least]
        must += [models.FieldCondition(key=field, range=models.Range(lte=bound)) for field, bound in condition.most]
        return models.Filter(must=must)

    def _ask(self, call: Callable[[], Answer]) -> Answer:
        return retried(lambda: self._in_turn(call), name=self.name, transient=_is_transient, pauses=READ_PAUSES)

    def _change(self, call: Callable[[], Any]) -> None:
        retried(lambda: self._in_turn(call), name=self.name, transient=_is_transient, pauses=WRITE_PAUSES)

    def _in_turn(self, call: Callable[[], Answer]) -> Answer:
        """The folder's own code keeps several threads apart only in part."""
        if self._turn is None:
            return call()
        with self._turn, warnings.catch_warnings():     # one at a time: what is caught belongs to the whole process
            warnings.simplefilter("ignore")             # of payload indexes, which a folder does without
            return call()


def _is_transient(error: Exception) -> bool:
    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

    if isinstance(error, UnexpectedResponse):
        return error.status_code in _BUSY
    return isinstance(error, ResponseHandlingException)
