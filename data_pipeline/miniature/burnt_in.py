"""Subtitles as makers of short videos burn them in: white letters with a dark edge, low in the middle of the picture."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_SIZE = 0.11                # height of the letters in heights of the frame
_BOTTOM = 0.94              # where the line ends, in heights of the frame
_WIDEST = 0.96              # of the frame


def burn_in(picture: Image.Image, text: str, *, font: Path) -> None:
    """Draw one line into an RGB picture, in place; a long line is drawn in smaller letters. font: holds the characters."""
    line = _line(text, font, picture.width, picture.height)
    picture.paste(line, ((picture.width - line.width) // 2, round(_BOTTOM * picture.height) - line.height), line)


@lru_cache(maxsize=16)
def _line(text: str, font: Path, width: int, height: int) -> Image.Image:
    """An RGBA picture just large enough for the line."""
    size = max(8, round(_SIZE * height))
    box = ImageFont.truetype(str(font), size).getbbox(text, stroke_width=1)
    if box[2] - box[0] > _WIDEST * width:
        size = max(6, int(size * _WIDEST * width / (box[2] - box[0])))
    letters = ImageFont.truetype(str(font), size)
    left, top, right, bottom = letters.getbbox(text, stroke_width=1)
    line = Image.new("RGBA", (round(right - left), round(bottom - top)), (0, 0, 0, 0))
    ImageDraw.Draw(line).text(
        (-left, -top), text, font=letters, fill=(255, 255, 255, 255), stroke_width=1, stroke_fill=(12, 12, 16, 255)
    )
    return line
