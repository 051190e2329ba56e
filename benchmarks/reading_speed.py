"""How fast video is read, as ratios within one run.

    python benchmarks/reading_speed.py [--clip PATH] [--runs 5]

(a) a frame a second through `every`, against a bare PyAV loop that does the same: at most 1.15 times its time;
(b) keyframes only, against decoding everything: at least 6 times faster (on a clip with one keyframe in 250 frames).
Times are medians; exits with 1 when a target is missed.
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

import av
import numpy as np

from retrieval.video import ClipCutter, VideoReader, every, keyframes

MOST_OVERHEAD, LEAST_SPEEDUP = 1.15, 6.0


def make_clip(path: Path, *, seconds: int = 60, height: int = 720, width: int = 1280) -> None:
    """Moving texture with camera noise, H.264, 25 frames a second, a keyframe every 250 frames, several Mbit/s."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 255, (height // 4 + 200, width // 4 + 400), dtype=np.uint8)
    texture = np.kron(coarse, np.ones((4, 4), np.uint8))
    noise = random.normal(0, 3, (8, height, width)).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=25, options={"g": "250", "sc_threshold": "0", "preset": "veryfast"}
        )
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, "yuv420p", 6_000_000
        for number in range(seconds * 25):
            top, left = (2 * number) % 700, (5 * number) % 1500
            luma = texture[top : top + height, left : left + width].astype(np.int16) + noise[number % 8]
            planes = np.full((height * 3 // 2, width), 128, np.uint8)
            planes[:height] = luma.clip(0, 255)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, "yuv420p")))
        container.mux(stream.encode(None))


def bare_sampling(path: Path, threads: int) -> int:
    """One frame a second to RGB with nothing but PyAV: the frame on screen at each full second."""
    given, wanted, shown = 0, 0.0, None
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        for frame in container.decode(stream):
            if shown is not None and wanted < frame.time:
                shown.to_ndarray(format="rgb24")
                given, wanted = given + 1, wanted + 1
            shown = frame
    if shown is not None:
        shown.to_ndarray(format="rgb24")
    return given + 1


def our_sampling(path: Path, threads: int) -> int:
    with VideoReader(path, threads=threads) as reader:
        return sum(1 for frame in every(reader, 1_000) if frame.rgb() is not None)


def full_decode(path: Path, threads: int) -> int:
    with VideoReader(path, threads=threads) as reader:
        return sum(1 for _ in reader.frames())


def keyframe_decode(path: Path, threads: int) -> int:
    with VideoReader(path, threads=threads) as reader:
        return sum(1 for _ in keyframes(reader))


def cutting(path: Path, threads: int) -> int:
    cutter = ClipCutter(height=224, width=224)
    with VideoReader(path, threads=threads) as reader:
        clips = sum(len(cutter.feed(frame)) for frame in reader.frames())
        return clips + len(cutter.finish(reader.read_until_ms))


def measure(path: Path, *, threads: int, runs: int) -> dict[str, float]:
    """Median seconds of each way of reading, taken in turn so that a busy moment hits all alike."""
    ways: list[Callable[[Path, int], int]] = [bare_sampling, our_sampling, full_decode, keyframe_decode, cutting]
    taken: dict[str, list[float]] = {way.__name__: [] for way in ways}
    for _ in range(runs):
        for way in ways:
            start = time.perf_counter()
            way(path, threads)
            taken[way.__name__].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = arguments.clip or Path(folder) / "moving.mp4"
        if arguments.clip is None:
            make_clip(clip)
        taken = measure(clip, threads=arguments.threads, runs=arguments.runs)
        print(
            f"{clip.name}: {clip.stat().st_size / 1e6:.1f} MB, {os.cpu_count()} cores, medians of {arguments.runs} runs"
        )
    for name, seconds in taken.items():
        print(f"  {name:18} {seconds:7.3f} s")
    overhead = taken["our_sampling"] / taken["bare_sampling"]
    speedup = taken["full_decode"] / taken["keyframe_decode"]
    print(f"(a) a frame a second: {overhead:.2f} x bare PyAV (target <= {MOST_OVERHEAD})")
    print(f"(b) keyframes only: {speedup:.1f} x faster than decoding everything (target >= {LEAST_SPEEDUP})")
    print(f"    cutting into clips with pictures: {taken['cutting'] / taken['full_decode']:.2f} x decoding everything")
    return 0 if overhead <= MOST_OVERHEAD and speedup >= LEAST_SPEEDUP else 1


if __name__ == "__main__":
    sys.exit(main())
