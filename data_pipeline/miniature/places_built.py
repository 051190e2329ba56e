"""Places that people built, painted behind the things that act in them."""

from __future__ import annotations

import random

from data_pipeline.miniature.colours import CREAM, GLASS, Colour, mix
from data_pipeline.miniature.pen import Pen, Point

_WALLS: list[Colour] = [(214, 190, 172), (196, 202, 214), (222, 206, 164), (188, 206, 190), (216, 184, 184)]
_CURTAIN: Colour = (146, 44, 58)


def paint_street(pen: Pen, chance: random.Random, variant: int) -> None:
    low, high = ((-0.72, -0.3), (-0.5, -0.1), (-0.96, -0.44), (-0.6, -0.2))[variant]
    x = -1.0
    while x < 1.0:
        wide, top = chance.uniform(0.22, 0.34), chance.uniform(low, high)
        wall = chance.choice(_WALLS)
        pen.box((x, top), (x + wide, 0.5), wall)
        if variant in (1, 3):
            pen.polygon([(x, top), (x + wide / 2, top - 0.16), (x + wide, top)], mix(wall, (140, 88, 76), share=0.6))
        for row in range(int((0.36 - top) / 0.2)):
            for column in range(2):
                left, upper = x + wide * (0.16 + 0.42 * column), top + 0.08 + 0.2 * row
                pen.box((left, upper), (left + wide * 0.24, upper + 0.11), mix(GLASS, wall, share=0.3))
        x += wide
    for x in ((), (-0.74, 0.1, 0.88), (), (-0.36, 0.6))[variant]:
        pen.line([(x, 0.52), (x, -0.14), (x + 0.07, -0.18)], 0.014, (112, 116, 126))
        pen.ellipse((x + 0.08, -0.15), (0.035, 0.04), (252, 236, 176))
    pen.box((-1, 0.48), (1, 0.58), (206, 204, 200))
    pen.box((-1, 0.58), (1, 1), (136, 138, 148))
    for k in range(6):
        pen.box((-0.95 + 0.36 * k, 0.84), (-0.75 + 0.36 * k, 0.88), (238, 236, 224))


def paint_room(pen: Pen, chance: random.Random, variant: int) -> None:
    x = (-0.72, 0.2, -0.3, 0.24)[variant]
    pen.box((x, -0.72), (round(x + 0.6, 2), 0.12), CREAM)
    for left in (round(x + 0.04, 2), round(x + 0.32, 2)):
        for top in (-0.66, -0.27):
            pen.box((left, top), (left + 0.24, top + 0.35), (190, 222, 238))
    if variant in (2, 3):
        for left in (x - 0.12, x + 0.56):
            pen.box((left, -0.76), (left + 0.16, 0.26), ((176, 200, 172), (198, 170, 186))[variant - 2])
    for left, top in (((0.36, -0.56),), ((-0.7, -0.6),), ((-0.8, -0.5), (0.52, -0.62)), ((-0.56, -0.54),))[variant]:
        _framed_picture(pen, left, top)
    floor = ((204, 162, 120), (184, 146, 116), (212, 178, 138), (170, 150, 140))[variant]
    joint = ((184, 142, 102), (164, 126, 98), (192, 158, 118), (150, 130, 122))[variant]
    pen.box((-1, 0.5), (1, 1), floor)
    pen.box((-1, 0.47), (1, 0.53), (246, 232, 212))
    for y in (0.66, 0.82):
        pen.line([(-1, y), (1, y)], 0.006, joint)
    if variant in (1, 3):
        pen.ellipse((0.0, 0.82), (0.74, 0.14), ((226, 206, 188), (206, 196, 204))[variant // 2])


def paint_stage(pen: Pen, chance: random.Random, variant: int) -> None:
    wall = ((84, 70, 104), (62, 84, 112), (96, 72, 84), (66, 88, 92))[variant]
    for x in ((-0.5, 0.0, 0.5), (-0.3, 0.3), (0.0,), (-0.6, 0.6))[variant]:
        reach = 0.44 if variant == 2 else 0.26
        pen.polygon([(x * 0.8 - 0.04, -1), (x * 0.8 + 0.04, -1), (x + reach, 0.6), (x - reach, 0.6)],
                    mix(wall, CREAM, share=0.22))
    pen.box((-1, 0.5), (1, 1), (178, 130, 90))
    for k in range(9):
        x = -1.2 + 0.3 * k
        pen.line([(x * 0.8, 0.5), (x * 1.2, 1.0)], 0.006, (150, 106, 72))
    for x in ((-0.5, 0.0, 0.5), (-0.3, 0.3), (0.0,), (-0.6, 0.6))[variant]:
        pen.ellipse((x, 0.78), (0.44 if variant == 2 else 0.27, 0.14), (214, 172, 128))
    pen.box((-1, 0.46), (1, 0.52), (126, 88, 62))
    wide = (0.22, 0.16, 0.26, 0.2)[variant]
    for side in (-1, 1):
        for fold in range(4):
            near, far = 1.02 - wide * fold / 4, 1.02 - wide * (fold + 1) / 4
            colour = _CURTAIN if fold % 2 else mix(_CURTAIN, (60, 16, 30), share=0.35)
            pen.polygon([(side * near, -1), (side * far, -1), (side * (far + 0.03), 0.9), (side * near, 0.9)], colour)
    scallops = (7, 5, 9, 6)[variant]
    for k in range(scallops):
        x = -1 + (2 * k + 1) / scallops
        pen.ellipse((x, -0.98), (1.06 / scallops, 0.3), mix(_CURTAIN, (200, 70, 80), share=0.3 * (k % 2)))
    pen.line([(-1, -0.98), (1, -0.98)], 0.05, (226, 184, 92))


def _framed_picture(pen: Pen, left: float, top: float) -> None:
    def at(x: float, y: float) -> Point:
        return round(left + x, 2), round(top + y, 2)

    pen.box(at(0.0, 0.0), at(0.38, 0.46), (176, 132, 96))
    pen.box(at(0.03, 0.06), at(0.35, 0.4), (250, 236, 206))
    hill = ((0.06, 0.36), (0.16, 0.18), (0.24, 0.28), (0.3, 0.22), (0.34, 0.36))
    pen.polygon([at(x, y) for x, y in hill], (132, 178, 150))
