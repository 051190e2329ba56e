"""The recall of a segment, measured when it is built: held-out queries, their exact neighbours, the cheapest setting.

An operating point of recall r finds at least r of the ten nearest rows and r - 0.02 of the hundred nearest, for each of
two kinds of query: rows that were changed a little, and mixtures of two rows moved away from all of them, as texts are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEFAULT_RECALL = 0.97
RECALLS = (0.85, 0.90, 0.95, DEFAULT_RECALL, 0.985)
DEPTHS = ((10, 0.0), (100, 0.02))   # how deep recall is asked for, and by how much less of it is enough there
MARGIN = 0.005                      # queries that come later are not those that were measured
K_FACTORS = (2, 4, 8, 16, 32)
QUERIES = 96                        # of each kind
PERTURBED, MIXED = "perturbed", "mixed"


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """A setting and what it was measured to reach; `measured` maps "kind@depth" to recall, `ms` is of one thread."""

    recall: float
    nprobe: int
    k_factor: int
    measured: dict[str, float]
    reached: bool
    ms: float


def choose(calibration: dict[str, Any], recall: float | None) -> OperatingPoint:
    """The stored point of the least recall that is enough, else the one of the highest."""
    wanted = DEFAULT_RECALL if recall is None else recall
    points = [OperatingPoint(**point) for point in calibration["points"]]
    return next((point for point in points if point.recall >= wanted), points[-1])


def held_out(rows: NDArray[np.float32], *, seed: int = 0, count: int = QUERIES) -> dict[str, NDArray[np.float32]]:
    """Unit queries of each kind [count, D] made of sampled rows [n, D]."""
    chance = np.random.default_rng(seed)
    dimension = rows.shape[1]

    def some() -> NDArray[np.float32]:
        return rows[chance.integers(0, len(rows), count)]

    def noise(length: float, *, of: int = count) -> NDArray[np.float32]:
        return length * _unit(chance.standard_normal((of, dimension)))

    share = chance.uniform(0.5, 0.8, (count, 1))
    return {
        PERTURBED: _unit(some() + noise(0.3)),
        MIXED: _unit(share * some() + (1 - share) * some() + noise(0.7, of=1) + noise(0.5)),
    }


class Neighbours:
    """The exact nearest rows of some queries, kept while the rows pass by once."""

    def __init__(self, queries: NDArray[np.float32], *, depth: int = DEPTHS[-1][0]) -> None:
        self._queries, self._depth = queries, depth
        self._scores = np.zeros((len(queries), 0), np.float32)
        self.numbers = np.zeros((len(queries), 0), np.int64)

    def see(self, numbers: NDArray[np.int64], rows: NDArray[np.float32]) -> None:
        """Take notice of rows [n, D] with these numbers [n]."""
        scores = np.concatenate([self._scores, self._queries @ rows.T], axis=1)
        known = np.concatenate([self.numbers, np.broadcast_to(numbers, (len(self._queries), len(numbers)))], axis=1)
        depth = min(self._depth, scores.shape[1])
        best = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
        order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
        best = np.take_along_axis(best, order, 1)
        self._scores, self.numbers = np.take_along_axis(scores, best, 1), np.take_along_axis(known, best, 1)


Search = Callable[[NDArray[np.float32], int, int], NDArray[np.int64]]


def calibrated(
    search: Search, queries: dict[str, NDArray[np.float32]], exact: dict[str, NDArray[np.int64]], *, lists: int
) -> dict[str, Any]:
    """Operating points as plain values; `search(query, nprobe, k_factor)` answers numbers, best first."""
    grid = _measured_grid(search, queries, exact, lists=lists)
    points = [asdict(_cheapest(recall, grid)) for recall in RECALLS]
    return {"points": points, "queries": sum(map(len, queries.values())), "default": DEFAULT_RECALL}


def recalled(found: Sequence[NDArray[np.int64]], exact: NDArray[np.int64], depth: int) -> float:
    """Mean share of the `depth` nearest that are among the rows found.

    Rows found are ranked again by their exact cosines, so a near row that is found at all takes its place.
    """
    depth = min(depth, exact.shape[1])
    return float(np.mean([len(np.intersect1d(f, e[:depth])) / depth for f, e in zip(found, exact, strict=True)]))


def _measured_grid(
    search: Search, queries: dict[str, NDArray[np.float32]], exact: dict[str, NDArray[np.int64]], *, lists: int
) -> list[OperatingPoint]:
    grid = []
    for k_factor in K_FACTORS:
        for nprobe in _probes(lists):
            measured, elapsed = {}, 0.0
            for kind, of_kind in queries.items():
                started = time.thread_time()
                found = [search(query, nprobe, k_factor) for query in of_kind]
                elapsed += time.thread_time() - started
                measured.update({f"{kind}@{depth}": recalled(found, exact[kind], depth) for depth, _ in DEPTHS})
            ms = 1000 * elapsed / sum(map(len, queries.values()))
            grid.append(
                OperatingPoint(
                    recall=0.0, nprobe=nprobe, k_factor=k_factor, measured=measured, reached=False, ms=round(ms, 4)
                )
            )
            if _enough(grid[-1], max(RECALLS)):
                break
    return grid


def _cheapest(recall: float, grid: Sequence[OperatingPoint]) -> OperatingPoint:
    """The fastest point that is good enough; when none is, the best there is."""
    enough = [point for point in grid if _enough(point, recall)]
    best = min(enough, key=lambda p: p.ms) if enough else max(grid, key=lambda p: (min(p.measured.values()), -p.ms))
    return OperatingPoint(**{**asdict(best), "recall": recall, "reached": bool(enough)})


def _enough(point: OperatingPoint, recall: float) -> bool:
    return all(
        share >= min(recall - less + MARGIN, 1.0)
        for depth, less in DEPTHS
        for name, share in point.measured.items()
        if name.endswith(f"@{depth}")
    )


def _probes(lists: int) -> list[int]:
    steps = [4 * 2 ** (i / 2) for i in range(40)]
    return sorted({min(lists, round(step)) for step in steps})


def _unit(rows: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
