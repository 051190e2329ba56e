"""Rows that no segment holds yet: exact, in memory, in immutable pieces that several threads may search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Rows with their numbers in the table of vectors and the numbers of their videos, ascending; `index` holds fp16."""

    numbers: NDArray[np.int64]
    videos: NDArray[np.int64]
    index: Any


def piece(numbers: NDArray[np.int64], videos: NDArray[np.int64], vectors: NDArray[np.float32]) -> Piece:
    """Rows [n], their videos [n] and unit vectors [n, D] as one piece."""
    index = _empty(vectors.shape[1])
    index.add(vectors)
    return Piece(numbers=numbers, videos=videos, index=index)


def appended(pieces: Sequence[Piece], new: Piece) -> tuple[Piece, ...]:
    """The pieces with one more; neighbours of like size are joined, so that there are few, each row copied seldom."""
    kept = list(pieces)
    while kept and len(kept[-1].numbers) <= 2 * len(new.numbers):
        new = _joined(kept.pop(), new)
    return (*kept, new)


def of_videos(videos: NDArray[np.int64], selected: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """Which rows of these videos are selected [videos.number]; a number beyond its end is not, None = all are."""
    if selected is None:
        return None
    if len(videos) and (highest := int(videos.max())) >= len(selected):
        selected = np.concatenate([selected, np.zeros(highest + 1 - len(selected), np.bool_)])
    return selected[videos]


def search_piece(
    rows: Piece, query: NDArray[np.float32], *, limit: int, allowed: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Numbers and cosines of the best rows for a unit query [D], among those that `allowed` [n] names."""
    return search_exact(rows.index, rows.numbers, query, limit=limit, allowed=allowed)


def search_exact(
    index: Any, numbers: NDArray[np.int64], query: NDArray[np.float32], *, limit: int, allowed: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The same in a flat index whose row i has the number `numbers[i]`."""
    faiss = untyped_faiss()
    count = min(limit, len(numbers) if allowed is None else int(allowed.sum()))
    if count <= 0:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    if allowed is None:
        scores, rows = index.search(query[None], count)
    else:
        bits = np.packbits(allowed, bitorder="little")
        parameters = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
        scores, rows = index.search(query[None], count, params=parameters)
    found = rows[0] >= 0
    return numbers[rows[0][found]], scores[0][found]


def untyped_faiss() -> Any:
    """The module; the types that it comes with lack the keyword arguments its Python layer adds."""
    import faiss

    return faiss


def _joined(left: Piece, right: Piece) -> Piece:
    import faiss

    index = _empty(left.index.d)
    for part in (left, right):
        codes = faiss.vector_to_array(part.index.codes)
        index.add_sa_codes(codes.reshape(len(part.numbers), -1))
    return Piece(
        numbers=np.concatenate([left.numbers, right.numbers]),
        videos=np.concatenate([left.videos, right.videos]),
        index=index,
    )


def _empty(dimension: int) -> Any:
    import faiss

    return faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
