"""Follow each text on the screen through the looks of an OCR engine, from its first sight to when it is gone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_pipeline.evidence.ocr import OcrLine
from data_pipeline.evidence.text_likeness import (
    Box,
    box_of,
    extend_ticker,
    is_running_number,
    overlap,
    part_of,
    same_row,
    same_text,
    scrolled_on,
    similar_height,
)
from data_pipeline.evidence.text_policy import comparable
from data_pipeline.evidence.text_votes import Sighting, Stretch, stretches

_PATIENCE_MS = 1000                 # a text that OCR misses for this long is still the same text when it is back
_HELD_NUMBER_MS = 1500              # a number that stood still for this long is a statement, not a running clock
_SAME_PLACE = 0.5
_TICKER_WIDTH = 0.2
_TICKER_CHARACTERS = 400
_MOVING_CHARACTERS = 4


@dataclass(frozen=True, kw_only=True)
class TextTrack:
    """One text while it was on the screen. `quad_0to1`: float32 [4, 2], corners in shares of width and height."""

    start_ms: int                   # first look that saw it
    end_ms: int                     # first look that saw it gone
    text: str
    confidence: float
    quad_0to1: NDArray[np.float32]
    looks: int                      # how many looks read it


class _Match(NamedTuple):
    score: float
    track: _Track
    sighting: int


@dataclass(eq=False)
class _Track:
    sightings: list[Sighting]
    gone_ms: int | None = None
    ticker: str | None = None
    running_number: bool = False
    value_since_ms: int = field(init=False)

    def __post_init__(self) -> None:
        self.value_since_ms = self.sightings[0].time_ms

    @property
    def last(self) -> Sighting:
        return self.sightings[-1]

    @property
    def settled(self) -> bool:
        """Read twice alike in a row, or so unsteady that more looks will not help."""
        return len(self.sightings) >= 4 or (len(self.sightings) > 1 and self.last.key == self.sightings[-2].key)

    def patience_ms(self) -> int:
        """What stood long is waited for long: a watermark that OCR loses over a bright shot stays one track."""
        return max(_PATIENCE_MS, (self.last.time_ms - self.sightings[0].time_ms) // 2)

    def likeness(self, seen: Sighting) -> float:
        """0 when `seen` is another text; the higher, the surer it is this one."""
        last = self.last
        here = overlap(last.box, seen.box) >= _SAME_PLACE and similar_height(last.box, seen.box, ratio=0.5)
        if here and same_text(last.key, seen.key):
            return 3.0 + (last.key == seen.key)
        if here and (seen.untouched or part_of(last.key, seen.key)):
            return 2.0
        if self.gone_ms is not None and seen.time_ms - self.gone_ms > _PATIENCE_MS:
            return 0.0
        if here and is_running_number(last.text, seen.text) and seen.time_ms - self.value_since_ms < _HELD_NUMBER_MS:
            return 1.5
        if self._moved(seen):
            return 1.0
        return 0.5 if self._scrolled(seen) else 0.0

    def _moved(self, seen: Sighting) -> bool:
        long_enough = len(seen.key) >= _MOVING_CHARACTERS
        return long_enough and similar_height(self.last.box, seen.box) and same_text(self.last.key, seen.key)

    def _scrolled(self, seen: Sighting) -> bool:
        here, there = self.last.box, seen.box
        if there[2] - there[0] < _TICKER_WIDTH or not same_row(here, there) or not similar_height(here, there):
            return False
        return len(self.ticker or "") < _TICKER_CHARACTERS and scrolled_on(self.last.text, seen.text)

    def add(self, seen: Sighting) -> None:
        last = self.last
        if is_running_number(last.text, seen.text):
            self.running_number, self.value_since_ms = True, seen.time_ms
        if self.ticker is not None or (not same_text(last.key, seen.key) and self._scrolled(seen)):
            self.ticker = extend_ticker(self.ticker or last.text, seen.text)
        self.sightings.append(seen)
        self.gone_ms = None

    def finished(self, end_ms: int) -> list[Stretch]:
        changing = self.running_number or self.ticker is not None
        found = stretches(self.sightings, end_ms=end_ms, split=not changing)
        if self.ticker is not None:
            return [found[0]._replace(text=self.ticker)]
        return [found[0]._replace(text=self.sightings[0].text)] if self.running_number else found


class TextTracker:
    """Turns looks into tracks: call `observe` for each look in order of time, then `finish` once.

    A slip of OCR, a look that misses the line, a line that scrolls, a ticker and a running clock each stay one track.
    Quads of the lines are in shares of the picture, 0..1. `sure`: a reading of this confidence needs no second one.
    """

    def __init__(self, *, sure: float = math.inf) -> None:
        self._sure = sure
        self._open: list[_Track] = []
        self._done: list[TextTrack] = []
        self._last_ms = -1

    def observe(
        self, time_ms: int, lines: Sequence[OcrLine], *, untouched: Callable[[Box], bool] = lambda box: False
    ) -> None:
        """Take in what one look saw; `untouched` says of a box whether its pixels are those of the look before.

        Raises ValueError when looks do not come in order of time.
        """
        if time_ms <= self._last_ms:
            raise ValueError(f"looks must come in order of time: {time_ms} ms after {self._last_ms} ms")
        self._last_ms = time_ms
        seen = [_sighting(time_ms, line, untouched=untouched) for line in lines]
        taken = self._assign(seen)
        self._open.extend(_Track([sighting]) for place, sighting in enumerate(seen) if place not in taken)
        self._retire(time_ms)

    def lose(self, time_ms: int, *, gone: Callable[[Box], bool]) -> None:
        """Take in that texts are seen to be gone from their boxes, without a look; a later look may find them again."""
        for track in self._open:
            if track.gone_ms is None and time_ms > self._last_ms and gone(track.last.box):
                track.gone_ms = time_ms
        self._close_overdue(time_ms)

    @property
    def unsettled(self) -> bool:
        """True while a visible text has not been read twice alike, nor once surely: one more look makes sure of it."""
        return any(
            not track.settled and track.last.confidence < self._sure for track in self._open if track.gone_ms is None
        )

    @property
    def missing(self) -> list[Box]:
        """Boxes of the texts that the last look was the first to miss."""
        return [track.last.box for track in self._open if track.gone_ms == self._last_ms]

    @property
    def visible(self) -> list[Box]:
        """Boxes of the texts that the last look saw."""
        return [track.last.box for track in self._open if track.gone_ms is None]

    def finish(self, end_ms: int) -> list[TextTrack]:
        """All tracks by start time; what is still on the screen ends at `end_ms`. The tracker is empty afterwards."""
        for track in self._open:
            self._close(track, end_ms if track.gone_ms is None else track.gone_ms)
        tracks = sorted(self._done, key=lambda track: (track.start_ms, track.end_ms))
        self._open, self._done, self._last_ms = [], [], -1
        return tracks

    def _assign(self, seen: list[Sighting]) -> set[int]:
        """Give each sighting to at most one track, the surest pairs first; returns the sightings that were given."""
        matches = [
            _Match(score, track, place)
            for track in self._open
            for place, sighting in enumerate(seen)
            if (score := track.likeness(sighting)) > 0
        ]
        matches.sort(key=lambda match: -match.score)
        taken: set[int] = set()
        busy: set[int] = set()
        for match in matches:
            if match.sighting not in taken and id(match.track) not in busy:
                taken.add(match.sighting)
                busy.add(id(match.track))
                match.track.add(seen[match.sighting])
        return taken

    def _retire(self, now_ms: int) -> None:
        for track in self._open:
            if track.last.time_ms != now_ms and track.gone_ms is None:
                track.gone_ms = now_ms
        self._close_overdue(now_ms)

    def _close_overdue(self, now_ms: int) -> None:
        still_open = []
        for track in self._open:
            if track.gone_ms is not None and now_ms - track.gone_ms > track.patience_ms():
                self._close(track, track.gone_ms)
            else:
                still_open.append(track)
        self._open = still_open

    def _close(self, track: _Track, end_ms: int) -> None:
        for stretch in track.finished(max(end_ms, track.last.time_ms + 1)):
            self._done.append(TextTrack(
                start_ms=stretch.start_ms, end_ms=stretch.end_ms, text=stretch.text, confidence=stretch.confidence,
                quad_0to1=stretch.quad, looks=stretch.looks,
            ))


def _sighting(time_ms: int, line: OcrLine, *, untouched: Callable[[Box], bool]) -> Sighting:
    text = " ".join(line.text.split())
    box = box_of(line.quad)
    return Sighting(time_ms, text, comparable(text), line.confidence, box, line.quad, untouched(box))
