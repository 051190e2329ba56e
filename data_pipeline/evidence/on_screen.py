"""On-screen text as evidence, from every frame of the one decoding pass, looking only at the frames that matter."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_pipeline.evidence.ocr import OcrEngine, OcrLine
from data_pipeline.evidence.text_blocks import text_blocks, text_lines
from data_pipeline.evidence.text_gate import (
    GATE_SIDE,
    Grey,
    crop,
    grey,
    text_may_have_changed,
    text_still_there,
    text_untouched,
)
from data_pipeline.evidence.text_likeness import Box
from data_pipeline.evidence.text_policy import TextPolicy
from data_pipeline.evidence.text_strokes import standing_share, text_has_appeared
from data_pipeline.evidence.text_tracks import TextTrack, TextTracker
from retrieval.records import Evidence

PICTURE_SIDE = 960                  # longest side of what the engine reads
_LARGEST_ENLARGEMENT = 2.0
_SLOW_MS = 900                      # below a second, so that a caption of one second is seen at least once
_QUIET_MS = 5000                    # after so long without text, looks become slow

_SURE = 0.9                         # one reading of standing text is enough when it is this confident
_GONE = 0.25                        # of its strokes; where more stand, a text may only be half covered
_UNSEEN = -255.0                    # in a picture: like no stroke at all
_STANDING_SAMPLES = 3               # in a row: a camera that turns round holds its scene still for two
_LEAST_GAP_MS = 700                 # between two looks at standing text; a caption of a second is still seen
_RARE_MS, _FIRST_MS = 30_000, 5_000     # without a look because of strokes; the first comes earlier


class Frame(Protocol):
    """A decoded frame: its time, and its pixels at the size one asks for."""

    @property
    def time_ms(self) -> int: ...

    def rgb(
        self, *, height: int | None = None, width: int | None = None, fit: Literal["inside"] = "inside"
    ) -> NDArray[np.uint8]: ...


@dataclass
class LookCounts:
    """What the pass cost: frames that were offered, sampled for the gate, and read by the engine."""

    frames: int = 0
    samples: int = 0
    looks: int = 0


class OnScreenText:
    """Feed it every frame in order of time, then `finish`: text on the screen, one piece of evidence for each showing.

    A frame is sampled every `interval_ms`. A sample is read when its picture has changed where text could be; at most
    every 900 ms while the known texts stand still or while there has been no text for long.
    """

    def __init__(self, engine: OcrEngine, *, interval_ms: int = 500, policy: TextPolicy | None = None) -> None:
        if interval_ms < 1:
            raise ValueError(f"interval_ms must be at least 1, not {interval_ms}")
        self._engine = engine
        self._interval_ms = interval_ms
        self._policy = policy or TextPolicy()
        self._tracker = self._new_tracker()
        self._next_sample_ms = 0
        self._looked_ms = 0
        self._looked_at: Grey | None = None
        self._doubtful = False
        self._text_ms = 0
        self._aspect = 16 / 9
        self.counts = LookCounts()

    def feed(self, frame: Frame) -> bool:
        """Take a frame; True when the engine read it. Raises what the engine raises."""
        self.counts.frames += 1
        if frame.time_ms < self._next_sample_ms:
            return False
        self.counts.samples += 1
        self._next_sample_ms = frame.time_ms + self._interval_ms
        picture = grey(frame.rgb(height=GATE_SIDE, width=GATE_SIDE, fit="inside"))
        if not self._worth_a_look(frame.time_ms, picture):
            return False
        self._look(frame, picture)
        return True

    def finish(self, end_ms: int) -> list[Evidence]:
        """All evidence by start time, spans within 0 and `end_ms`; ready for another video afterwards."""
        pieces = text_blocks(self._accepted(end_ms), tolerance_ms=self._tolerance_ms, aspect=self._aspect)
        return [
            Evidence(
                kind="ocr", text=piece.text, start_ms=piece.start_ms, end_ms=min(piece.end_ms, end_ms),
                source=f"{self._engine.name} {self._engine.version}", confidence=round(piece.confidence, 3),
            )
            for piece in pieces
            if piece.start_ms < end_ms
        ]

    def finish_lines(self, end_ms: int) -> list[TextTrack]:
        """As `finish`, but line by line and with the place of each on the screen."""
        lines = text_lines(self._accepted(end_ms), tolerance_ms=self._tolerance_ms)
        return [replace(line, end_ms=min(line.end_ms, end_ms)) for line in lines if line.start_ms < end_ms]

    @property
    def _tolerance_ms(self) -> int:
        return max(self._interval_ms, _SLOW_MS)

    def _accepted(self, end_ms: int) -> list[TextTrack]:
        """The tracks worth keeping; nothing of this video is remembered afterwards."""
        self._next_sample_ms, self._looked_ms, self._looked_at, self._text_ms, self._doubtful = 0, 0, None, 0, False
        return [
            track for track in self._tracker.finish(end_ms)
            if self._policy.accepts_track(track.text, looks=track.looks, confidence=track.confidence)
        ]

    def _worth_a_look(self, now_ms: int, picture: Grey) -> bool:
        if self._looked_at is None or self._doubtful:
            return True
        if not text_may_have_changed(self._looked_at, picture):
            return False
        slow_look_ms = self._looked_ms + _SLOW_MS
        if now_ms >= slow_look_ms or not self._is_calm(now_ms, self._looked_at, picture):
            return True
        self._next_sample_ms = min(self._next_sample_ms, slow_look_ms)
        return False

    def _is_calm(self, now_ms: int, before: Grey, now: Grey) -> bool:
        """Known texts stand still, or there has been none for long: the slow beat is enough."""
        boxes = self._tracker.visible
        return text_still_there(before, now, boxes) if boxes else now_ms - self._text_ms >= _QUIET_MS

    def _new_tracker(self) -> TextTracker:
        return TextTracker()

    def _seen_ms(self, now_ms: int) -> int:
        """Since when the picture is as the look at it finds it."""
        return now_ms

    def _look(self, frame: Frame, small: Grey) -> None:
        picture = enlarged(frame.rgb(height=PICTURE_SIDE, width=PICTURE_SIDE, fit="inside"))
        height, width = picture.shape[:2]
        lines = read_lines(self._engine, picture, self._policy)
        before = small if self._looked_at is None else self._looked_at
        first = self._looked_at is None
        self._tracker.observe(
            self._seen_ms(frame.time_ms), lines, untouched=lambda box: not first and text_untouched(before, small, box)
        )
        # A text that was not read although its strokes are still there was missed: look again.
        missed = any(text_still_there(before, small, [box]) for box in self._tracker.missing)
        self._doubtful = missed or self._tracker.unsettled
        self._looked_ms, self._looked_at, self._aspect = frame.time_ms, small, width / height
        if lines:
            self._text_ms = frame.time_ms
        self.counts.looks += 1


class StandingText(OnScreenText):
    """As OnScreenText, for text that stands still, such as subtitles, at a fraction of the looks.

    A sample is read when strokes as dense as letters stand in it and in the two before, and were not there at the last
    look; that a text is gone is told from its strokes without a look. So a moving scene costs nothing. What moves
    all the time, as the sign on a passing bus, is found only by the rare look at a changed picture.
    """

    def __init__(self, engine: OcrEngine, *, interval_ms: int = 250, policy: TextPolicy | None = None) -> None:
        super().__init__(engine, interval_ms=interval_ms, policy=policy)
        self._before: deque[tuple[int, Grey]] = deque(maxlen=_STANDING_SAMPLES - 1)     # the last samples with their times
        self._since_ms = -1

    def _new_tracker(self) -> TextTracker:
        return TextTracker(sure=_SURE)

    def _seen_ms(self, now_ms: int) -> int:
        return self._since_ms

    def _accepted(self, end_ms: int) -> list[TextTrack]:
        self._before.clear()
        self._since_ms = -1
        return super()._accepted(end_ms)

    def _worth_a_look(self, now_ms: int, picture: Grey) -> bool:
        before = list(self._before)
        self._before.append((now_ms, picture))
        looked_at = self._looked_at
        # What stands now stood in the samples before; but a look's time must lie behind that of the last one.
        self._since_ms = min((ms for ms, _ in before if looked_at is None or ms > self._looked_ms), default=now_ms)
        if looked_at is not None:
            self._tracker.lose(now_ms, gone=lambda box: self._is_gone(box, looked_at, picture))
            if self._doubtful:
                return True
            if now_ms - self._looked_ms < _LEAST_GAP_MS:
                return False
        stood = len(before) == _STANDING_SAMPLES - 1
        if stood and text_has_appeared([earlier for _, earlier in before], picture, looked_at=looked_at):
            return True
        self._since_ms = now_ms
        if looked_at is None:
            return now_ms >= _FIRST_MS
        return now_ms - self._looked_ms >= _RARE_MS and text_may_have_changed(looked_at, picture)

    @staticmethod
    def _is_gone(box: Box, looked_at: Grey, now: Grey) -> bool:
        gone = standing_share(looked_at, now, box) < _GONE
        if gone:
            crop(looked_at, box)[:] = _UNSEEN       # the same words may come back
        return gone


def read_lines(engine: OcrEngine, picture: NDArray[np.uint8], policy: TextPolicy) -> list[OcrLine]:
    """The lines in a picture [H, W, 3] that are worth keeping, their quads in shares of it. Raises what the engine raises."""
    size = np.array(picture.shape[1::-1], dtype=np.float32)
    return [
        OcrLine(quad=line.quad / size, text=line.text, confidence=line.confidence)
        for line in engine.read(picture)
        if policy.accepts(line.text, line.confidence)
    ]


def enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A small picture [H, W, 3] at up to twice its size: engines slip on characters of a dozen pixels."""
    height, width = picture.shape[:2]
    scale = min(PICTURE_SIDE / max(height, width), _LARGEST_ENLARGEMENT)
    if scale <= 1.0:
        return picture
    size = (round(width * scale), round(height * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
