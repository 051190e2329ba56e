"""Places under the open sky or the water, painted behind the things that act in them."""

from __future__ import annotations

import random

from data_pipeline.miniature.colours import Colour, mix
from data_pipeline.miniature.pen import Pen, Point, curve_points

_BARK: Colour = (122, 96, 84)


def paint_meadow(pen: Pen, chance: random.Random, variant: int) -> None:
    sun_at(pen, ((0.72, -0.68), (-0.7, -0.6), (0.1, -0.74), (-0.3, -0.5))[variant], 0.16)
    for centre in (
        ((-0.6, -0.66), (0.1, -0.78)), ((0.2, -0.6), (0.74, -0.76)), ((-0.66, -0.56), (0.62, -0.64), (-0.24, -0.82)),
        ((0.5, -0.7),),
    )[variant]:
        cloud_at(pen, centre)
    left, right = ((0.62, 0.66), (0.44, 0.8), (0.8, 0.5), (0.3, 0.36))[variant]
    pen.ellipse((-0.55, 0.75), (0.95, left), (158, 206, 134))
    pen.ellipse((0.7, 0.8), (0.95, right), (146, 198, 122))
    for x, y in ((), ((-0.86, 0.36), (-0.7, 0.3)), ((0.78, 0.36), (0.92, 0.4), (-0.94, 0.1)), ())[variant]:
        pen.box((x - 0.015, y - 0.1), (x + 0.015, y + 0.06), (132, 108, 84))
        pen.ellipse((x, y - 0.2), (0.07, 0.17), (112, 170, 104))
    pen.ellipse((0.0, 1.5), (2.2, 1.12), (126, 186, 104))
    if variant == 3:
        _fence(pen)
    for _ in range(46):
        x, y = chance.uniform(-1, 1), chance.uniform(0.55, 0.98)
        pen.line([(x, y), (x + 0.012, y - 0.06)], 0.008, (98, 160, 84))


def paint_sea(pen: Pen, chance: random.Random, variant: int) -> None:
    sun_at(pen, ((-0.66, -0.62), (0.7, -0.64), (0.3, -0.2), (-0.2, -0.74))[variant], 0.15)
    for centre in (((0.4, -0.7),), ((-0.6, -0.6), (0.1, -0.76)), ((-0.7, -0.7),), ((0.66, -0.5), (-0.74, -0.44)))[variant]:
        cloud_at(pen, centre)
    if variant == 1:
        pen.ellipse((-0.7, 0.14), (0.42, 0.26), (142, 178, 140))
    if variant == 3:
        pen.ellipse((0.6, 0.16), (0.5, 0.42), (150, 172, 186))
        pen.ellipse((0.98, 0.16), (0.4, 0.28), (138, 164, 180))
    pen.box((-1, 0.12), (1, 1), (92, 168, 208))
    pen.box((-1, 0.12), (1, 0.3), (120, 188, 220))
    for row in range(7):
        y = 0.24 + 0.11 * row
        for _ in range(5):
            x = chance.uniform(-1.1, 1)
            pen.curve((x, y), (x + 0.07, y + 0.05), (x + 0.14, y), 0.01, (196, 228, 240))


def paint_night(pen: Pen, chance: random.Random, variant: int) -> None:
    for _ in range(60):
        pen.circle((chance.uniform(-1, 1), chance.uniform(-1, 0.3)), chance.uniform(0.004, 0.011), (236, 236, 214))
    x, y = ((0.68, -0.6), (-0.66, -0.56), (0.1, -0.7), (-0.3, -0.62))[variant]
    pen.ellipse((x, y), (0.16, 0.27), (252, 240, 190))
    if variant in (0, 1):
        sky = ((30, 36, 80), (42, 47, 88))[variant]
        pen.ellipse((round(x - 0.07, 2), round(y - 0.06, 2)), (0.14, 0.24), sky)
    elif variant == 2:
        for dx, dy in ((-0.05, -0.08), (0.05, 0.06), (-0.03, 0.12)):
            pen.ellipse((x + dx, y + dy), (0.03, 0.05), (234, 220, 168))
    left, right = ((0.5, 0.6), (0.74, 0.34), (0.3, 0.72), (0.4, 0.36))[variant]
    pen.ellipse((-0.5, 0.95), (0.9, left), (34, 44, 74))
    pen.ellipse((0.65, 1.05), (1.0, right), (28, 38, 66))
    if variant == 3:
        for k in range(9):
            tall = chance.uniform(0.1, 0.42)
            pen.box((-1 + 0.24 * k, 0.74 - tall), (-0.84 + 0.24 * k, 0.74), (34, 42, 72))
            pen.box((-0.95 + 0.24 * k, 0.78 - tall), (-0.92 + 0.24 * k, 0.83 - tall), (222, 196, 120))
    pen.box((-1, 0.72), (1, 1), (24, 34, 58))


