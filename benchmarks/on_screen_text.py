"""How few looks at the pictures find the subtitles of a video, and how fast, against ways that read plainly.

    python -m benchmarks.on_screen_text [--clips 60] [--first-seed 0] [--lines 5] [--every-ms 15000] [--directory DIR]
        [--missed] [--only standing|all]

Clips of the miniature world with a camera that never rests and things that move, and subtitles drawn into them whose
words and times are known: `lines` in each, a new one every `every-ms` milliseconds on average, each shown for 1.2 to 4 s,
some of them one right after the other, some with a logo in a corner.
Told, for the looks of `StandingText` and for those of `OnScreenText`:
(a) calls of the engine, against a call for each second of video (target: 90 % fewer, for `StandingText` at a line in 15 s);
(b) recall of subtitle lines: found with at most a quarter of their characters wrong, in a span that overlaps (target:
    98 %), and the share found without an error;
(c) the character error rate: edits over characters, of the found lines and with the missed ones as all wrong;
(d) frames a second of CPU time of one core, decoding included, against a frame a second through rapidocr as it comes.
Exits with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rapidfuzz.distance import Levenshtein

from data_pipeline.evidence.ocr import RapidOcr
from data_pipeline.evidence.on_screen import OnScreenText, StandingText
from data_pipeline.evidence.text_policy import comparable
from data_pipeline.fonts import find_cjk_font
from data_pipeline.miniature.encode import write_clip
from data_pipeline.miniature.language.chatter import CHATTER, LYRICS, SPOKEN
from data_pipeline.miniature.render import draw_frame
from data_pipeline.miniature.scenes import SCENES
from data_pipeline.miniature.spec import Line
from retrieval.video import VideoReader, every

LEAST_FEWER, LEAST_RECALL = 0.90, 0.98
WIDTH, HEIGHT, RATE = 640, 360, 8
_ROOM = 96                      # pixels by which the drawn scene is wider and higher than what the camera shows
_WORDS = [words for text in (*SPOKEN, *LYRICS, *(chatter.format(fact="红色的小汽车") for chatter in CHATTER))
          for words in text.replace("，", " ").replace("：", " ").split() if 4 <= len(words) <= 14]


@dataclass(frozen=True, kw_only=True)
class Clip:
    path: Path
    truth: tuple[Line, ...]


@dataclass
class Found:
    """What a way of looking found in all clips, and what it cost."""

    calls: int = 0
    frames: int = 0
    cpu_seconds: float = 0.0
    lines: list[list[Line]] = field(default_factory=list)       # of each clip


def plan(seed: int, *, lines: int, every_ms: int) -> tuple[Line, ...]:
    """Lines with their times; three in ten follow their predecessor without a pause."""
    random = Random(seed)
    planned: list[Line] = []
    start_ms = random.randrange(0, 2_000)
    for words in random.sample(_WORDS, lines):
        end_ms = start_ms + random.randrange(1_200, 4_000)
        planned.append((start_ms, end_ms, words))
        start_ms = end_ms if random.random() < 0.3 else start_ms + max(every_ms * random.uniform(0.6, 1.8), 4_100)
        start_ms = int(start_ms)
    return tuple(planned)


def pictures(seed: int, lines: Sequence[Line], *, duration_ms: int, font: Path) -> Iterator[Image.Image]:
    """Frames of a clip: a scene seen by a camera that wanders, and the line of the time."""
    random = Random(seed)
    scene = replace(SCENES[seed % len(SCENES)], on_screen=())
    speed, phase = random.uniform(0.5, 1.6), random.uniform(0, 6)
    letters = ImageFont.truetype(str(font), random.choice((20, 24, 28)))
    logo = random.random() < 0.5
    for number in range(duration_ms * RATE // 1_000):
        now_ms = number * 1_000 // RATE
        if number % 2 == 0:
            # There and back again: a scene is shorter than the clip.
            at_ms = scene.duration_ms - abs(now_ms % (2 * scene.duration_ms) - scene.duration_ms)
            whole = draw_frame(scene, at_ms, width=WIDTH + _ROOM, height=HEIGHT + _ROOM)
        turn = speed * now_ms / 1_000 + phase
        left, top = round(_ROOM / 2 * (1 + np.sin(turn))), round(_ROOM / 2 * (1 + np.cos(1.3 * turn)))
        picture = whole.crop((left, top, left + WIDTH, top + HEIGHT))
        draw = ImageDraw.Draw(picture)
        style = {"font": letters, "fill": "white", "stroke_width": 2, "stroke_fill": "black", "anchor": "mm"}
        for start_ms, end_ms, words in lines:
            if start_ms <= now_ms < end_ms:
                draw.text((WIDTH / 2, 0.9 * HEIGHT), words, **style)
        if logo:
            draw.text((0.1 * WIDTH, 0.08 * HEIGHT), "文视新闻", **style)
        yield picture


def make_clip(seed: int, directory: Path, *, lines: int, every_ms: int, font: Path) -> Clip:
    """A clip in `directory`, drawn unless it is there."""
    truth = plan(seed, lines=lines, every_ms=every_ms)
    duration_ms = max(lines * every_ms, truth[-1][1] + 1_000)
    path = directory / f"subtitles_{lines}_{every_ms}_{seed}.mp4"
    if not path.is_file():
        unfinished = path.with_suffix(".part")
        write_clip(
            unfinished, pictures(seed, truth, duration_ms=duration_ms, font=font), container="mp4", width=WIDTH,
            height=HEIGHT, frames_per_second=RATE,
        )
        unfinished.rename(path)
    return Clip(path=path, truth=truth)


def watched(clip: Clip, watcher: OnScreenText, found: Found) -> None:
    before = watcher.counts.looks
    with VideoReader(clip.path, threads=1) as reader:
        for frame in reader.frames():
            watcher.feed(frame)
            found.frames += 1
        lines = watcher.finish_lines(reader.read_until_ms)
    found.calls += watcher.counts.looks - before
    found.lines.append([(line.start_ms, line.end_ms, line.text) for line in lines])


def plainly(clip: Clip, read: Callable[[NDArray[np.uint8]], list[str]], found: Found) -> None:
    """A frame a second through the engine; every reading is a line of that second."""
    lines: list[Line] = []
    with VideoReader(clip.path, threads=1) as reader:
        for frame in every(reader, 1_000):
            lines += [(frame.time_ms, frame.time_ms + 1_000, text) for text in read(frame.rgb())]
            found.calls += 1
        found.frames += reader.read_until_ms * RATE // 1_000
    found.lines.append(lines)


def bare_rapidocr() -> Callable[[NDArray[np.uint8]], list[str]]:
    """rapidocr as it comes, on one thread as all else here."""
    from rapidocr import RapidOCR

    engine = RapidOCR(params={
        "Global.log_level": "error", "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    })
    return lambda picture: list(engine(np.ascontiguousarray(picture[:, :, ::-1])).txts or ())


def errors_of(line: Line, found: Sequence[Line]) -> int | None:
    """Characters of a line that the best finding in its span has wrong; None where nothing like it was found."""
    start_ms, end_ms, words = line
    truth = comparable(words)
    edits = [
        Levenshtein.distance(truth, comparable(text))
        for other_start_ms, other_end_ms, text in found
        if other_start_ms < end_ms and start_ms < other_end_ms
    ]
    best = min(edits, default=len(truth))
    return best if best <= len(truth) // 4 else None


def report(name: str, found: Found, clips: Sequence[Clip], *, plain_calls: int) -> tuple[float, float]:
    """Print what was found; the share of calls that were saved, and the recall."""
    judged = [
        (line, errors_of(line, lines)) for clip, lines in zip(clips, found.lines, strict=True) for line in clip.truth
    ]
    edits = [(len(comparable(line[2])), errors) for line, errors in judged]
    hits = [errors for _, errors in edits if errors is not None]
    characters = sum(length for length, _ in edits)
    of_found = sum(hits) / max(sum(length for length, errors in edits if errors is not None), 1)
    of_all = sum(length if errors is None else errors for length, errors in edits) / characters
    recall, saved = len(hits) / len(judged), 1 - found.calls / plain_calls
    print(
        f"{name}: {found.calls} calls, {saved:.1%} fewer than one a second, {found.calls / len(judged):.2f} a line\n"
        f"    recall {recall:.1%} ({len(hits)} of {len(judged)}), without an error {hits.count(0) / len(judged):.1%};"
        f" CER {of_found:.2%} of the found, {of_all:.2%} of all\n"
        f"    {found.frames / found.cpu_seconds:.0f} frames a second of CPU time"
    )
    return saved, recall


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--first-seed", type=int, default=0, help="other seeds, other clips")
    parser.add_argument("--lines", type=int, default=5)
    parser.add_argument("--every-ms", type=int, default=15_000)
    parser.add_argument("--directory", type=Path, help="where the clips are kept; a temporary one where left out")
    parser.add_argument("--missed", action="store_true", help="name the lines that were not found")
    parser.add_argument("--only", choices=("standing", "all"), default="all")
    arguments = parser.parse_args()
    font = find_cjk_font()
    if font is None:
        print("No font that draws Chinese is installed: install one, such as fonts-wqy-microhei.")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        directory = arguments.directory or Path(folder)
        directory.mkdir(parents=True, exist_ok=True)
        clips = [
            make_clip(seed, directory, lines=arguments.lines, every_ms=arguments.every_ms, font=font)
            for seed in range(arguments.first_seed, arguments.first_seed + arguments.clips)
        ]
        return measure(clips, missed=arguments.missed, everything=arguments.only == "all")


def measure(clips: Sequence[Clip], *, missed: bool, everything: bool) -> int:
    engine = RapidOcr(threads=1)
    standing, changing = StandingText(engine), OnScreenText(engine)
    plain = bare_rapidocr()
    ways: dict[str, Callable[[Clip, Found], None]] = {"StandingText": lambda clip, found: watched(clip, standing, found)}
    if everything:
        ways["OnScreenText"] = lambda clip, found: watched(clip, changing, found)
        ways["rapidocr, 1 a second"] = lambda clip, found: plainly(clip, plain, found)
    results = {name: Found() for name in ways}
    for clip in clips:
        for name, way in ways.items():
            begun = time.process_time()
            way(clip, results[name])
            results[name].cpu_seconds += time.process_time() - begun
    seconds = results["StandingText"].frames / RATE
    lines = sum(len(clip.truth) for clip in clips)
    print(
        f"{len(clips)} clips, {seconds:.0f} s, {lines} lines: one in {seconds / lines:.1f} s; {WIDTH} x {HEIGHT},"
        f" {RATE} frames a second; {os.cpu_count()} cores, one used"
    )
    scores = {name: report(name, found, clips, plain_calls=round(seconds)) for name, found in results.items()}
    if missed:
        for clip, lines_found in zip(clips, results["StandingText"].lines, strict=True):
            for line in clip.truth:
                if errors_of(line, lines_found) is None:
                    near = [other for other in lines_found if other[0] < line[1] + 500 and line[0] - 500 < other[1]]
                    print(f"  missed in {clip.path.name}: {line}; near it: {near}")
    saved, recall = scores["StandingText"]
    if everything:
        speeds = {name: found.frames / found.cpu_seconds for name, found in results.items()}
        print(f"StandingText: {speeds['StandingText'] / speeds['rapidocr, 1 a second']:.1f} x the speed of rapidocr, 1 a second")
    return 0 if saved >= LEAST_FEWER and recall >= LEAST_RECALL else 1


if __name__ == "__main__":
    sys.exit(main())
