"""Maximal marginal relevance: the second copy of a video should not take the second place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")


def maximal_marginal_relevance(
    items: Sequence[Item],
    *,
    relevance: Callable[[Item], float],
    likeness_to: Callable[[Item], NDArray[np.floating[Any]]],
    count: int,
    trade_off: float,
) -> list[Item]:
    """Pick `count` items one by one, each by `trade_off` × relevance − (1 − trade_off) × likeness to those picked.

    items: best first; relevance: made comparable by dividing by the best; likeness_to: of every item to this one, 0..1
    [items]; trade_off 1.0 keeps the order.
    Source: Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking" (SIGIR 1998).
    """
    if not 0.0 <= trade_off <= 1.0:
        raise ValueError(f"trade_off must be between 0 and 1, not {trade_off}")
    if not items:
        return []
    relevances = np.array([relevance(item) for item in items], np.float64)
    worth = trade_off * relevances / (relevances.max() or 1.0)
    likeness = np.zeros(len(items))
    picked: list[int] = []
    while len(picked) < min(count, len(items)):
        best = int(np.argmax(worth - (1 - trade_off) * likeness))       # of equal ones the first
        worth[best] = -np.inf
        picked.append(best)
        if trade_off < 1.0:
            np.maximum(likeness, likeness_to(items[best]), out=likeness)
    return [items[place] for place in picked]
