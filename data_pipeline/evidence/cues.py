"""From subtitle cues to pieces of text: repetitions merged, empty lines dropped, spans clipped. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from data_pipeline.evidence.wording import tidy
from retrieval.text import fold

_NEXT_MS = 500                      # a line repeated within this gap is still the same line
_GROWING_MS = 100                   # a line that grows word by word is replaced without a gap
_MUSIC = "♪♫♩♬♭♯#＃〽🎵🎶 "


class Cue(Protocol):
    """One line, or block of lines, of a subtitle track."""

    @property
    def start_ms(self) -> int: ...

    @property
    def end_ms(self) -> int: ...

    @property
    def text(self) -> str: ...


@dataclass
class CuePiece:
    """One text of a subtitle track and the span in which it was shown."""

    start_ms: int
    end_ms: int
    text: str


@dataclass
class _Shown:
    """A line that the last cue showed, and the piece it belongs to."""

    folded: str
    piece: CuePiece


def merge_cues(cues: Iterable[Cue], *, duration_ms: int) -> list[CuePiece]:
    """Merge cues that repeat each other, in order of time, clipped to 0..duration_ms.

    Roll-up captions show each line again above the next one: each line becomes one piece. Karaoke and layered effects
    repeat a whole cue: they become one. A line that grows word by word becomes its longest form. Cues of several lines
    that share nothing (two languages) stay whole, joined with a space. Lines without a letter or digit are dropped.
    """
    pieces: list[CuePiece] = []
    latest: dict[str, CuePiece] = {}
    shown: list[_Shown] = []
    for cue in sorted(cues, key=lambda cue: (cue.start_ms, cue.end_ms)):
        lines = _spoken_lines(cue.text)
        if not lines:
            continue
        start_ms, end_ms = cue.start_ms, max(cue.end_ms, cue.start_ms + 1)
        whole = latest.get(fold(" ".join(lines)))
        if whole and start_ms <= whole.end_ms + _NEXT_MS:
            whole.end_ms = max(whole.end_ms, end_ms)
            continue
        shown = _repeated(shown, lines, start_ms)
        for line in shown:
            line.piece.end_ms = max(line.piece.end_ms, end_ms)
        new = lines[len(shown):]
        if not new:
            continue
        text = " ".join(new)
        if not shown and (growing := _grown(pieces, text, start_ms)):
            growing.text, growing.end_ms = text, end_ms
            piece = growing
        else:
            piece = CuePiece(start_ms, end_ms, text)
            pieces.append(piece)
        latest[fold(text)] = piece
        shown = shown + [_Shown(fold(line), piece) for line in new]
    return _clipped(pieces, duration_ms)


def _repeated(shown: list[_Shown], lines: list[str], start_ms: int) -> list[_Shown]:
    """The last lines of the cue before that this one begins with: the longest such stretch, when it follows at once."""
    current = [line for line in shown if start_ms <= line.piece.end_ms + _NEXT_MS]
    folded = [fold(line) for line in lines]
    for count in range(min(len(current), len(lines)), 0, -1):
        if [line.folded for line in current[-count:]] == folded[:count]:
            return current[-count:]
    return []


def _grown(pieces: list[CuePiece], text: str, start_ms: int) -> CuePiece | None:
    if not pieces or not 0 <= start_ms - pieces[-1].end_ms <= _GROWING_MS:
        return None
    before = fold(pieces[-1].text)
    return pieces[-1] if len(before) >= 2 and fold(text).startswith(before) else None


def _spoken_lines(text: str) -> list[str]:
    lines = (tidy(line).strip(_MUSIC) for line in text.splitlines())
    return [line for line in lines if any(c.isalnum() for c in line)]


def _clipped(pieces: list[CuePiece], duration_ms: int) -> list[CuePiece]:
    clipped = (CuePiece(max(piece.start_ms, 0), min(piece.end_ms, duration_ms), piece.text) for piece in pieces)
    return sorted((piece for piece in clipped if piece.start_ms < piece.end_ms), key=lambda piece: piece.start_ms)
