"""What the library asks of whoever searches its vectors, and what it asks of a store that holds a copy of them.

The library is the truth: a store holds rows by their numbers in the tables of vectors, with what filters need, and can be
filled again at any time. What a store answers is looked up in the library before anybody sees it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from retrieval.library.backends.payloads import Condition, Payload
from retrieval.library.filters import VideoFilter
from retrieval.library.rows import ClipHit, WordHit
from retrieval.library.segments import Hits
from retrieval.library.vector_kinds import VectorKind
from retrieval.records import Generation

Hit = TypeVar("Hit", ClipHit, WordHit)
RowsOf = Callable[[sqlite3.Connection, Hits], list[Hit]]        # rows of vectors and their scores -> what they are of


class VectorSearch(Protocol):
    """Whoever finds the rows of the active generation that are nearest to a vector. Safe to ask from several threads."""

    def nearest(
        self, kind: VectorKind, rows_of: RowsOf[Hit], vector: NDArray[np.float32], *, limit: int,
        recall: float | None, where: VideoFilter | None,
    ) -> list[Hit]:  # fmt: skip
        """The nearest rows to `vector` [D] by exact cosine, best first; [] while no generation of this kind is active.

        ValueError when `vector` is not D finite numbers or is zero; BackendError when a store cannot answer.
        """

    def snapshot(self, *, vectors: bool, generations: Collection[Generation]) -> AbstractContextManager[None]:
        """Within the block this thread reads one state of the library, where the vectors are part of that.

        vectors: whether they will be asked for; if not, no index over them is opened before somebody asks. generations:
        where the vectors are part of that, these are searched as far as the library holds them, in place of the active ones.
        """

    def notice(self) -> str | None:
        """What the last answers lack, as one sentence; None = nothing."""

    def hurry(self, seconds: float) -> None:
        """Wait for a store no longer than so long from now: what it has not answered by then is a BackendError."""

    def close(self) -> None:
        """Let go of files and connections."""


@dataclass(frozen=True, kw_only=True)
class Points:
    """Rows for a store: their numbers [n], unit vectors [n, D] and payloads."""

    numbers: NDArray[np.int64]
    vectors: NDArray[np.float32]
    payloads: Sequence[Payload]
    stamps: NDArray[np.int64]           # of vector and payload together


class VectorStore(Protocol):
    """A store outside the library. A space is its name for the vectors of one generation of one kind in one library.

    Every method raises BackendError: one sentence that names the store. What is only a hiccup is tried again first.
    """

    name: str                           # for people, without keys
    deepest: int                        # the largest limit of a search

    def spaces(self) -> list[str]:
        """The names of all spaces, also of those that are not Wenshi's."""

    def make(self, space: str, *, dimension: int) -> None:
        """Make a space, or what is missing of one that a kill left half made."""

    def drop(self, space: str) -> None:
        """Forget a space with all its rows."""

    def upsert(self, space: str, points: Points) -> None:
        """Insert rows, or replace those of the same numbers; kept when this returns."""

    def delete(self, space: str, numbers: Collection[int]) -> None:
        """Forget rows; numbers that are not there are no error."""

    def search(self, space: str, query: NDArray[np.float32], *, limit: int, condition: Condition | None) -> Hits:
        """Numbers and cosines of the rows nearest to the unit vector `query` [D] that meet the condition, best first."""

    def count(self, space: str) -> int:
        """How many rows a space has."""

    def newest(self, space: str) -> int:
        """The largest number of a row in a space, 0 while it is empty."""

    def stamps(self, space: str) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Numbers and stamps of all rows, in parts, in no order."""

    def flush(self, space: str) -> None:
        """Make what was upserted quick to search, where that takes a step of its own."""

    def close(self) -> None:
        """Let go of files and connections; calling it again does nothing."""
