"""What a report of a large corpus costs: a million candidates must not need gigabytes.

    python -m benchmarks.corpus_report [--candidates 1000000] [--shards 20]

Writes the tables of a corpus of that size, two candidates a video, in a process of its own, then makes its report.
Prints the CPU time and how much memory the report took at most above what its imports take; exits with 1 when that is
more than the target. No picture is taken: there are no video files.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from data_pipeline.corpus.measured import CandidateRow, DecisionRow, MeasuredVideo
from data_pipeline.miniature.language.chatter import CHATTER
from data_pipeline.report.write import write_report
from tests.data_pipeline.report.written_corpus import candidate, decision, video, write_decisions, write_shard

MOST_MEGABYTES = 1000
_THINGS = ("猫", "红色的小汽车", "飞机", "草地上的兔子")


def _videos(first: int, count: int) -> list[MeasuredVideo]:
    numbers = range(first, first + count)
    return [video(number, duration_ms=1000 * (number % 90 + 4), category=f"类别{number % 20}") for number in numbers]


def _candidates(first: int, count: int) -> Iterator[CandidateRow]:
    for number in range(first, first + count):
        dice = random.Random(number)
        for position in range(2):
            score, text = dice.gauss(0.3, 0.05), dice.choice(CHATTER).format(fact=dice.choice(_THINGS))
            yield candidate(
                number, text, position=position, relevance_mean=score - 0.02, relevance_max=score + 0.02,
                relevance_top3=score, masked_mean=score, masked_max=score, masked_top3=score,
            )  # fmt: skip


def _decided(rows: Iterator[CandidateRow]) -> Iterator[DecisionRow]:
    for row in rows:
        yield decision(row, "" if (row.relevance_top3 or 0) >= 0.28 else "relevance")


def _write(directory: Path, shards: int, each: int) -> None:
    """Write the corpus; in a process of its own, for the peak that a process has seen is handed on to its children."""
    for shard in range(shards):
        rows = list(_candidates(shard * each, each))
        write_shard(directory, f"{shard:05}", {"videos": _videos(shard * each, each), "candidates": rows})
    write_decisions(directory, _decided(_candidates(0, each * shards)))


def _report(directory: Path) -> tuple[float, float]:
    """CPU seconds, and megabytes above what was taken before."""
    before, began = _peak_megabytes(), time.process_time()
    write_report(directory)
    return time.process_time() - began, _peak_megabytes() - before


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, default=20)
    options = parser.parse_args()
    each = options.candidates // 2 // options.shards
    with tempfile.TemporaryDirectory() as folder:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            pool.apply(_write, (Path(folder), options.shards, each))
        seconds, megabytes = _report(Path(folder))
    print(f"{2 * each * options.shards:,} candidates: {seconds:.1f} s of CPU, at most {megabytes:.0f} MB above the imports")
    print(f"target: {MOST_MEGABYTES} MB")
    return int(megabytes > MOST_MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
