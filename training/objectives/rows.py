"""A sum over the rows of a matrix that is never whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor
from torch.utils.checkpoint import checkpoint


def slices(count: int, chunk: int | None) -> Iterator[slice]:
    """The rows 0..count, so many at a time, None = all at once. Raises ValueError when chunk is below 1."""
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk must be 1 or more, not {chunk}")
    step = count if chunk is None else chunk
    for start in range(0, count, max(step, 1)):
        yield slice(start, min(start + step, count))


def sum_over_rows(part: Callable[[slice], Tensor], *, count: int, chunk: int | None) -> Tensor:
    """The sum of `part` over all rows, `chunk` of them in memory at a time and computed again backwards, None = all kept.

    part: rows -> their share of the sum, differentiable, of one shape for all; called twice for each rows in chunks.
    """
    if count < 1:
        raise ValueError("there must be a row to sum over")
    if chunk is None:
        return part(slice(None))
    parts = [checkpoint(part, rows, use_reentrant=False) for rows in slices(count, chunk)]
    total: Tensor = sum(parts[1:], parts[0])
    return total
