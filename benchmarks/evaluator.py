"""Processor seconds and memory of evaluating a large similarity matrix, both directions, with and without intervals.

    python -m benchmarks.evaluator --size 10000      # 10,000 queries x 10,000 items, one core

Each kind of scores is measured in a process of its own: as they are, with ten graded items a query (nDCG, P@10, MAP and the
order of pairs, beside the ranks), and after the dual softmax. Seconds are those of the processor: what else runs on the
machine does not count, and threads add up. "peak" is the largest resident memory of the whole process,
the matrix and the interpreter included; "extra" what evaluating added to it. Exits with 1 when a kind takes 10 s or more,
intervals included, or 2 GB or more.
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

from retrieval.evaluation.graded import GradedMetrics, graded_metrics
from retrieval.evaluation.judgements import Judgements
from retrieval.evaluation.metrics import TwoWayMetrics, two_way_metrics
from retrieval.evaluation.postprocessing import dual_softmax_scores

KINDS = ("float32", "float16", "tied float32", "bfloat16 tensor", "graded float32", "dual softmax of float32")
MOST_SECONDS, MOST_BYTES = 10.0, 2e9
JUDGED = 10     # items a query on the graded path
TEMPERATURE = 0.05


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(
        f"{arguments.size:,} x {arguments.size:,}, seed {arguments.seed}, both directions; targets: under {MOST_SECONDS:.0f} "
        f"processor seconds with intervals, peak under {MOST_BYTES / 1e9:.0f} GB with the matrix",
        flush=True,
    )
    kept = [kept_apart(kind, arguments.size, arguments.seed) for kind in KINDS]
    return 0 if all(kept) else 1


def kept_apart(kind: str, size: int, seed: int) -> bool:
    """Whether a process of its own keeps the targets."""
    process = multiprocessing.get_context("spawn").Process(target=_exit_with, args=(kind, size, seed))
    process.start()
    process.join()
    return process.exitcode == 0


def _exit_with(kind: str, size: int, seed: int) -> None:
    sys.exit(0 if measure(kind, size, seed) else 1)


def measure(
    kind: str, size: int, seed: int, *, most_seconds: float = MOST_SECONDS, most_bytes: float = MOST_BYTES
) -> bool:
    """Print what a kind costs; whether it is below the limits."""
    similarity = scores(kind, size, seed)
    before = _peak_bytes()
    (metrics, graded), plain = _timed(lambda: evaluated(kind, similarity))
    _, intervals = _timed(
        lambda: (metrics.text_to_video.intervals, metrics.video_to_text.intervals, graded and graded.intervals)
    )
    peak, seconds = _peak_bytes(), plain + intervals
    kept = seconds < most_seconds and peak < most_bytes
    print(
        f"{kind:<23} {plain:5.2f} s, with intervals {seconds:5.2f} s, peak {peak / 1e6:5.0f} MB, extra "
        f"{(peak - before) / 1e6:5.0f} MB, R@1 {metrics.text_to_video.recall_at_1:.2f} and "
        f"{metrics.video_to_text.recall_at_1:.2f}{'' if kept else '  MISSED'}",
        flush=True,
    )
    return kept


def evaluated(kind: str, similarity: Any) -> tuple[TwoWayMetrics, GradedMetrics | None]:
    """What `wenshi evaluate` computes for scores of a kind."""
    if kind.startswith("graded"):
        judgements = Judgements.of(several_relevant(len(similarity)), similarity.shape)
        return two_way_metrics(similarity, judgements), graded_metrics(similarity, judgements)
    if kind.startswith("dual softmax"):
        similarity = dual_softmax_scores(similarity, temperature=TEMPERATURE)
    return two_way_metrics(similarity), None


def several_relevant(size: int) -> list[dict[int, float]]:
    """Query i wants item i most (grade 3), and its neighbours less."""
    return [{(query + step) % size: 3.0 if step == 0 else 1.0 for step in range(JUDGED)} for query in range(size)]


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
    start = time.process_time()
    return work(), time.process_time() - start


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    raise SystemExit(main())
