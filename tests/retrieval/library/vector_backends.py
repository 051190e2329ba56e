"""Every way to search the vectors of a library that can be tried here, for the conformance suite."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import BackendError
from retrieval.library.backends import Points, VectorStore, open_store
from retrieval.library.backends.payloads import LISTS, Condition, Payload


@dataclass(frozen=True)
class Backend:
    """`open` gives a store that keeps its rows under the folder, None = the library searches by itself."""

    name: str
    open: Callable[[Path], VectorStore | None]
    is_exact: bool = True
    outlives_a_process: bool = True


class PlainStore:
    """The slowest `VectorStore` there is, in the memory of this process: what the others are measured by.

    failing: as long as it is set, every method raises BackendError.
    """

    name = "a plain store"
    deepest = 50

    def __init__(self) -> None:
        self.rows: dict[str, dict[int, tuple[np.ndarray, Payload, int]]] = {}
        self.failing = False
        self.calls: list[str] = []

    def _called(self, what: str) -> None:
        self.calls.append(what)
        if self.failing:
            raise BackendError(f"{self.name} cannot be reached.")

    def spaces(self) -> list[str]:
        self._called("spaces")
        return list(self.rows)

    def make(self, space: str, *, dimension: int) -> None:
        self._called("make")
        self.rows.setdefault(space, {})

    def drop(self, space: str) -> None:
        self._called("drop")
        del self.rows[space]

    def upsert(self, space: str, points: Points) -> None:
        self._called("upsert")
        for row in zip(points.numbers.tolist(), points.vectors, points.payloads, points.stamps.tolist(), strict=True):
            self.rows[space][row[0]] = row[1:]

    def delete(self, space: str, numbers: Collection[int]) -> None:
        self._called("delete")
        for number in numbers:
            self.rows[space].pop(number, None)

    def search(
        self, space: str, query: np.ndarray, *, limit: int, condition: Condition | None
    ) -> list[tuple[int, float]]:
        self._called("search")
        if space not in self.rows:
            raise BackendError(f"{self.name} refused: it has no space {space}.")
        found = [
            (number, float(vector @ query))
            for number, (vector, payload, _) in self.rows[space].items()
            if condition is None or _meets(payload, condition)
        ]
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))[:limit]

    def count(self, space: str) -> int:
        self._called("count")
        return len(self.rows[space])

    def newest(self, space: str) -> int:
        self._called("newest")
        return max(self.rows[space], default=0)

    def stamps(self, space: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        self._called("stamps")
        rows = [(number, stamp) for number, (_, _, stamp) in self.rows[space].items()]
        yield tuple(np.array([row[i] for row in rows], np.int64) for i in (0, 1))

    def flush(self, space: str) -> None:
        self._called("flush")

    def close(self) -> None:
        pass


def _meets(payload: Payload, condition: Condition) -> bool:
    def values(field: str) -> set[int]:
        value = getattr(payload, field)
        return set(value) if field in LISTS else {value}

    return (
        all(values(field) & set(wanted) for field, wanted in condition.any_of)
        and all(min(values(field)) >= bound for field, bound in condition.least)
        and all(max(values(field)) <= bound for field, bound in condition.most)
    )


_PLAIN: dict[Path, PlainStore] = {}


def _plain(folder: Path) -> VectorStore:
    return _PLAIN.setdefault(folder, PlainStore())


def _server(variable: str, kind: str) -> Callable[[Path], VectorStore]:
    return lambda folder: open_store(f"{kind}:{os.environ[variable]}").store


def _backend(backend: Backend, *needs: str, variable: str | None = None) -> object:
    missing = [name for name in needs if find_spec(name) is None]
    reason = f"needs {missing[0]}" if missing else f"needs {variable}" if variable and variable not in os.environ else ""
    return pytest.param(backend, id=backend.name, marks=[pytest.mark.skipif(bool(reason), reason=reason)])


EMBEDDED = _backend(Backend("embedded", lambda folder: None))
STORES = [
    _backend(Backend("plain", _plain, outlives_a_process=False)),
    _backend(Backend("qdrant-folder", lambda folder: open_store(f"qdrant:{folder}/qdrant", create=True).store), "qdrant_client"),
    _backend(
        Backend("milvus-lite", lambda folder: open_store(f"milvus:{folder}/milvus.db", create=True).store), "pymilvus",
        "milvus_lite",
    ),
    _backend(
        Backend("qdrant-server", _server("WENSHI_QDRANT_URL", "qdrant"), is_exact=False), "qdrant_client",
        variable="WENSHI_QDRANT_URL",
    ),
    _backend(
        Backend("milvus-server", _server("WENSHI_MILVUS_URL", "milvus"), is_exact=False), "pymilvus",
        variable="WENSHI_MILVUS_URL",
    ),
]  # fmt: skip
