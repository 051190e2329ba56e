"""Vectors on their way in (checked, packed as fp16) and the exact index over the clip vectors of one generation."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import LibraryError
from retrieval.records import Clip, Generation

UNIT_TOLERANCE = 1e-3
STORED_UNIT_TOLERANCE = 3e-3        # fp16 rounds each number by up to 2**-11 of itself
_STORED = np.dtype("<f2")
_LOAD_ROWS = 8192


def check_clips(clips: Sequence[Clip], generation: Generation | None) -> None:
    """ValueError for an impossible span, or vectors that are not finite, of unit length and of the generation."""
    for clip in clips:
        where = f"of the clip {clip.start_ms}-{clip.end_ms} ms"
        if not 0 <= clip.start_ms <= clip.end_ms:
            raise ValueError(f"the span {where} is none: it starts at 0 or later and ends after that")
        if clip.vector is None and clip.frame_vectors is None:
            continue
        if generation is None:
            raise ValueError(f"the vectors {where} came without the generation that made them")
        if clip.vector is not None:
            check_unit(clip.vector, shape=(generation.dimension,), what=f"the vector {where}")
        if clip.frame_vectors is not None:
            shape = (len(clip.frame_times_ms), generation.dimension)
            check_unit(clip.frame_vectors, shape=shape, what=f"the frame vectors {where}")


def check_unit(vectors: NDArray[np.float32], *, shape: tuple[int, ...], what: str) -> None:
    """ValueError unless `vectors` has this shape and every row is finite and of unit length (1e-3)."""
    if np.shape(vectors) != shape:
        raise ValueError(f"{what} has the shape {np.shape(vectors)}, not {shape}")
    lengths = np.linalg.norm(np.asarray(vectors, dtype=np.float64), axis=-1)
    # written so that a NaN fails it
    if not np.all(np.abs(lengths - 1.0) <= UNIT_TOLERANCE):
        raise ValueError(f"{what} is not of unit length: {np.ravel(lengths)[:4].round(4).tolist()}")


def pack(vector: NDArray[np.float32]) -> bytes:
    """A vector as it is stored: little-endian fp16."""
    return np.ascontiguousarray(vector, dtype=_STORED).tobytes()


def unpack(blobs: Sequence[bytes], *, dimension: int) -> NDArray[np.float32]:
    """Stored vectors as [n, D] fp32; LibraryError when one has another length than D."""
    if any(len(blob) != dimension * _STORED.itemsize for blob in blobs):
        raise LibraryError("a clip vector in library.sqlite has the wrong length: run `wenshi library check`")
    return np.frombuffer(b"".join(blobs), _STORED).reshape(len(blobs), dimension).astype(np.float32)


class ClipIndex:
    """Exact inner product over the clip vectors of one generation, kept in step with the database row by row.

    Hold `lock` from before the first read of the transaction until its last: the index is then never newer than what
    the transaction sees.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._key: tuple[int, int] | None = None        # generation number, dimension
        self._revision = -1
        self._last = 0
        self._index: Any = None

    def search(
        self, db: sqlite3.Connection, vector: NDArray[np.float32], *, generation: int, revision: int, limit: int
    ) -> list[tuple[int, float]]:
        """Row numbers in `clip_vectors` and cosines, best first; `vector` [D] need not be of unit length."""
        self._refresh(db, (generation, len(vector)), revision)
        count = min(limit, self._index.ntotal)
        if count <= 0:
            return []
        query = np.asarray(vector, dtype=np.float64)
        query = (query / np.linalg.norm(query)).astype(np.float32)[None]
        scores, numbers = self._index.search(query, count)
        hits = [(int(n), float(s)) for n, s in zip(numbers[0], np.clip(scores[0], -1.0, 1.0), strict=True)]
        return sorted(hits, key=lambda hit: (-hit[1], hit[0]))

    def _refresh(self, db: sqlite3.Connection, key: tuple[int, int], revision: int) -> None:
        if key == self._key and revision == self._revision:
            return
        try:
            if key != self._key:
                self._start_over(key)
            self._add_new(db, key)
            self._drop_deleted(db, key)
        except BaseException:
            self._key = None            # half a refresh must not be searched
            raise
        self._revision = revision

    def _start_over(self, key: tuple[int, int]) -> None:
        import faiss

        flat = faiss.IndexScalarQuantizer(key[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        self._index = faiss.IndexIDMap(flat)
        self._flat = flat               # faiss does not keep the Python object alive
        self._key, self._last = key, 0

    def _add_new(self, db: sqlite3.Connection, key: tuple[int, int]) -> None:
        generation, dimension = key
        rows = db.execute(
            "SELECT number, vector FROM clip_vectors WHERE generation = ? AND number > ? ORDER BY number",
            [generation, self._last],
        )
        while part := rows.fetchmany(_LOAD_ROWS):
            numbers = np.array([number for number, _ in part], dtype=np.int64)
            self._index.add_with_ids(unpack([blob for _, blob in part], dimension=dimension), numbers)
            self._last = int(numbers[-1])

    def _drop_deleted(self, db: sqlite3.Connection, key: tuple[int, int]) -> None:
        count = db.execute("SELECT count(*) FROM clip_vectors WHERE generation = ?", [key[0]]).fetchone()[0]
        if count == self._index.ntotal:
            return
        import faiss

        kept = [number for (number,) in db.execute("SELECT number FROM clip_vectors WHERE generation = ?", [key[0]])]
        held = faiss.vector_to_array(self._index.id_map)
        self._index.remove_ids(np.setdiff1d(held, np.array(kept, dtype=np.int64)))
