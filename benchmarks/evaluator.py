"""Seconds and memory of evaluating a large similarity matrix, both directions, with and without intervals.

    python -m benchmarks.evaluator --size 10000      # 10,000 queries x 10,000 items, one core

Each kind of scores is measured in a process of its own; "extra" is the peak resident memory beyond that of the matrix.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from retrieval.evaluation.metrics import two_way_metrics

KINDS = ("float32", "float16", "tied float32", "bfloat16 tensor")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"{arguments.size:,} x {arguments.size:,}, seed {arguments.seed}, both directions")
    for kind in KINDS:
        process = multiprocessing.get_context("spawn").Process(
            target=measure, args=(kind, arguments.size, arguments.seed)
        )
        process.start()
        process.join()
        if process.exitcode:
            return 1
    return 0


def measure(kind: str, size: int, seed: int) -> None:
    similarity = scores(kind, size, seed)
    before = _peak_bytes()
    metrics, plain = _timed(lambda: two_way_metrics(similarity))
    _, intervals = _timed(lambda: (metrics.text_to_video.intervals, metrics.video_to_text.intervals))
    extra = (_peak_bytes() - before) / 1e6
    print(
        f"{kind:<16} {plain:5.2f} s, with intervals {plain + intervals:5.2f} s, extra {extra:5.0f} MB, "
        f"R@1 {metrics.text_to_video.recall_at_1:.2f} and {metrics.video_to_text.recall_at_1:.2f}"
    )


def scores(kind: str, size: int, seed: int) -> Any:
    """Noise with a signal on the diagonal, made row by row so that making it does not set the peak."""
    chance = np.random.default_rng(seed)
    dtype = np.float16 if kind == "float16" else np.float32
    similarity: Any = np.empty((size, size), dtype=dtype)
    if kind.startswith("bfloat16"):
        import torch

        similarity = torch.empty((size, size), dtype=torch.bfloat16)
    for query in range(size):
        row = chance.standard_normal(size, dtype=np.float32)
        row[query] += 4
        row = np.round(row) if kind.startswith("tied") else row
        similarity[query] = row if isinstance(similarity, np.ndarray) else torch.from_numpy(row)
    return similarity


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    raise SystemExit(main())
