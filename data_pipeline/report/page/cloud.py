"""A word cloud as SVG: larger is more frequent, no two words overlap, and the same counts give the same picture."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from data_pipeline.report.page.elements import Markup, tag

_LARGEST, _SMALLEST = 84.0, 19.0        # heights of letters, in units of the drawing
_LINE = 1.12                            # height of a line in heights of letters
_NARROW = 0.62                          # width of a Latin letter in heights of letters
_FLAT = 0.52                            # the spiral is wider than tall, as pages are
_STEP, _APART = 12.0, 8.0               # along the spiral, and between its turns
_TINTS = 4                              # colours that the style sheet gives, from the commonest on


@dataclass(frozen=True)
class PlacedWord:
    """A word around (x, y), its middle, in a box of `width` x `height`."""

    word: str
    count: int
    size: float
    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: PlacedWord) -> bool:
        """Whether the two boxes share more than an edge."""
        return (
            abs(self.x - other.x) * 2 < self.width + other.width and abs(self.y - other.y) * 2 < self.height + other.height
        )


def layout(counts: Mapping[str, int], *, most: int = 70) -> list[PlacedWord]:
    """Place the most frequent words, each as near to the middle as those before it leave room; ties go by letters."""
    chosen = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:most]
    if not chosen:
        return []
    low, high = math.sqrt(chosen[-1][1]), math.sqrt(chosen[0][1])
    placed: list[PlacedWord] = []
    for word, count in chosen:
        share = (math.sqrt(count) - low) / (high - low) if high > low else 0.5
        placed.append(_place(word, count, _SMALLEST + share * (_LARGEST - _SMALLEST), placed))
    return placed


def cloud(counts: Mapping[str, int], *, label: str) -> Markup:
    """The words as one SVG picture; a word tells its count where the pointer rests. label: for who cannot see it."""
    words = layout(counts)
    if not words:
        return tag("p", "–", class_="quiet")
    left = min(one.x - one.width / 2 for one in words)
    top = min(one.y - one.height / 2 for one in words)
    width = max(one.x + one.width / 2 for one in words) - left
    height = max(one.y + one.height / 2 for one in words) - top
    return tag(
        "svg", *(_word(one, rank * _TINTS // len(words)) for rank, one in enumerate(words)), class_="cloud", role="img",
        aria_label=label, viewBox=f"{left:.1f} {top:.1f} {width:.1f} {height:.1f}",
    )  # fmt: skip


def _place(word: str, count: int, size: float, placed: list[PlacedWord]) -> PlacedWord:
    """Walk a spiral from the middle until the word's box meets no other; the box met last is looked at first."""
    width, height = _width(word) * size + 6, _LINE * size
    others = [(one.x, one.y, (one.width + width) / 2, (one.height + height) / 2) for one in placed]
    angle = 0.0
    while True:
        reach = _APART * angle / (2 * math.pi)
        x, y = reach * math.cos(angle), _FLAT * reach * math.sin(angle)
        met = next((k for k, (left, top, wide, tall) in enumerate(others) if abs(x - left) < wide and abs(y - top) < tall), None)
        if met is None:
            return PlacedWord(word, count, size, x, y, width, height)
        others.insert(0, others.pop(met))
        angle += _STEP / max(reach, _STEP)


def _width(word: str) -> float:
    return sum(1.0 if unicodedata.east_asian_width(letter) in "WF" else _NARROW for letter in word)


def _word(one: PlacedWord, tint: int) -> Markup:
    return tag(
        "text", one.word, tag("title", f"{one.word}  {one.count:,}"), x=f"{one.x:.1f}", y=f"{one.y:.1f}",
        font_size=f"{one.size:.1f}", class_=f"tint{tint}",
    )  # fmt: skip
