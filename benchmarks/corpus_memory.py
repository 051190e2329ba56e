"""The peak memory of a corpus build over many small videos, above what a worker holds once it has started.

    python -m benchmarks.corpus_memory --videos 1000
    python -m benchmarks.corpus_memory --videos 200 --engines

Stages without models run, so that what is measured is the runner: the process that plans and commits, and its worker.
--engines: drawn videos with sound, half of them with burnt-in subtitles, go through the stages of `wenshi corpus build`, with
rapidocr, voice and the demo's model. What the engines themselves hold is what a worker has at most for the first four videos.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from benchmarks.rounds import Found, arguments, reported
from data_pipeline import miniature
from data_pipeline.building.build import build
from data_pipeline.building.default_stages import default_stages
from data_pipeline.building.local import Work, local_runner
from data_pipeline.building.settings import BuildSettings, Relevance
from data_pipeline.corpus.measured import SourceRow
from data_pipeline.miniature.raw_collection import write_collection
from data_pipeline.sources import read_sources
from tests.data_pipeline.building.stand_ins import make_stages, sources_of
from tests.videos import write_video

BAR_BYTES = 2 << 30
_FIRST = 4
_MODEL = Path(miniature.__file__).parent / "model"


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
    peak = _peak(sources_of(*files), work)
    total = peak.most_here + peak.most_workers
    return _megabytes(peak), [] if total < BAR_BYTES else [f"{total >> 20} MiB are more than 2 GiB"]


def run_with_engines(scratch: Path, *, videos: int) -> Found:
    """Megabytes by what they are; wrong where all videos take more than 2 GiB above what the first few do."""
    drawn = write_collection(scratch / "raw", videos=videos, workers=1)
    sources = read_sources([drawn.manifest], i_have_rights=True).rows
    settings = BuildSettings(relevance=Relevance(model=str(_MODEL)))
    first, every = (
        _peak(rows, Work(directory=scratch / name, settings=settings, make_stages=default_stages))
        for name, rows in (("first", sources[:_FIRST]), ("all", sources))
    )
    above = every.most_here - every.before + every.most_workers - first.most_workers
    counts = Counter({"MiB in the worker for the first few": first.most_workers >> 20}) + _megabytes(every)
    print(f"{above >> 20} MiB above what the engines hold")
    return counts, [] if above < BAR_BYTES else [f"{above >> 20} MiB above what the engines hold are more than 2 GiB"]


def _peak(sources: Sequence[SourceRow], work: Work) -> Peak:
    """The memory of a build by one worker."""
    began = time.monotonic()
    with Peak() as peak:
        account = build(sources, work, local_runner(1))
    print(f"{account.measured} of {len(sources)} videos measured in {time.monotonic() - began:.0f} s", flush=True)
    return peak


def _megabytes(peak: Peak) -> Counter[str]:
    return Counter({
        "MiB here before": peak.before >> 20, "MiB here at most": peak.most_here >> 20,
        "MiB in the worker at most": peak.most_workers >> 20,
    })  # fmt: skip


def main() -> int:
    parser = arguments(__doc__, name="videos", default=1000)
    parser.add_argument("--engines", action="store_true", help="real engines on drawn videos")
    options = parser.parse_args()
    measure = run_with_engines if options.engines else run
    return reported(lambda scratch: measure(scratch, videos=options.videos), what="peaks", wrong_are="above the bar")


if __name__ == "__main__":
    sys.exit(main())
