"""Text drawn into a picture: one line on a dark plate at the top, clear of what stands on the ground."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from retrieval.errors import InputError

_SIZE = 0.115               # height of the letters in heights of the frame
_SMALLEST = 0.6             # a long line is drawn down to this share of the usual size
_WIDEST = 0.94              # of the frame
_BEYOND_LATIN = re.compile(r"[^\u0020-\u024f]+")

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def drawable_part(text: str, *, font: Path | None) -> str:
    """The part of a text that can be drawn: all of it with a Chinese font, else its Latin letters, digits and signs."""
    return text if font else " ".join(_BEYOND_LATIN.sub(" ", text).split())


def draw_caption(picture: Image.Image, text: str, *, font: Path | None) -> None:
    """Draw a text at the top of an RGB picture, in place.

    font: a file that holds the characters; None draws with Pillow's own Latin font. An empty text draws nothing.
    Raises InputError when the text is too long for one line.
    """
    if text:
        band = _caption_band(text, font, picture.width, picture.height)
        picture.paste(band, (0, round(0.04 * picture.height)), band)


@lru_cache(maxsize=64)
def _caption_band(text: str, font: Path | None, width: int, height: int) -> Image.Image:
    """An RGBA strip as wide as the picture: white letters on a rounded, half transparent dark plate."""
    letters = _fitting_font(text, font, width=width, height=height)
    left, top, right, bottom = letters.getbbox(text)
    pad = round(0.03 * height)
    strip = Image.new("RGBA", (width, round(bottom - top) + 2 * pad), (0, 0, 0, 0))
    draw = ImageDraw.Draw(strip)
    start = (width - (right - left)) / 2
    plate = (start - 2 * pad, 0, start + (right - left) + 2 * pad, strip.height - 1)
    draw.rounded_rectangle(plate, radius=pad * 1.4, fill=(20, 22, 34, 190))
    draw.text((start - left, pad - top), text, font=letters, fill=(255, 255, 255, 255))
    return strip


def _fitting_font(text: str, font: Path | None, *, width: int, height: int) -> Font:
    usual = max(8, round(_SIZE * height))
    for size in range(usual, max(7, round(usual * _SMALLEST)) - 1, -1):
        letters = _load_font(font, size)
        left, _, right, _ = letters.getbbox(text)
        if right - left <= _WIDEST * width:
            return letters
    raise InputError(f"The on-screen text {text!r} is too long for a picture {width} pixels wide: shorten it.")


@lru_cache(maxsize=32)
def _load_font(font: Path | None, size: int) -> Font:
    if font is None:
        return ImageFont.load_default(size)
    try:
        return ImageFont.truetype(str(font), size)
    except OSError as error:
        raise InputError(f"The font {font} cannot be read ({error}): name another one in WENSHI_FONT.") from error
