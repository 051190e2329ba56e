"""The places a scene can be set in, each a soft still picture."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from data_pipeline.miniature.colours import CREAM, GLASS, Colour, mix
from data_pipeline.miniature.pen import Pen, curve_points

_SUPERSAMPLING = 2


@dataclass(frozen=True, kw_only=True)
class Background:
    """A named place; `ground` is the height of the line things stand on, `air` of the middle of what floats or flies.

    Both are shares of the frame's height from the top. `paint(pen, random)` draws on top of a gradient from `above`
    to `below`; `shadows` says whether standing things throw one.
    """

    name: str
    chinese: str
    above: Colour
    below: Colour
    paint: Callable[[Pen, random.Random], None]
    ground: float = 0.88
    air: float = 0.42
    shadows: bool = True


@lru_cache(maxsize=32)
def background(name: str, *, width: int, height: int) -> Image.Image:
    """Paint a place as an RGB picture; always the same for the same name and size. It is shared: copy it first."""
    place = BACKGROUNDS[name]
    size = (width * _SUPERSAMPLING, height * _SUPERSAMPLING)
    picture = _gradient(place.above, place.below, size=size)
    place.paint(Pen(picture), random.Random(name))
    # A little softness keeps the place behind the things that act in it.
    return picture.filter(ImageFilter.GaussianBlur(1.2)).reduce(_SUPERSAMPLING)


def _gradient(above: Colour, below: Colour, *, size: tuple[int, int]) -> Image.Image:
    share = np.linspace(0.0, 1.0, size[1])[:, None]
    column = np.asarray(above) * (1 - share) + np.asarray(below) * share
    rows = np.repeat(column[:, None, :], size[0], axis=1)
    return Image.fromarray(np.rint(rows).astype(np.uint8), mode="RGB")


def _meadow(pen: Pen, chance: random.Random) -> None:
    _sun(pen, (0.72, -0.68), 0.16)
    for centre in ((-0.6, -0.66), (0.1, -0.78)):
        _cloud(pen, centre)
    pen.ellipse((-0.55, 0.75), (0.95, 0.62), (158, 206, 134))
    pen.ellipse((0.7, 0.8), (0.95, 0.66), (146, 198, 122))
    pen.ellipse((0.0, 1.5), (2.2, 1.12), (126, 186, 104))
    for _ in range(46):
        x, y = chance.uniform(-1, 1), chance.uniform(0.55, 0.98)
        pen.line([(x, y), (x + 0.012, y - 0.06)], 0.008, (98, 160, 84))


def _sea(pen: Pen, chance: random.Random) -> None:
    _sun(pen, (-0.66, -0.62), 0.15)
    _cloud(pen, (0.4, -0.7))
    pen.box((-1, 0.12), (1, 1), (92, 168, 208))
    pen.box((-1, 0.12), (1, 0.3), (120, 188, 220))
    for row in range(7):
        y = 0.24 + 0.11 * row
        for _ in range(5):
            x = chance.uniform(-1.1, 1)
            pen.curve((x, y), (x + 0.07, y + 0.05), (x + 0.14, y), 0.01, (196, 228, 240))


def _street(pen: Pen, chance: random.Random) -> None:
    x = -1.0
    while x < 1.0:
        wide, top = chance.uniform(0.22, 0.34), chance.uniform(-0.72, -0.3)
        wall = chance.choice([(214, 190, 172), (196, 202, 214), (222, 206, 164), (188, 206, 190), (216, 184, 184)])
        pen.box((x, top), (x + wide, 0.5), wall)
        for row in range(int((0.36 - top) / 0.2)):
            for column in range(2):
                left, high = x + wide * (0.16 + 0.42 * column), top + 0.08 + 0.2 * row
                pen.box((left, high), (left + wide * 0.24, high + 0.11), mix(GLASS, wall, share=0.3))
        x += wide
    pen.box((-1, 0.48), (1, 0.58), (206, 204, 200))
    pen.box((-1, 0.58), (1, 1), (136, 138, 148))
    for k in range(6):
        pen.box((-0.95 + 0.36 * k, 0.84), (-0.75 + 0.36 * k, 0.88), (238, 236, 224))


def _night(pen: Pen, chance: random.Random) -> None:
    for _ in range(60):
        pen.circle((chance.uniform(-1, 1), chance.uniform(-1, 0.3)), chance.uniform(0.004, 0.011), (236, 236, 214))
    pen.ellipse((0.68, -0.6), (0.16, 0.27), (252, 240, 190))
    pen.ellipse((0.61, -0.66), (0.14, 0.24), (30, 36, 80))
    pen.ellipse((-0.5, 0.95), (0.9, 0.5), (34, 44, 74))
    pen.ellipse((0.65, 1.05), (1.0, 0.6), (28, 38, 66))
    pen.box((-1, 0.72), (1, 1), (24, 34, 58))


def _snow(pen: Pen, chance: random.Random) -> None:
    pen.ellipse((-0.5, 0.7), (1.0, 0.5), (222, 232, 244))
    pen.ellipse((0.7, 0.75), (0.9, 0.5), (214, 226, 240))
    for x, y, tall in ((-0.8, 0.42, 0.5), (-0.56, 0.38, 0.38), (0.7, 0.44, 0.52), (0.9, 0.4, 0.36)):
        pen.box((x - 0.02, y - 0.1), (x + 0.02, y + 0.06), (122, 96, 84))
        for tier in range(3):
            top = y - tall + tier * tall * 0.25
            reach = 0.06 + 0.035 * tier
            pen.polygon([(x, top), (x - reach, top + tall * 0.4), (x + reach, top + tall * 0.4)], (122, 164, 150))
    pen.ellipse((0.0, 1.5), (2.2, 1.12), (240, 245, 251))
    for _ in range(70):
        pen.circle((chance.uniform(-1, 1), chance.uniform(-1, 1)), chance.uniform(0.006, 0.014), (255, 255, 255))


def _room(pen: Pen, chance: random.Random) -> None:
    pen.box((-0.72, -0.72), (-0.12, 0.12), CREAM)
    for x in (-0.68, -0.4):
        for y in (-0.66, -0.27):
            pen.box((x, y), (x + 0.24, y + 0.35), (190, 222, 238))
    pen.box((0.36, -0.56), (0.74, -0.1), (176, 132, 96))
    pen.box((0.39, -0.5), (0.71, -0.16), (250, 236, 206))
    pen.polygon([(0.42, -0.2), (0.52, -0.38), (0.6, -0.28), (0.66, -0.34), (0.7, -0.2)], (132, 178, 150))
    pen.box((-1, 0.5), (1, 1), (204, 162, 120))
    pen.box((-1, 0.47), (1, 0.53), (246, 232, 212))
    for y in (0.66, 0.82):
        pen.line([(-1, y), (1, y)], 0.006, (184, 142, 102))


def _underwater(pen: Pen, chance: random.Random) -> None:
    for x in (-0.7, -0.1, 0.45):
        pen.polygon([(x, -1), (x + 0.16, -1), (x - 0.1, 0.8), (x - 0.4, 0.8)], (112, 196, 220))
    pen.ellipse((0.0, 1.25), (1.7, 0.55), (228, 208, 160))
    for x in (-0.86, -0.7, 0.62, 0.8, 0.92):
        tall = chance.uniform(0.35, 0.7)
        lean = chance.uniform(-0.06, 0.06)
        pen.line(curve_points((x, 0.95), (x + lean * 3, 0.9 - tall / 2), (x + lean, 0.9 - tall)), 0.03, (58, 148, 118))
    for _ in range(16):
        pen.circle((chance.uniform(-1, 1), chance.uniform(-0.9, 0.6)), chance.uniform(0.008, 0.018), (206, 238, 246))


def _sun(pen: Pen, centre: tuple[float, float], radius: float) -> None:
    """Circles are flattened by the frame's 16:9 shape, so their height is scaled up."""
    for grow, colour in ((1.5, (250, 236, 190)), (1.0, (255, 222, 120))):
        pen.ellipse(centre, (radius * 0.6 * grow, radius * 1.05 * grow), colour)


