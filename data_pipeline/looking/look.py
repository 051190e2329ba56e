"""One pass over the frames of a video: its shots, its keyframes, its on-screen text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from data_pipeline.corpus.measured import KeyframeRow, ScreenTextRow, ShotRow
from data_pipeline.evidence.ocr import OcrEngine
from data_pipeline.evidence.on_screen import StandingText
from data_pipeline.evidence.text_tracks import TextTrack
from data_pipeline.looking.keyframes import KeyframeCollector, KeyframeRules
from data_pipeline.looking.roles import RoleRules, roles
from retrieval.video import ClipCutter, CutClip, VideoInfo, open_reader

LOOK_VERSION = "2"                  # of what a look gives: part of the key under which it is remembered


@dataclass(frozen=True, kw_only=True)
class LookSettings:
    """keyframe_every_ms: a longer part of a shot has more than one keyframe. picture_side: the longest of a kept picture.

    threads: of the decoder; it changes nothing in what is found.
    """

    keyframe_every_ms: int = 4_000
    picture_side: int = 288
    keyframes: KeyframeRules = field(default_factory=KeyframeRules)
    roles: RoleRules = field(default_factory=RoleRules)
    threads: int = 1

    def __post_init__(self) -> None:
        if self.picture_side < 16:
            raise ValueError(f"picture_side must be at least 16, not {self.picture_side}")


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What was seen. pictures: JPEG files of the kept keyframes, in order of time. damage: one sentence, None for none.

    screen_texts is empty both where there is no text and where nobody asked for it.
    """

    info: VideoInfo
    duration_ms: int
    damage: str | None
    shots: tuple[ShotRow, ...]
    keyframes: tuple[KeyframeRow, ...]
    pictures: tuple[bytes, ...]
    screen_texts: tuple[ScreenTextRow, ...]


class _Shots:
    """Numbers the shots as their clips come, and passes each clip's keyframe on."""

    def __init__(self, collector: KeyframeCollector) -> None:
        self._collector = collector
        self.starts_ms: list[int] = []

    def add(self, clip: CutClip) -> None:
        if not self.starts_ms or clip.shot_start_ms != self.starts_ms[-1]:
            self.starts_ms.append(clip.shot_start_ms)
        self._collector.add(clip, shot=len(self.starts_ms) - 1)


def look(
    path: str, video_id: str, *, settings: LookSettings, ocr: OcrEngine | None,
    progress: Callable[[int, int], None] = lambda now_ms, duration_ms: None,
) -> Looked:
    """Decode a video once and tell what is to be seen; `progress` takes the position and the declared duration, in ms.

    Memory does not grow with the length of the video but for its rows and at most `settings.keyframes.most` small
    pictures. Raises VideoError as `VideoReader.frames`, ModelError when the engine fails.
    """
    collector = KeyframeCollector(video_id, rules=settings.keyframes)
    shots = _Shots(collector)
    on_screen = None if ocr is None else StandingText(ocr)
    with open_reader(path, threads=settings.threads) as reader:
        info = reader.info
        height, width = picture_size(info.height, info.width, side=settings.picture_side)
        cutter = ClipCutter(height=height, width=width, longest_ms=settings.keyframe_every_ms)
        for frame in reader.frames():
            if on_screen is not None:
                on_screen.feed(frame)
            for clip in cutter.feed(frame):
                shots.add(clip)
            progress(frame.time_ms, info.duration_ms)
        duration_ms = max(reader.read_until_ms, 1)
        for clip in cutter.finish(duration_ms):
            shots.add(clip)
        damage = reader.damage
    lines = [] if on_screen is None else on_screen.finish_lines(duration_ms)
    return Looked(
        info=info, duration_ms=duration_ms, damage=damage,
        shots=_shot_rows(video_id, shots.starts_ms, duration_ms),
        keyframes=tuple(collector.rows), pictures=tuple(collector.pictures),
        screen_texts=screen_rows(
            lines, video_id=video_id, duration_ms=duration_ms, rules=settings.roles,
            engine="" if ocr is None else f"{ocr.name} {ocr.version}",
        ),
    )


def picture_size(height: int, width: int, *, side: int) -> tuple[int, int]:
    """Height and width of a picture whose longest side is at most `side`; small ones are not enlarged."""
    scale = min(1.0, side / max(height, width))
    return max(round(height * scale), 1), max(round(width * scale), 1)


def screen_rows(
    lines: Sequence[TextTrack], *, video_id: str, duration_ms: int, rules: RoleRules, engine: str
) -> tuple[ScreenTextRow, ...]:
    """The lines of a video as rows, each with its role, numbered in order of time."""
    told = roles(lines, duration_ms=duration_ms, rules=rules)
    return tuple(
        ScreenTextRow(
            video_id=video_id, track=number, start_ms=line.start_ms, end_ms=line.end_ms, looks=line.looks,
            text=line.text, confidence=round(line.confidence, 3), area=round(_area(line), 5), role=role, engine=engine,
            quad=tuple(round(float(share), 4) for share in line.quad_0to1.clip(0, 1).ravel()),
        )
        for number, (line, role) in enumerate(zip(lines, told, strict=True))
    )


def _area(line: TextTrack) -> float:
    """Share of the picture inside the four corners (shoelace formula)."""
    x, y = line.quad_0to1.clip(0, 1).astype(np.float64).T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def _shot_rows(video_id: str, starts_ms: Sequence[int], duration_ms: int) -> tuple[ShotRow, ...]:
    ends_ms = [*starts_ms[1:], duration_ms]
    return tuple(
        ShotRow(video_id=video_id, shot=number, start_ms=start_ms, end_ms=max(end_ms, start_ms + 1))
        for number, (start_ms, end_ms) in enumerate(zip(starts_ms, ends_ms, strict=True))
    )
