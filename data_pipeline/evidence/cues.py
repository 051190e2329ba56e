"""From subtitle cues to pieces of text: repetitions merged, empty lines dropped, spans clipped. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from data_pipeline.evidence.text_policy import is_wide
from data_pipeline.evidence.wording import tidy
from retrieval.text import fold

_NEXT_MS = 500                      # a line repeated within this gap is still the same line
_GROWING_MS = 100                   # a line that grows word by word is replaced without a gap
_NOTES = re.compile("[♪♫♩♬♭♯〽🎵🎶]")


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


def merge_cues(cues: Iterable[Cue], *, duration_ms: int) -> list[CuePiece]:
    """Merge cues that repeat each other, in order of time, clipped to 0..duration_ms.

    Roll-up captions show each line again above the next one: each line becomes one piece. Karaoke and layered effects
    repeat a whole cue: they become one. A line that grows word by word becomes its longest form. Cues of several lines
    that repeat nothing (two languages) stay whole, lines joined with a space. Cues without a letter or digit are
    dropped.
    """
    merger = _Merger()
    for cue in sorted(cues, key=lambda cue: (cue.start_ms, cue.end_ms)):
        text = _spoken(cue.text)
        if any(c.isalnum() for c in text):
            merger.add(text, cue.start_ms, max(cue.end_ms, cue.start_ms + 1))
    clipped = (CuePiece(max(p.start_ms, 0), min(p.end_ms, duration_ms), p.text) for p in merger.pieces)
    return sorted((piece for piece in clipped if piece.start_ms < piece.end_ms), key=lambda piece: piece.start_ms)


class _Merger:
    """Takes cues in order of time and keeps what the screen showed last."""

    def __init__(self) -> None:
        self.pieces: list[CuePiece] = []
        self._latest: dict[str, CuePiece] = {}
        self._shown: list[CuePiece] = []            # what the last cue showed, from top to bottom

    def add(self, text: str, start_ms: int, end_ms: int) -> None:
        whole = self._latest.get(fold(text))
        if whole and start_ms <= whole.end_ms + _NEXT_MS:
            whole.end_ms = max(whole.end_ms, end_ms)
            return
        repeated = self._repeated(text, start_ms)
        for piece in repeated:
            piece.end_ms = max(piece.end_ms, end_ms)
        words = text.split()[sum(len(piece.text.split()) for piece in repeated):]
        if repeated and len(words) <= 1 and not any(map(is_wide, "".join(words))):
            self._grow(repeated[-1], " ".join([repeated[-1].text, *words]), end_ms)
            self._shown = repeated
        elif not repeated and (growing := self._growing(text, start_ms)):
            self._grow(growing, text, end_ms)
            self._shown = [growing]
        else:
            piece = CuePiece(start_ms, end_ms, " ".join(words))
            self.pieces.append(piece)
            self._latest[fold(piece.text)] = piece
            self._shown = [*repeated, piece]

    def _repeated(self, text: str, start_ms: int) -> list[CuePiece]:
        """The last lines of the cue before that this one begins with: the most there are, when it follows at once."""
        current = [piece for piece in self._shown if start_ms <= piece.end_ms + _NEXT_MS]
        folded = fold(text) + " "
        for count in range(len(current), 0, -1):
            if folded.startswith(fold(" ".join(piece.text for piece in current[-count:])) + " "):
                return current[-count:]
        return []

    def _growing(self, text: str, start_ms: int) -> CuePiece | None:
        """The line that this one continues character by character, as unspaced scripts grow."""
        last = self.pieces[-1] if self.pieces else None
        if last is None or not 0 <= start_ms - last.end_ms <= _GROWING_MS:
            return None
        return last if len(last.text) >= 2 and fold(text).startswith(fold(last.text)) else None

    def _grow(self, piece: CuePiece, text: str, end_ms: int) -> None:
        piece.text, piece.end_ms = text, max(piece.end_ms, end_ms)
        self._latest[fold(text)] = piece


def _spoken(text: str) -> str:
    return tidy(_NOTES.sub(" ", text)).strip("#＃ ")
