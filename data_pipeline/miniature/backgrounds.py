"""The places a scene can be set in, each a soft still picture in several variants."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from data_pipeline.miniature.colours import Colour, mix
from data_pipeline.miniature.pen import Pen
from data_pipeline.miniature.places_built import paint_room, paint_stage, paint_street
from data_pipeline.miniature.places_open import (
    paint_desert,
    paint_forest,
    paint_meadow,
    paint_night,
    paint_sea,
    paint_snow,
    paint_underwater,
)

VARIANTS = 4                # pictures of each place: other clouds, houses, trees or hills, and slightly other light
_SUPERSAMPLING = 2
_LIGHT: tuple[tuple[Colour, float], ...] = (
    ((255, 255, 255), 0.0), ((255, 244, 214), 0.16), ((255, 206, 168), 0.2), ((176, 204, 244), 0.22),
)


@dataclass(frozen=True, kw_only=True)
class Background:
    """A named place; `ground` is the height of the line things stand on, `air` of the middle of what floats or flies.

    Both are shares of the frame's height from the top. `paint(pen, random, variant)` draws on top of a gradient from
    `above` to `below`; `shadows` says whether standing things throw one.
    """

    name: str
    chinese: str
    above: Colour
    below: Colour
    paint: Callable[[Pen, random.Random, int], None]
    ground: float = 0.88
    air: float = 0.42
    shadows: bool = True


@lru_cache(maxsize=64)
def background(name: str, *, width: int, height: int, variant: int = 0) -> Image.Image:
    """Paint a variant (0 to VARIANTS - 1) of a place as an RGB picture, the same each time. It is shared: copy it first."""
    place = BACKGROUNDS[name]
    size = (width * _SUPERSAMPLING, height * _SUPERSAMPLING)
    light, share = _LIGHT[variant]
    share *= max(place.above) / 255         # a dark place stays dark
    picture = _gradient(mix(place.above, light, share=share), mix(place.below, light, share=share), size=size)
    place.paint(Pen(picture), random.Random(f"{name}{variant or ''}"), variant)
    # A little softness keeps the place behind the things that act in it.
    return picture.filter(ImageFilter.GaussianBlur(1.2)).reduce(_SUPERSAMPLING)


def _gradient(above: Colour, below: Colour, *, size: tuple[int, int]) -> Image.Image:
    share = np.linspace(0.0, 1.0, size[1])[:, None]
    column = np.asarray(above) * (1 - share) + np.asarray(below) * share
    rows = np.repeat(column[:, None, :], size[0], axis=1)
    return Image.fromarray(np.rint(rows).astype(np.uint8), mode="RGB")


BACKGROUNDS: dict[str, Background] = {
    place.name: place
    for place in (
        Background(name="meadow", chinese="草地", above=(164, 212, 240), below=(232, 244, 236), paint=paint_meadow),
        Background(name="sea", chinese="海上", above=(160, 208, 240), below=(240, 240, 226), paint=paint_sea,
                   ground=0.84, air=0.36, shadows=False),
        Background(name="street", chinese="街道", above=(190, 216, 236), below=(240, 232, 222), paint=paint_street,
                   ground=0.9, air=0.36),
        Background(name="night", chinese="夜空", above=(22, 28, 70), below=(72, 74, 128), paint=paint_night, ground=0.92,
                   shadows=False),
        Background(name="snow", chinese="雪地", above=(176, 198, 224), below=(224, 234, 244), paint=paint_snow, air=0.4),
        Background(name="room", chinese="房间", above=(246, 226, 204), below=(240, 214, 186), paint=paint_room, ground=0.9),
        Background(name="underwater", chinese="水下", above=(92, 184, 214), below=(28, 104, 158), paint=paint_underwater,
                   ground=0.92, air=0.48, shadows=False),
        Background(name="desert", chinese="沙漠", above=(150, 204, 236), below=(252, 232, 192), paint=paint_desert,
                   air=0.4),
        Background(name="forest", chinese="树林", above=(150, 190, 150), below=(196, 216, 170), paint=paint_forest,
                   ground=0.9),
        Background(name="stage", chinese="舞台", above=(58, 48, 82), below=(104, 86, 120), paint=paint_stage, ground=0.9,
                   air=0.46),
    )
}
