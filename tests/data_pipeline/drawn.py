"""Pictures with Chinese captions for the tests of on-screen text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from data_pipeline.fonts import find_cjk_font

Picture = NDArray[np.uint8]


def font(size: int) -> ImageFont.FreeTypeFont:
    path = find_cjk_font()
    if path is None:
        pytest.skip("no font that draws Chinese is installed, such as fonts-wqy-microhei")
    return ImageFont.truetype(str(path), size)


def busy(*, seed: int = 0, height: int = 720, width: int = 1280) -> Picture:
    """A scene full of detail: coloured noise at two scales."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(20, 200, (9, 16, 3), dtype=np.uint8))
    fine = Image.fromarray(rng.integers(0, 255, (90, 160, 3), dtype=np.uint8))
    size = (width, height)
    scene = Image.blend(
        coarse.resize(size, Image.Resampling.BICUBIC), fine.resize(size, Image.Resampling.BILINEAR), 0.4
    )
    return np.asarray(scene)


def with_text(picture: Picture, text: str, *, x: float = 0.5, y: float = 0.9, size: int = 44) -> Picture:
    """White text with a dark rim, centred at (x, y) in shares of the picture: how subtitles are drawn."""
    image = Image.fromarray(picture)
    at = (x * image.width, y * image.height)
    ImageDraw.Draw(image).text(
        at, text, font=font(size), anchor="mm", fill="white", stroke_width=2, stroke_fill="black", align="center"
    )
    return np.asarray(image)


@dataclass
class Still:
    """A frame made of a picture, with the interface of a decoded one."""

    time_ms: int
    picture: Picture

    def rgb(self, *, height: int | None = None, width: int | None = None, fit: Any = "inside") -> Picture:
        assert fit == "inside"
        rows, columns = self.picture.shape[:2]
        scale = min(1.0, (height or rows) / rows, (width or columns) / columns)
        size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
        return np.asarray(Image.fromarray(self.picture).resize(size, Image.Resampling.BICUBIC))
