"""What a corpus build costs a video, stage by stage, and what it would cost for a million.

    python -m benchmarks.corpus_throughput [--clips DIR] [--videos 6] [--set speech.engine=... speech.model=...]

Videos of 36 s in 1280 × 720 at 25 frames a second, with sound: those of a folder, scaled and repeated, else drawn ones with
subtitles, seen by a moving camera. They go through the stages that `wenshi corpus build` has, by default with what is light:
on-screen text by rapidocr, voice, and the demo's model for relevance, in one worker with one thread. Told is CPU time, which
other work on the machine changes little, and the wall time beside it; the memory is that of the worker, models included.
Other engines: as `--set` of a build.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.corpus_memory import Peak
from benchmarks.on_screen_text import RATE, pictures, plan
from data_pipeline import miniature
from data_pipeline.building.build import build
from data_pipeline.building.default_stages import default_stages
from data_pipeline.building.local import Work, local_runner
from data_pipeline.building.measured_tables import read_measured
from data_pipeline.building.settings import BuildSettings, overridden
from data_pipeline.corpus.measured import StageRow
from data_pipeline.fonts import find_cjk_font
from data_pipeline.sources import read_sources

_SECONDS, _RATE, _WIDTH, _HEIGHT, _SAMPLE_RATE = 36, 25, 1280, 720, 16_000
_CORES, _MILLION = 2, 1_000_000
_TITLES = ("一只狗在草地上追球", "红色的小汽车开过大桥", "海边的清晨", "孩子们在公园里放风筝")
_MODEL = Path(miniature.__file__).parent / "model"


def _drawn(seed: int) -> Iterator[NDArray[np.uint8]]:
    """A drawn scene with five subtitles, seen by a camera that wanders; a picture more than once where the rate is higher."""
    font, lines = find_cjk_font(), plan(seed, lines=5, every_ms=7_000)
    if font is None:
        raise SystemExit("There is no font with Chinese characters to draw subtitles with: install one, such as WenQuanYi.")
    shown = 0
    for number, picture in enumerate(pictures(seed, lines, duration_ms=1_000 * (_SECONDS + 1), font=font)):
        large = np.asarray(picture.resize((_WIDTH, _HEIGHT)))
        while shown * RATE < (number + 1) * _RATE:
            yield large
            shown += 1


def _of_file(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Pictures of a file in the size of the benchmark, from its start again and again."""
    while True:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(width=_WIDTH, height=_HEIGHT, format="rgb24")


def _write(path: Path, moving: Iterator[NDArray[np.uint8]], seed: int) -> None:
    """A file of the benchmark's length with these pictures and a sound that comes and goes."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_RATE)
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "26"}
        sound = container.add_stream("aac", rate=_SAMPLE_RATE)
        for _ in range(_SECONDS * _RATE):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(next(moving), format="rgb24")))
        container.mux(stream.encode())
        times = np.arange(_SECONDS * _SAMPLE_RATE) / _SAMPLE_RATE
        wave = 0.2 * np.sin(2 * np.pi * (200 + 20 * seed) * times) * (np.sin(times) > 0)
        frame = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], format="fltp", layout="mono")
        frame.sample_rate = _SAMPLE_RATE
        container.mux(sound.encode(frame))
        container.mux(sound.encode())


def _prepare(directory: Path, clips: Path | None, videos: int) -> Path:
    """The videos, and a table with a title for each."""
    files = [] if clips is None else sorted(path for path in clips.iterdir() if path.suffix == ".mp4")
    table = directory / "videos.csv"
    lines = ["file,title"]
    for number in range(videos):
        moving = _of_file(files[number % len(files)]) if files else _drawn(number)
        _write(directory / f"{number:04}.mp4", moving, number)
        lines.append(f"{number:04}.mp4,{_TITLES[number % len(_TITLES)]}")
    table.write_text("\n".join(lines), encoding="utf-8")
    return table


def tell_stages(costs: Sequence[StageRow], videos: int) -> float:
    """Print CPU seconds a video of each stage; all of them together."""
    by_stage: Counter[str] = Counter()
    for row in costs:
        by_stage[row.stage] += row.cpu_ms
    for stage, milliseconds in by_stage.most_common():
        print(f"{stage:>10} {milliseconds / 1000 / videos:8.2f} CPU-s a video, {milliseconds / by_stage.total():5.1%}")
    return by_stage.total() / 1000 / videos


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, help="a folder of .mp4 files that the videos are made of")
    parser.add_argument("--videos", type=int, default=6)
    parser.add_argument("--set", dest="overrides", nargs="*", default=[], metavar="A.B=VALUE", help="settings of the build")
    options = parser.parse_args()
    settings = overridden(BuildSettings(), [f"relevance.model={_MODEL}", *options.overrides])
    with tempfile.TemporaryDirectory() as folder:
        (files := Path(folder) / "videos").mkdir()
        table = _prepare(files, options.clips, options.videos)
        work = Work(directory=Path(folder) / "corpus", settings=settings, make_stages=default_stages)
        began, load = time.monotonic(), os.getloadavg()[0]
        with Peak() as peak:
            account = build(read_sources([table], i_have_rights=True).rows, work, local_runner(1))
        wall = time.monotonic() - began
        each = tell_stages(list(read_measured(work.directory, StageRow)), options.videos)
    print(f"{account.measured} of {options.videos} videos measured, {account.candidates} candidates, load {load:.1f} before")
    print(f"{each:.2f} CPU-s a video in all stages, {wall / options.videos:.2f} s of wall with the loading of models")
    print(f"{_CORES} cores by CPU time: {_CORES * 3600 / each:,.0f} videos an hour; "
          f"a million: {each * _MILLION / 3600:,.0f} core hours")
    print(f"memory at most: {peak.most_here >> 20} MiB here, {peak.most_workers >> 20} MiB in the worker")
    return int(account.measured < options.videos)


if __name__ == "__main__":
    sys.exit(main())