def paint_snow(pen: Pen, chance: random.Random, variant: int) -> None:
    left, right = ((0.5, 0.5), (0.8, 0.4), (0.36, 0.86), (0.6, 0.66))[variant]
    pen.ellipse((-0.5, 0.7), (1.0, left), (222, 232, 244))
    pen.ellipse((0.7, 0.75), (0.9, right), (214, 226, 240))
    firs = (
        ((-0.8, 0.42, 0.5), (-0.56, 0.38, 0.38), (0.7, 0.44, 0.52), (0.9, 0.4, 0.36)),
        ((0.5, 0.4, 0.42), (0.66, 0.46, 0.56), (0.84, 0.42, 0.5)),
        ((-0.9, 0.46, 0.6), (-0.7, 0.42, 0.44), (-0.5, 0.44, 0.5), (-0.3, 0.4, 0.34), (0.86, 0.4, 0.4)),
        ((-0.62, 0.36, 0.34), (0.34, 0.36, 0.34), (0.9, 0.46, 0.6)),
    )[variant]
    for x, y, tall in firs:
        pen.box((x - 0.02, y - 0.1), (x + 0.02, y + 0.06), _BARK)
        for tier in range(3):
            top = y - tall + tier * tall * 0.25
            reach = 0.06 + 0.035 * tier
            pen.polygon([(x, top), (x - reach, top + tall * 0.4), (x + reach, top + tall * 0.4)], (122, 164, 150))
    pen.ellipse((0.0, 1.5), (2.2, 1.12), (240, 245, 251))
    for _ in range(70):
        pen.circle((chance.uniform(-1, 1), chance.uniform(-1, 1)), chance.uniform(0.006, 0.014), (255, 255, 255))


def paint_underwater(pen: Pen, chance: random.Random, variant: int) -> None:
    for x in ((-0.7, -0.1, 0.45), (-0.4, 0.3, 0.8), (-0.2, 0.1), (-0.8, 0.6))[variant]:
        pen.polygon([(x, -1), (x + 0.16, -1), (x - 0.1, 0.8), (x - 0.4, 0.8)], (112, 196, 220))
    rocks = ((), ((-0.86, 0.9, 0.3),), ((0.8, 0.94, 0.36), (0.5, 0.98, 0.2)), ((-0.9, 0.96, 0.24), (0.92, 0.9, 0.3)))
    for x, y, radius in rocks[variant]:
        pen.ellipse((x, y), (radius, radius * 1.3), (86, 122, 142))
    x, wide = ((0.0, 1.7), (0.4, 1.5), (-0.5, 1.6), (0.2, 2.2))[variant]
    pen.ellipse((x, 1.25), (wide, 0.55), (228, 208, 160))
    plants = ((-0.86, -0.7, 0.62, 0.8, 0.92), (0.5, 0.64, 0.8, 0.94), (-0.94, -0.8, -0.62, -0.5, -0.3), (-0.7, 0.0, 0.74))
    for x in plants[variant]:
        tall = chance.uniform(0.35, 0.7)
        lean = chance.uniform(-0.06, 0.06)
        pen.line(curve_points((x, 0.95), (x + lean * 3, 0.9 - tall / 2), (x + lean, 0.9 - tall)), 0.03, (58, 148, 118))
    for _ in range(16):
        pen.circle((chance.uniform(-1, 1), chance.uniform(-0.9, 0.6)), chance.uniform(0.008, 0.018), (206, 238, 246))


