"""How much faster training reads frames from a shard than from the video, as a ratio within one run.

    python -m benchmarks.shard_reading [--runs 5]

12 uniform frames of a 60 s, 720p H.264 video, at 224 px: decoded from the video by our own reader, against read and
decoded from a shard. Times are medians; exits with 1 when the ratio is below 50.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.reading_speed import make_clip
from data_pipeline.corpus.samples import PictureFormat
from data_pipeline.corpus.shard_reader import ShardDataset, decode
from data_pipeline.corpus.shards import write_shards
from data_pipeline.corpus.video_clips import VideoClip, frames_of_video

FRAMES, SIDE, LEAST_RATIO = 12, 224, 50.0
_READS_A_RUN = 20       # of the shard: one takes milliseconds


def median_ms(work: Callable[[], object], *, runs: int, repeats: int = 1) -> float:
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        for _ in range(repeats):
            work()
        taken.append((time.perf_counter() - start) * 1000 / repeats)
    return statistics.median(taken)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        video, shards = Path(folder) / "moving.mp4", Path(folder) / "shards"
        make_clip(video)
        clip = VideoClip(id="moving", path=str(video), video="moving", texts=(), split="train", count=FRAMES)
        write_shards([clip], shards, form=PictureFormat(height=SIDE, width=SIDE))
        dataset = ShardDataset(shards)
        from_video = median_ms(lambda: frames_of_video(video, count=FRAMES, height=SIDE, width=SIDE), runs=runs)
        from_shard = median_ms(lambda: decode(dataset[0]), runs=runs, repeats=_READS_A_RUN)
        sizes = f"{video.stat().st_size / 1e6:.1f} MB of video, {sum(map(len, dataset[0].jpegs)) / 1e3:.0f} kB of JPEG"
    ratio = from_video / from_shard
    print(f"{FRAMES} frames at {SIDE} px, {sizes}, {os.cpu_count()} cores, medians of {runs} runs")
    print(f"  decoded from the video {from_video:9.1f} ms")
    print(f"  read from the shard    {from_shard:9.1f} ms")
    print(f"  the shard is {ratio:.0f} x faster (target >= {LEAST_RATIO:.0f})")
    return 0 if ratio >= LEAST_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
