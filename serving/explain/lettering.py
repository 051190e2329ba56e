"""Text in a picture: a font at several sizes, lines that fit a width."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

from retrieval.errors import InputError

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_PLAIN = str.maketrans("−–—×", "---x")     # Pillow's own font has ASCII and little more
_BEYOND_PLAIN = re.compile(r"[^ -~]+")
# What lines can be broken between: words with the space behind them, and single characters of other scripts.
_UNBROKEN = re.compile(r"[\u0021-\u024f\u2010-\u2027]+\s*|\s+|.")


@lru_cache(maxsize=32)
def load_font(file: Path | None, size: int) -> Font:
    """A font file at a size in pixels; None = Pillow's own, for Latin letters. Raises InputError if it is unreadable."""
    if file is None:
        return ImageFont.load_default(size)
    try:
        return ImageFont.truetype(str(file), size)
    except OSError as error:
        raise InputError(f"The font {file} cannot be read ({error}): name another one in WENSHI_FONT.") from error


def plain(text: str) -> str:
    """A text for Pillow's own font: accents taken off, signs by the nearest key; other scripts stay as they are."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def is_plain(text: str) -> bool:
    """Whether Pillow's own font draws all of it."""
    return not _BEYOND_PLAIN.search(plain(text))


def plain_part(text: str) -> str:
    """What Pillow's own font draws of a text."""
    return " ".join(_BEYOND_PLAIN.sub(" ", plain(text)).split())


def shortened(text: str, font: Font, *, width: float) -> str:
    """The text, or as much of its beginning as fits the width with three dots behind it."""
    if font.getlength(text) <= width:
        return text
    ends = range(1, len(text))
    too_long = bisect_left(ends, True, key=lambda end: font.getlength(text[:end].rstrip() + "...") > width)
    return text[:too_long].rstrip() + "..."


def wrapped(text: str, font: Font, *, width: float, most_lines: int) -> list[str]:
    """The text in lines that fit the width, broken at spaces and between Chinese characters; the last one is shortened."""
    lines = [""]
    for part in _UNBROKEN.findall(text):
        if not lines[-1] or font.getlength((lines[-1] + part).rstrip()) <= width:
            lines[-1] += part
        else:
            lines.append(part.lstrip())
    if len(lines) > most_lines:
        lines[most_lines - 1 :] = ["".join(lines[most_lines - 1 :])]
    return [shortened(line.rstrip(), font, width=width) for line in lines]
