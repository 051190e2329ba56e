"""A copy of the vectors in Milvus: a server, or a Milvus Lite file that one process at a time may use."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import BackendError
from retrieval.library.backends.interface import Points
from retrieval.library.backends.payloads import LISTS, MOST_KEYS, NUMBERS, Condition
from retrieval.library.backends.retrying import READ_PAUSES, WRITE_PAUSES, retried
from retrieval.library.segments import Hits

Answer = TypeVar("Answer")
_PAGE = 10_000                      # offset + limit of a query is at most 16,384
_SECONDS = 30.0
_CONNECT_SECONDS = 3.0
_UNREACHABLE = ("fail connecting", "unavailable", "deadline", "timeout", "connection", "rate limit")


class MilvusStore:
    """`VectorStore` over pymilvus. `url` and `token` of a server, else `file`; safe to ask from several threads.

    BackendError when pymilvus or milvus-lite is missing, when another process has the file, or its name does not end in `.db`.
    """

    deepest = 16_384

    def __init__(self, *, url: str | None = None, token: str | None = None, file: Path | None = None) -> None:
        try:
            from pymilvus import DataType, MilvusClient

            if url is None:
                import milvus_lite  # noqa: F401
        except ImportError as error:
            raise BackendError("Milvus needs the extra `wenshi[milvus]`: pip install 'wenshi[milvus]'.") from error
        for name in ("pymilvus", "milvus_lite"):        # they write a traceback for each error that they raise
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.name = f"Milvus at {url or file}"
        self._types: Any = DataType
        self._is_file = file is not None
        self._loaded: set[str] = set()
        if file is not None:
            if file.suffix != ".db":                    # else it is taken for the address of a server
                raise BackendError(f"{self.name} cannot be opened: the name of a Milvus Lite file ends in .db.")
            file.parent.mkdir(parents=True, exist_ok=True)
        self._connect = partial(MilvusClient, url or str(file), token=token or "", timeout=_CONNECT_SECONDS)
        self._connecting = threading.Lock()
        self._connected: Any = None
        if file is not None:
            try:
                self._connected = self._connect()
            except Exception as error:
                raise BackendError(
                    f"{self.name} cannot be opened: another process may be using it, only a server (milvus:http://...) "
                    "takes several."
                ) from error

    @property
    def _client(self) -> Any:
        """The client, which reaches for a server when it is first asked: it may be down, and come back."""
        with self._connecting:
            if self._connected is None:
                self._connected = self._connect()
            return self._connected

    def spaces(self) -> list[str]:
        return list(self._ask(lambda: self._client.list_collections(timeout=_SECONDS)))

    def make(self, space: str, *, dimension: int) -> None:
        if space in self.spaces():
            if self._ask(lambda: self._client.list_indexes(space)):
                return
            self.drop(space)            # a kill came before it had an index, and so before it had rows
        types = self._types
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("number", types.INT64, is_primary=True)
        schema.add_field("vector", types.FLOAT_VECTOR, dim=dimension)
        for field in (*NUMBERS, "stamp"):
            schema.add_field(field, types.INT64)
        for field in LISTS:
            schema.add_field(field, types.ARRAY, element_type=types.INT64, max_capacity=MOST_KEYS)
        indexes = self._client.prepare_index_params()
        # Milvus Lite passes no depth of search on to its graphs; its exact index answers as all others do.
        indexes.add_index("vector", index_type="FLAT" if self._is_file else "AUTOINDEX", metric_type="COSINE")
        self._change(
            lambda: self._client.create_collection(
                space, schema=schema, index_params=indexes, consistency_level="Strong", timeout=_SECONDS
            )
        )

    def drop(self, space: str) -> None:
        self._loaded.discard(space)
        self._change(lambda: self._client.drop_collection(space, timeout=_SECONDS))

    def upsert(self, space: str, points: Points) -> None:
        rows = [
            {
                "number": number, "vector": vector, "stamp": stamp,
                **{field: list(value) if field in LISTS else value for field, value in vars(payload).items()},
            }
            for number, vector, stamp, payload in zip(
                points.numbers.tolist(), points.vectors.tolist(), points.stamps.tolist(), points.payloads, strict=True
            )
        ]  # fmt: skip
        self._change(lambda: self._client.upsert(space, rows, timeout=_SECONDS))

    def delete(self, space: str, numbers: Collection[int]) -> None:
        self._change(lambda: self._client.delete(space, ids=list(numbers), timeout=_SECONDS))

    def search(self, space: str, query: NDArray[np.float32], *, limit: int, condition: Condition | None) -> Hits:
        self._load(space)
        answer = self._ask(
            lambda: self._client.search(
                space, data=[query.tolist()], limit=limit, filter=_expression(condition) if condition else "",
                timeout=_SECONDS,
            )
        )  # fmt: skip
        return [(int(row["number"]), float(row["distance"])) for row in answer[0]]

    def count(self, space: str) -> int:
        return int(self._query(space, "", ["count(*)"])[0]["count(*)"])

    def newest(self, space: str) -> int:
        """Found by doubling and halving: a query cannot ask for the last row."""
        if not self._has_above(space, 0):
            return 0
        high = 1
        while self._has_above(space, high):
            high *= 2
        low = high // 2
        while low + 1 < high:
            middle = (low + high) // 2
            low, high = (middle, high) if self._has_above(space, middle) else (low, middle)
        return high

    def stamps(self, space: str) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        self._load(space)
        iterator = self._ask(
            lambda: self._client.query_iterator(space, batch_size=_PAGE, output_fields=["number", "stamp"], timeout=_SECONDS)
        )
        try:
            while rows := self._ask(iterator.next):
                numbers, stamps = (np.array([row[field] for row in rows], np.int64) for field in ("number", "stamp"))
                yield numbers, stamps
        finally:
            iterator.close()

    def flush(self, space: str) -> None:
        self._change(lambda: self._client.flush(space, timeout=10 * _SECONDS))

    def close(self) -> None:
        if self._connected is not None:
            self._connected.close()

    def _has_above(self, space: str, number: int) -> bool:
        return bool(self._query(space, f"number > {number}", ["number"], limit=1))

    def _query(self, space: str, expression: str, fields: list[str], **limit: int) -> Any:
        self._load(space)
        return self._ask(
            lambda: self._client.query(space, filter=expression, output_fields=fields, timeout=_SECONDS, **limit)
        )

    def _load(self, space: str) -> None:
        """A collection must be in memory before it is searched, after each start of a Milvus Lite."""
        if space not in self._loaded:
            self._change(lambda: self._client.load_collection(space, timeout=_SECONDS))
            self._loaded.add(space)

    def _ask(self, call: Callable[[], Answer]) -> Answer:
        return retried(call, name=self.name, transient=_is_transient, pauses=READ_PAUSES)

    def _change(self, call: Callable[[], Any]) -> None:
        retried(call, name=self.name, transient=_is_transient, pauses=WRITE_PAUSES)


def _expression(condition: Condition) -> str:
    """The condition in Milvus's own language; all of it whole numbers, so nothing need be escaped."""
    parts = [
        f"array_contains_any({field}, {list(values)})" if field in LISTS else f"{field} in {list(values)}"
        for field, values in condition.any_of
    ]
    parts += [f"{field} >= {bound}" for field, bound in condition.least]
    parts += [f"{field} <= {bound}" for field, bound in condition.most]
    return " and ".join(parts)


def _is_transient(error: Exception) -> bool:
    text = str(error).lower()
    return any(sign in text for sign in _UNREACHABLE)
