"""The peak memory of a corpus build over many small videos, above what a worker holds once it has started.

    python -m benchmarks.corpus_memory --videos 1000

Stages without models run, so that what is measured is the runner: the process that plans and commits, and its worker.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.rounds import Found, arguments, reported
from data_pipeline.building.build import build
from data_pipeline.building.local import Work, local_runner
from data_pipeline.building.settings import BuildSettings, Relevance
from tests.data_pipeline.building.stand_ins import make_stages, sources_of
from tests.videos import write_video

BAR_BYTES = 2 << 30


def resident(process: psutil.Process) -> int:
    """Bytes that a process holds in memory; 0 when it is gone."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def proportional(process: psutil.Process) -> int:
    """Bytes of a process, a page that several hold by its share."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


class Peak:
    """Context manager: the bytes of this process and of its children, watched by a thread.

    held: those of one process; `resident` or `proportional`.
    """

    def __init__(self, held: Callable[[psutil.Process], int] = resident) -> None:
        self._held = held
        self._this = psutil.Process()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.before = self._this.memory_info().rss
        self.most_here = self.most_workers = 0

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            workers = sum(self._held(child) for child in self._this.children(recursive=True))
            self.most_here = max(self.most_here, self._this.memory_info().rss)
            self.most_workers = max(self.most_workers, workers)


def run(scratch: Path, *, videos: int) -> Found:
    """Megabytes by what they are; wrong where they are more than 2 GiB together."""
    (scratch / "files").mkdir()
    files = [write_video(scratch / "files" / f"{number}.mp4", seconds=0.5, seed=number) for number in range(videos)]
    work = Work(directory=scratch / "corpus", settings=BuildSettings(relevance=Relevance(model="one")), make_stages=make_stages)
    began = time.monotonic()
    with Peak() as peak:
        account = build(sources_of(*files), work, local_runner(1))
    print(f"{account.measured} videos measured in {time.monotonic() - began:.0f} s")
    counts = Counter({
        "MiB here before": peak.before >> 20, "MiB here at most": peak.most_here >> 20,
        "MiB in the worker at most": peak.most_workers >> 20,
    })  # fmt: skip
    total = peak.most_here + peak.most_workers
    return counts, [] if total < BAR_BYTES else [f"{total >> 20} MiB are more than 2 GiB"]


def main() -> int:
    options = arguments(__doc__, name="videos", default=1000).parse_args()
    return reported(lambda scratch: run(scratch, videos=options.videos), what="peaks", wrong_are="above the bar")


if __name__ == "__main__":
    sys.exit(main())
