"""How fast clips of the miniature world are rendered: a thousand different ones in under a minute on two cores.

    python benchmarks/miniature_render.py [--clips 1000] [--workers 2] [--profile]

Clips of the world's own generator, 2.5 to 4 s, 224 x 126, 8 frames a second: drawings are rarely shared.
Prints clips a second and the seconds that 1,000 take (below a few hundred clips the start of the processes weighs
in); exits with 1 when that is more than the target. `--profile` renders in this process instead and prints where the
time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import tempfile
import time
from pathlib import Path

from data_pipeline.miniature.render import render_all
from data_pipeline.miniature.spec import SceneSpec
from data_pipeline.miniature.world import generate

MOST_SECONDS = 60.0         # for 1,000 clips on two cores
WIDTH, HEIGHT, FRAMES_PER_SECOND = 224, 126, 8


def _render(scenes: list[SceneSpec], *, workers: int) -> float:
    with tempfile.TemporaryDirectory() as directory:
        began = time.perf_counter()
        render_all(
            Path(directory), specs=scenes, workers=workers, width=WIDTH, height=HEIGHT,
            frames_per_second=FRAMES_PER_SECOND,
        )
        return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    scenes = [clip.spec for clip in generate(options.clips, seed=0, split="test")]
    if options.profile:
        with cProfile.Profile() as profile:
            _render(scenes, workers=1)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return 0
    seconds = _render(scenes, workers=options.workers)
    per_thousand = 1000 * seconds / options.clips
    print(f"{options.clips} clips in {seconds:.1f} s with {options.workers} workers: {options.clips / seconds:.1f} clips/s")
    print(f"1,000 clips take {per_thousand:.1f} s, target {MOST_SECONDS:.0f} s")
    return int(per_thousand > MOST_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
