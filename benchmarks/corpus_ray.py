"""What Ray adds to a corpus build over many small videos: CPU time, wall time and the manifest beside those of local workers.

    python -m benchmarks.corpus_ray [--directory DIR] [--videos 2000] [--workers 2]

Stages without models run on the first so many videos of a folder, else on drawn ones, by local workers and then by Ray on
this machine, each into a corpus of its own. CPU time is that of this process and of all that it started, Ray's servers too,
looked at twice a second. Exits with 1 where the two manifests differ.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from data_pipeline.building.build import build
from data_pipeline.building.local import Runner, Work, local_runner
from data_pipeline.building.ray_runner import ray_runner
from data_pipeline.building.settings import BuildSettings, Relevance
from data_pipeline.corpus.measured import SourceRow
from tests.data_pipeline.building.stand_ins import make_stages, sources_of
from tests.videos import write_video

_LOOK_SECONDS = 0.5


class CpuTime:
    """Context manager: CPU seconds of this process and its descendants while it lasts, ended ones as last seen."""

    def __enter__(self) -> CpuTime:
        self._seen: dict[tuple[int, float], float] = {}
        self._ended = threading.Event()
        self._look()
        self._before = sum(self._seen.values())
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()
        self._look()
        self.seconds = sum(self._seen.values()) - self._before

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        this = psutil.Process()
        for process in (this, *this.children(recursive=True)):
            try:
                times = process.cpu_times()
                self._seen[process.pid, process.create_time()] = times.user + times.system
            except psutil.Error:
                continue


def _measured(name: str, runner: Runner, sources: Sequence[SourceRow], directory: Path) -> tuple[float, str]:
    """CPU seconds and manifest hash of a build."""
    work = Work(directory=directory, settings=BuildSettings(relevance=Relevance(model="one")), make_stages=make_stages)
    began = time.monotonic()
    with CpuTime() as cpu:
        account = build(sources, work, runner)
    wall = time.monotonic() - began
    print(f"{name:>6}: {account.measured} measured, {account.failed} failed, {account.shards} shards, {cpu.seconds:.1f} CPU-s, "
          f"{wall:.1f} s of wall, manifest {account.manifest_sha256[:12]}", flush=True)
    return cpu.seconds, account.manifest_sha256


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, help="a folder of small .mp4 files")
    parser.add_argument("--videos", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        files = [write_video(scratch / f"{number}.mp4", seconds=0.5, seed=number) for number in range(options.videos)] \
            if options.directory is None else sorted(options.directory.rglob("*.mp4"))[:options.videos]
        sources = sources_of(*files)
        print(f"{len(files)} videos, {options.workers} workers, load {os.getloadavg()[0]:.1f} before")
        local, manifest = _measured("local", local_runner(options.workers), sources, scratch / "local")
        ray, other = _measured("ray", ray_runner(options.workers), sources, scratch / "ray")
    print(f"Ray: {ray - local:+.1f} CPU-s, {ray / local:.2f} times those of local workers")
    return int(manifest != other)


if __name__ == "__main__":
    sys.exit(main())