def paint_desert(pen: Pen, chance: random.Random, variant: int) -> None:
    sun_at(pen, ((0.5, -0.6), (-0.6, -0.66), (-0.1, -0.4), (0.74, -0.74))[variant], 0.18)
    for x, wide, tall in ((), ((0.36, 0.34, 0.62), (0.74, 0.24, 0.4)), (), ((-0.5, 0.4, 0.7),))[variant]:
        pen.polygon([(x - wide, 0.3), (x, 0.3 - tall), (x + wide, 0.3)], (222, 176, 120))
        pen.polygon([(x, 0.3 - tall), (x + wide, 0.3), (x + wide * 0.3, 0.3)], (198, 150, 100))
    left, right = ((0.5, 0.36), (0.3, 0.44), (0.64, 0.6), (0.34, 0.3))[variant]
    pen.ellipse((-0.6, 0.6), (0.9, left), (236, 196, 138))
    pen.ellipse((0.6, 0.62), (1.0, right), (228, 184, 124))
    cacti = (((-0.8, 0.4, 0.44), (0.86, 0.36, 0.3)), ((-0.84, 0.44, 0.5),), ((0.8, 0.4, 0.5), (-0.5, 0.3, 0.24)), ())
    for x, y, tall in cacti[variant]:
        _cactus(pen, (x, y), tall)
    pen.ellipse((0.2, 1.5), (2.2, 1.12), (240, 204, 150))
    for _ in range(26):
        x, y = chance.uniform(-1, 1), chance.uniform(0.5, 0.98)
        pen.curve((x, y), (x + 0.08, y - 0.03), (x + 0.16, y), 0.008, (222, 180, 124))


def paint_forest(pen: Pen, chance: random.Random, variant: int) -> None:
    far, near = ((118, 160, 118), (96, 74, 60))
    for k in range(13):
        x = -1 + 0.165 * k + chance.uniform(-0.04, 0.04)
        pen.box((x - 0.025, -1), (x + 0.025, 0.5), mix(near, far, share=0.62))
    for k in range(12):
        pen.ellipse((-1 + 0.18 * k, -0.94 + chance.uniform(-0.1, 0.16)), (0.2, 0.4), mix((70, 128, 78), far, share=0.35))
    pen.ellipse((0.0, 1.4), (2.4, 1.04), (108, 142, 84))
    trunks = ((-0.9, -0.52, 0.56, 0.92), (-0.8, -0.2, 0.3, 0.74), (-0.96, -0.66, 0.86), (-0.44, 0.1, 0.66, 0.96))[variant]
    for x in trunks:
        wide = chance.uniform(0.045, 0.075)
        pen.polygon([(x - wide, -1), (x + wide, -1), (x + wide, 0.5), (x + wide * 1.7, 0.6), (x - wide * 1.7, 0.6),
                     (x - wide, 0.5)], near)
        pen.line([(x + wide * 0.3, -0.6), (x + wide * 0.3, 0.3)], 0.012, mix(near, (30, 24, 20), share=0.4))
        for side in (-1, 0, 1):
            pen.ellipse((x + 0.16 * side, -0.98), (0.17, 0.36 - 0.08 * abs(side)), (70, 128, 78))
    for _ in range(40):
        x, y = chance.uniform(-1, 1), chance.uniform(0.5, 0.98)
        pen.ellipse((x, y), (0.022, 0.016), chance.choice([(134, 164, 92), (88, 122, 70), (168, 142, 84)]))


def sun_at(pen: Pen, centre: Point, radius: float) -> None:
    """Circles are flattened by the frame's 16:9 shape, so their height is scaled up."""
    for grow, colour in ((1.5, (250, 236, 190)), (1.0, (255, 222, 120))):
        pen.ellipse(centre, (radius * 0.6 * grow, radius * 1.05 * grow), colour)


def cloud_at(pen: Pen, centre: Point) -> None:
    """Three white puffs."""
    for shift, radius in ((-0.13, 0.08), (0.0, 0.12), (0.13, 0.09)):
        pen.ellipse((centre[0] + shift, centre[1]), (radius, radius * 1.2), (255, 255, 255))


def _cactus(pen: Pen, foot: Point, tall: float) -> None:
    x, y = foot
    green = (104, 150, 104)
    pen.line([(x, y + 0.1), (x, y - tall)], 0.07, green)
    for side, share in ((-1, 0.4), (1, 0.56)):
        joint = y - tall * share
        pen.line([(x, joint), (x + side * 0.075, joint), (x + side * 0.075, joint - tall * 0.3)], 0.045, green)


def _fence(pen: Pen) -> None:
    for y in (0.4, 0.5):
        pen.line([(-1, y), (1, y)], 0.014, (226, 210, 184))
    for k in range(15):
        x = -0.98 + 0.14 * k
        pen.line([(x, 0.34), (x, 0.58)], 0.02, (226, 210, 184))
