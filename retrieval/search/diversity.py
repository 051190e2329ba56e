"""Maximal marginal relevance: the second copy of a video should not take the second place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def maximal_marginal_relevance(
    items: Sequence[Item],
    *,
    relevance: Callable[[Item], float],
    similarity: Callable[[Item, Item], float],
    count: int,
    trade_off: float,
) -> list[Item]:
    """Pick `count` items one by one, each by `trade_off` × relevance − (1 − trade_off) × likeness to those picked.

    items: best first; relevance: made comparable by dividing by the best; similarity: 0..1; trade_off 1.0 keeps the order.
    Source: Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking" (SIGIR 1998).
    """
    if not 0.0 <= trade_off <= 1.0:
        raise ValueError(f"trade_off must be between 0 and 1, not {trade_off}")
    if not items:
        return []
    top = max(relevance(item) for item in items) or 1.0
    likeness = [0.0] * len(items)
    left = list(range(len(items)))
    picked: list[Item] = []
    while left and len(picked) < count:
        best = max(left, key=lambda i: trade_off * relevance(items[i]) / top - (1 - trade_off) * likeness[i])
        left.remove(best)
        picked.append(items[best])
        for i in left:
            likeness[i] = max(likeness[i], similarity(items[i], items[best]))
    return picked
