"""Are two sightings the same text on the screen? Pure functions on texts and boxes.

A box is (left, top, right, bottom) in shares of the picture, 0..1. Texts are compared as `comparable()` leaves them.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz
from rapidfuzz.distance import LCSseq, Levenshtein

Box = tuple[float, float, float, float]

_CLOCK = re.compile(r"\d{1,2}\s*[:：.]\s*\d{2}")
_SLIP = 0.75                        # share of characters that must agree when OCR slips
_STITCH_WINDOW = 120                # characters of a ticker that are looked at to find where the next sight fits


def box_of(quad: NDArray[np.float32]) -> Box:
    """The upright box around four corners [4, 2]."""
    (left, top), (right, bottom) = quad.min(axis=0).tolist(), quad.max(axis=0).tolist()
    return left, top, right, bottom


def overlap(a: Box, b: Box) -> float:
    """Area of the intersection over the smaller of the two areas, 0..1."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return max(0.0, width) * max(0.0, height) / smaller if smaller > 0 else 0.0


def similar_height(a: Box, b: Box, *, ratio: float = 0.6) -> bool:
    low, high = sorted((a[3] - a[1], b[3] - b[1]))
    return low >= ratio * high


def same_row(a: Box, b: Box) -> bool:
    """Say whether two boxes stand side by side: most of the lower one's height is shared."""
    shared = min(a[3], b[3]) - max(a[1], b[1])
    return shared >= 0.7 * min(a[3] - a[1], b[3] - b[1])


def same_text(a: str, b: str) -> bool:
    """Equal but for a slip of OCR: a quarter of the characters may differ, in texts of four or more.

    Digits must agree where both have some: OCR reads them well, and step 1 is not step 2.
    """
    if a == b:
        return True
    if max(len(a), len(b)) < 4 or (digits(a) != digits(b) and digits(a) and digits(b)):
        return False
    return Levenshtein.normalized_similarity(a, b) >= _SLIP


def part_of(a: str, b: str) -> bool:
    """Say whether one text is a part of the other, as when a line is half covered or being typed.

    Two characters or more in one stretch, or four or more in the same order.
    """
    short, long = sorted((a, b), key=len)
    return (len(short) >= 2 and short in long) or (len(short) >= 4 and LCSseq.similarity(short, long) == len(short))


def is_running_number(a: str, b: str) -> bool:
    """Say whether two whole texts differ in digits only and look like a clock, a date or a counter."""
    if digits(a) == digits(b) or not (_looks_like_clock(a) and _looks_like_clock(b)):
        return False
    return Levenshtein.normalized_similarity(re.sub(r"\d", "0", a), re.sub(r"\d", "0", b)) >= _SLIP


def _looks_like_clock(text: str) -> bool:
    characters = [c for c in text if c.isalnum()]
    return _CLOCK.search(text) is not None or 2 * sum(c.isdecimal() for c in characters) >= len(characters) > 0


def digits(text: str) -> str:
    return "".join(c for c in text if c.isdecimal())


def scrolled_on(old: str, new: str) -> bool:
    """Say whether `new` is `old` moved to the left: its beginning is what `old` held further right."""
    blocks = _common_blocks(old, new)
    if not blocks:
        return False
    shift = max(blocks, key=lambda block: block[2])
    common = sum(size for _, _, size in blocks)
    return shift[0] > shift[1] and blocks[0][1] <= 3 and common >= max(4, 0.5 * min(len(old), len(new)))


def extend_ticker(ticker: str, new: str) -> str:
    """Add to a ticker's text what `new` shows beyond its end; text that it holds already is not added again."""
    if fuzz.partial_ratio(new, ticker) >= 90 and len(new) <= len(ticker):
        return ticker
    head, tail = ticker[:-_STITCH_WINDOW], ticker[-_STITCH_WINDOW:]
    blocks = _common_blocks(tail, new)
    if not blocks:
        return f"{ticker} {new}"
    at_old, at_new, size = blocks[-1]
    return head + tail[: at_old + size] + new[at_new + size:]


def _common_blocks(old: str, new: str) -> list[tuple[int, int, int]]:
    """Common stretches of two or more characters, in order: (start in old, start in new, length)."""
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    return [(block.a, block.b, block.size) for block in blocks if block.size >= 2]
