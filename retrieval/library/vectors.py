"""Vectors on their way in: checked, and packed as fp16."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import LibraryError
from retrieval.records import Clip, Generation

UNIT_TOLERANCE = 1e-3
STORED_UNIT_TOLERANCE = 3e-3        # fp16 rounds each number by up to 2**-11 of itself
_STORED = np.dtype("<f2")


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
        raise LibraryError("a vector in library.sqlite has the wrong length: run `wenshi library check`")
    return np.frombuffer(b"".join(blobs), _STORED).reshape(len(blobs), dimension).astype(np.float32)
