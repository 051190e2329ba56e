"""What hangs together: connected components of a graph, on arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def components(count: int, left: Indices, right: Indices) -> Indices:
    """For each of `count` nodes the smallest node that it is connected to, by edges between left[k] and right[k]."""
    labels = np.arange(count, dtype=np.int64)
    while True:
        low = np.minimum(labels[left], labels[right])
        before = labels.copy()
        for side in (left, right):
            np.minimum.at(labels, labels[side], low)
            np.minimum.at(labels, side, low)
        while not np.array_equal(labels, shorter := labels[labels]):
            labels = shorter
        if np.array_equal(before, labels):
            return labels


def joined_by(keys: Indices) -> tuple[Indices, Indices]:
    """Edges that connect all places with the same key; a negative key connects nothing."""
    places = np.flatnonzero(keys >= 0)
    order = places[np.argsort(keys[places], kind="stable")]
    same = keys[order[1:]] == keys[order[:-1]]
    return order[:-1][same], order[1:][same]


def pairs_nearby(keys: NDArray[np.uint64], order: Indices, *, reach: int) -> tuple[Indices, Indices]:
    """Pairs of places with equal keys that are at most `reach` apart in `order`, which sorts the keys."""
    found = []
    for distance in range(1, reach + 1):
        left, right = order[:-distance], order[distance:]
        same = keys[left] == keys[right]
        if not same.any():
            break
        found.append((left[same], right[same]))
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate([left for left, _ in found]), np.concatenate([right for _, right in found])
