"""Small pictures of a thing with a transparent ground: drawn once for each look, then pasted."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from data_pipeline.miniature.colours import PAINTS
from data_pipeline.miniature.pen import Pen
from data_pipeline.miniature.things import THINGS

SUPERSAMPLING = 3
PHASES = 8                  # pictures in one cycle of a thing
ANGLE_STEP = 5              # degrees between two cached turns
_MARGIN = 0.06              # of the side: room for the outline and for rounded-off strokes


@lru_cache(maxsize=1024)
def sprite(thing: str, *, colour: str, side: int, phase: int = 0, turn: int = 0, mirrored: bool = False) -> Image.Image:
    """Draw a thing as an RGBA picture of about `side` pixels (turned ones are larger, around the same centre).

    phase: 0 to PHASES - 1; turn: degrees clockwise; mirrored: it looks to the left. The picture is shared: do not
    change it.
    """
    if mirrored or turn:
        upright = sprite(thing, colour=colour, side=side, phase=phase)
        faced = upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else upright
        return faced.rotate(-turn, resample=Image.Resampling.BICUBIC, expand=True) if turn else faced
    large = Image.new("RGBA", (side * SUPERSAMPLING, side * SUPERSAMPLING), (0, 0, 0, 0))
    inner = round(large.width * (1 - 2 * _MARGIN))
    figure = Image.new("RGBA", (inner, inner), (0, 0, 0, 0))
    THINGS[thing].draw(Pen(figure), PAINTS[colour], phase / PHASES)
    large.paste(figure, ((large.width - inner) // 2, (large.height - inner) // 2))
    return _outlined(large, PAINTS[colour].outline).reduce(SUPERSAMPLING)


@lru_cache(maxsize=256)
def shadow(width: int) -> Image.Image:
    """A soft flat shadow, RGBA, for a thing that stands on the ground."""
    height = max(3, width // 6)
    large = Image.new("L", (width * 2, height * 2), 0)
    ImageDraw.Draw(large).ellipse((width * 0.14, height * 0.3, width * 1.86, height * 1.7), fill=70)
    mask = large.filter(ImageFilter.GaussianBlur(height / 3)).reduce(2)
    soft = Image.new("RGBA", mask.size, (30, 28, 40, 0))
    soft.putalpha(mask)
    return soft


def _outlined(picture: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    """Put a thin dark edge behind the figure: it stays visible on a ground of its own colour."""
    grown = Image.fromarray(_grown(np.asarray(picture.getchannel("A")), reach=SUPERSAMPLING - 1))
    ground = Image.new("RGBA", picture.size, (*colour, 0))
    ground.putalpha(grown)
    return Image.alpha_composite(ground, picture)


def _grown(alpha: NDArray[np.uint8], *, reach: int) -> NDArray[np.uint8]:
    """The greatest value within `reach` rows and columns: a maximum filter, along one axis after the other."""
    height, width = alpha.shape
    padded = np.pad(alpha, reach)
    rows = padded[:height]
    for shift in range(1, 2 * reach + 1):
        rows = np.maximum(rows, padded[shift : shift + height])
    grown = rows[:, :width]
    for shift in range(1, 2 * reach + 1):
        grown = np.maximum(grown, rows[:, shift : shift + width])
    return grown