def _cloud(pen: Pen, centre: tuple[float, float]) -> None:
    for shift, radius in ((-0.13, 0.08), (0.0, 0.12), (0.13, 0.09)):
        pen.ellipse((centre[0] + shift, centre[1]), (radius, radius * 1.2), (255, 255, 255))


BACKGROUNDS: dict[str, Background] = {
    place.name: place
    for place in (
        Background(name="meadow", chinese="草地", above=(164, 212, 240), below=(232, 244, 236), paint=_meadow),
        Background(name="sea", chinese="海上", above=(160, 208, 240), below=(240, 240, 226), paint=_sea,
                   ground=0.84, air=0.36, shadows=False),
        Background(name="street", chinese="街道", above=(190, 216, 236), below=(240, 232, 222), paint=_street,
                   ground=0.9, air=0.36),
        Background(name="night", chinese="夜空", above=(22, 28, 70), below=(72, 74, 128), paint=_night, ground=0.92,
                   shadows=False),
        Background(name="snow", chinese="雪地", above=(176, 198, 224), below=(224, 234, 244), paint=_snow, air=0.4),
        Background(name="room", chinese="房间", above=(246, 226, 204), below=(240, 214, 186), paint=_room, ground=0.9),
        Background(name="underwater", chinese="水下", above=(92, 184, 214), below=(28, 104, 158), paint=_underwater,
                   ground=0.92, air=0.48, shadows=False),
    )
}
