"""A similarity matrix as the evaluator reads it: any float type, in blocks of rows, never with a NaN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Half a million scores are 4 MB in float64: the comparisons of a block stay in the processor's cache.
BLOCK_SCORES = 2**19


class ScoreMatrix:
    """Scores of Q queries for N items, read as float64 in blocks of rows.

    similarity: [Q, N], an array, a memory-mapped array or a tensor on any device, of any float or integer type; it is
    never copied as a whole. Infinite scores are ordinary scores: they compare. Raises ValueError if it is not a matrix,
    has no query or no item, or does not hold real numbers; `blocks` raises ValueError where it meets a NaN.
    """

    def __init__(self, similarity: Any) -> None:
        if isinstance(similarity, ScoreMatrix):
            similarity = similarity.source
        if not hasattr(similarity, "shape"):
            similarity = _from_lists(similarity)
        shape = tuple(int(size) for size in similarity.shape)
        if len(shape) != 2:
            raise ValueError(f"similarity has the shape {shape}: it must be a matrix of queries x items")
        if 0 in shape:
            raise ValueError(f"similarity has the shape {shape}: there must be at least one query and one item")
        if isinstance(similarity, np.ndarray) and not _is_real(similarity.dtype):
            raise ValueError(f"similarity holds {similarity.dtype} values: scores must be real numbers")
        if hasattr(similarity, "is_complex") and similarity.is_complex():
            raise ValueError(f"similarity holds {similarity.dtype} values: scores must be real numbers")
        self.shape: tuple[int, int] = (shape[0], shape[1])
        self.source: Any = similarity

    def rows(self, start: int, stop: int) -> NDArray[np.float64]:
        """The scores of queries `start` to `stop` (excluded), [stop - start, N]."""
        block = self.source[start:stop]
        if hasattr(block, "detach"):  # a tensor: numpy knows neither its device nor bfloat16
            block = block.detach().double().cpu().numpy()
        return np.asarray(block, dtype=np.float64)

    def blocks(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """(first query, scores) of every block, from the first query to the last."""
        queries, items = self.shape
        step = max(1, BLOCK_SCORES // items)
        for start in range(0, queries, step):
            block = self.rows(start, min(start + step, queries))
            if np.isnan(block.max()):
                row, column = np.argwhere(np.isnan(block))[0]
                raise ValueError(
                    f"similarity is NaN for query {start + row} and item {column}: a score that is not a number has no "
                    "rank; find out where it comes from"
                )
            yield start, block


def _from_lists(similarity: Any) -> NDArray[Any]:
    try:
        return np.asarray(similarity)
    except ValueError as error:
        raise ValueError("similarity has rows of different lengths: it must be a matrix of queries x items") from error


def _is_real(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "fiub" or dtype.name == "bfloat16"
