"""What a corpus build holds in memory and costs when its workers share the models, beside workers that each hold their own.

    python -m benchmarks.corpus_models [--videos 40] [--workers 3] [--models 1] [--model DIR]

Drawn videos with burnt-in subtitles go through the stages that `wenshi corpus build` has, with rapidocr, voice and a relevance
model, once each way, into a corpus of its own. Memory is that of all child processes, each page by its share of those who
hold it (PSS), at most; CPU time is that of this process and of all that it started. Exits with 1 where the manifests differ.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.corpus_memory import Peak, proportional
from benchmarks.corpus_ray import CpuTime
from data_pipeline import miniature
from data_pipeline.building.build import build
from data_pipeline.building.default_stages import default_stages
from data_pipeline.building.local import Work, local_runner
from data_pipeline.building.settings import BuildSettings, Relevance
from data_pipeline.corpus.measured import SourceRow
from data_pipeline.miniature.raw_collection import write_collection
from data_pipeline.sources import read_sources

_MODEL = Path(miniature.__file__).parent / "model"


def _measured(
    directory: Path, sources: Sequence[SourceRow], *, model: Path, workers: int, models: int
) -> tuple[float, float, str]:
    """MiB at most, CPU seconds and the manifest hash of a build."""
    settings = BuildSettings(relevance=Relevance(model=str(model)), videos_per_shard=5)
    work = Work(directory=directory, settings=settings, make_stages=default_stages)
    began = time.monotonic()
    with Peak(proportional) as peak, CpuTime() as cpu:
        account = build(sources, work, local_runner(workers, model_processes=models))
    memory = peak.most_workers / 2**20
    print(f"{workers} workers, {models or 'no'} processes for models: {account.measured} of {len(sources)} videos measured, "
          f"{memory:,.0f} MiB, {cpu.seconds:.1f} CPU-s, {time.monotonic() - began:.1f} s of wall", flush=True)
    return memory, cpu.seconds, account.manifest_sha256


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=40)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--models", type=int, default=1)
    parser.add_argument("--model", type=Path, default=_MODEL)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        collection = write_collection(Path(folder) / "raw", videos=options.videos, workers=1)
        sources = read_sources([collection.manifest], i_have_rights=True).rows
        print(f"load {os.getloadavg()[0]:.1f} before")
        own, shared = (
            _measured(Path(folder) / str(models), sources, model=options.model, workers=options.workers, models=models)
            for models in (0, options.models)
        )
    print(f"shared / own: {shared[0] / own[0]:.2f} of the memory, {shared[1] / own[1]:.2f} of the CPU time; "
          f"the manifests are {'the same' if shared[2] == own[2] else 'NOT THE SAME'}")
    return int(shared[2] != own[2])


if __name__ == "__main__":
    sys.exit(main())
