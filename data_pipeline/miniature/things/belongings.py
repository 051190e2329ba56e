"""What stands in a room, is worn, played or played with."""

from __future__ import annotations

import math

from data_pipeline.miniature.colours import CREAM, INK, Colour, Paint
from data_pipeline.miniature.pen import Pen, Point, curve_points, polar, swing
from data_pipeline.miniature.things.kind import Thing
from data_pipeline.miniature.things.parts import GOLD, WOOD

_METAL: Colour = (172, 176, 186)


def draw_clock(pen: Pen, paint: Paint, phase: float) -> None:
    centre = (0.0, 0.16)
    for side in (-1, 1):
        pen.line([(side * 0.4, 0.7), (side * 0.56, 0.93)], 0.14, paint.dark)
        pen.ellipse((side * 0.5, -0.6), (0.34, 0.24), paint.dark, turn=side * 40)
    pen.line([(0.0, -0.6), (0.0, -0.9)], 0.09, paint.dark)
    pen.line([(-0.12, -0.9), (0.12, -0.9)], 0.11, paint.dark)
    pen.circle(centre, 0.76, paint.main)
    pen.circle(centre, 0.5, CREAM)
    for hour in range(0, 360, 90):
        pen.line([polar(centre, 0.4, hour), polar(centre, 0.44, hour)], 0.06, INK)
    pen.line([centre, polar(centre, 0.36, 360 * phase - 90)], 0.07, INK)
    pen.line([centre, polar(centre, 0.25, 30)], 0.09, INK)


def draw_chair(pen: Pen, paint: Paint, phase: float) -> None:
    pen.line([(-0.3, 0.3), (-0.3, 0.8)], 0.13, paint.dark)
    pen.line([(0.32, 0.3), (0.32, 0.8)], 0.13, paint.dark)
    pen.line([(-0.52, -0.86), (-0.48, 0.9)], 0.17, paint.main)
    pen.line([(0.54, 0.24), (0.58, 0.9)], 0.17, paint.main)
    pen.line([(-0.12, -0.8), (-0.1, 0.16)], 0.13, paint.main)
    for y in (-0.74, -0.46, -0.18):
        pen.line([(-0.5, y), (-0.12, y + 0.03)], 0.13, paint.main)
    pen.polygon([(-0.56, 0.12), (0.36, 0.12), (0.66, 0.24), (0.66, 0.4), (-0.56, 0.4)], paint.main)
    pen.polygon([(-0.44, 0.05), (0.34, 0.05), (0.58, 0.2), (-0.44, 0.2)], paint.light)


def draw_hat(pen: Pen, paint: Paint, phase: float) -> None:
    band = CREAM if paint.name != "white" else (92, 88, 98)
    pen.ellipse((0.0, 0.62), (0.97, 0.27), paint.dark)
    pen.ellipse((0.0, 0.57), (0.95, 0.22), paint.main)
    pen.polygon([(-0.54, 0.6), (-0.46, -0.36), *curve_points((-0.46, -0.36), (-0.36, -0.78), (0.0, -0.52)),
                 *curve_points((0.0, -0.52), (0.36, -0.78), (0.46, -0.36)), (0.54, 0.6)], paint.main)
    pen.polygon([(-0.52, 0.2), (0.52, 0.2), (0.54, 0.44), *curve_points((0.54, 0.44), (0.0, 0.62), (-0.54, 0.44))], band)
    pen.curve((-0.2, -0.5), (0.0, -0.3), (0.2, -0.5), 0.06, paint.dark)


def draw_kite(pen: Pen, paint: Paint, phase: float) -> None:
    wave = 0.1 * swing(phase)
    top, right, bottom, left, middle = (0.3, -0.97), (0.88, -0.34), (0.0, 0.44), (-0.42, -0.52), (0.2, -0.44)
    tail = curve_points(bottom, (-0.5 - wave, 0.3), (-0.42 + wave, 0.66))
    tail += curve_points(tail[-1], (-0.34 + wave, 0.98), (-0.82, 0.92))
    pen.line(tail, 0.05, paint.ink)
    pen.polygon([top, right, bottom, left], paint.main)
    pen.polygon([top, middle, left], paint.light)
    pen.polygon([middle, right, bottom], paint.dark)
    pen.line([top, bottom], 0.04, CREAM)
    pen.line([left, right], 0.04, CREAM)
    for index in (10, 19, 28):
        x, y = tail[index]
        pen.polygon([(x, y), (x - 0.15, y - 0.1), (x - 0.13, y + 0.12)], paint.main)
        pen.polygon([(x, y), (x + 0.15, y - 0.1), (x + 0.13, y + 0.12)], paint.dark)


def draw_guitar(pen: Pen, paint: Paint, phase: float) -> None:
    def at(along: float, across: float) -> Point:
        """A place measured along the neck, from the foot of the body, and across it."""
        slope = math.radians(52)
        return (-0.56 + along * math.cos(slope) + across * math.sin(slope),
                0.62 - along * math.sin(slope) + across * math.cos(slope))

    pen.line([at(0.9, 0.0), at(1.8, 0.0)], 0.15, WOOD)
    pen.line([at(1.66, 0.0), at(1.84, 0.0)], 0.24, paint.dark)
    for along in (1.68, 1.84):
        for side in (-1, 1):
            pen.circle(at(along, side * 0.15), 0.055, _METAL)
    for along, radius in ((0.16, 0.5), (0.7, 0.38)):
        pen.circle(at(along, 0.0), radius, paint.outline)
    for along, radius in ((0.16, 0.46), (0.7, 0.34), (0.46, 0.32)):
        pen.circle(at(along, 0.0), radius, paint.main)
    pen.circle(at(0.6, 0.0), 0.19, CREAM)
    pen.circle(at(0.6, 0.0), 0.15, (64, 46, 40))
    pen.line([at(0.08, -0.17), at(0.08, 0.17)], 0.08, (64, 46, 40) if not paint.deep else WOOD)
    for across in (-0.04, 0.04):
        pen.line([at(0.08, across), at(1.8, across)], 0.02, CREAM)


def draw_robot(pen: Pen, paint: Paint, phase: float) -> None:
    swinging = 0.1 * swing(phase)
    pen.line([(0.0, -0.6), (0.0, -0.84)], 0.06, _METAL)
    pen.circle((0.0, -0.88), 0.09, (232, 76, 70) if paint.name != "red" else GOLD)
    for side in (-1, 1):
        step = max(0.0, side * swinging)
        pen.box((side * 0.24 - 0.13, 0.56), (side * 0.24 + 0.13, 0.92 - step), paint.dark)
        pen.box((side * 0.26 - 0.19, 0.84 - step), (side * 0.26 + 0.19, 0.98 - step), paint.main, radius=0.05)
        hand = (side * 0.78, 0.42 - side * swinging)
        pen.line([(side * 0.5, 0.08), (side * 0.76, 0.12), hand], 0.16, paint.dark)
        pen.circle(hand, 0.13, paint.main)
        pen.box((side * 0.5 - 0.09, -0.46), (side * 0.5 + 0.09, -0.22), _METAL)
    pen.box((-0.5, -0.04), (0.5, 0.66), paint.main, radius=0.08)
    pen.box((-0.5, -0.68), (0.5, -0.08), paint.main, radius=0.12)
    for side in (-1, 1):
        pen.circle((side * 0.22, -0.44), 0.13, CREAM)
        pen.circle((side * 0.22 + 0.03, -0.44), 0.07, INK)
    pen.line([(-0.22, -0.2), (0.22, -0.2)], 0.07, paint.ink)
    pen.box((-0.32, 0.12), (0.32, 0.46), paint.light, radius=0.05)
    for x, colour in ((-0.18, (232, 76, 70)), (0.0, GOLD), (0.18, (96, 190, 110))):
        pen.circle((x, 0.29), 0.065, colour)


def draw_drum(pen: Pen, paint: Paint, phase: float) -> None:
    tap = 0.08 * swing(phase)
    pen.ellipse((0.0, 0.7), (0.84, 0.26), paint.dark)
    pen.box((-0.84, -0.1), (0.84, 0.7), paint.main)
    pen.ellipse((0.0, 0.64), (0.84, 0.25), paint.main)
    rope = [(-0.8, 0.02), (-0.54, 0.74), (-0.28, 0.16), (0.0, 0.84), (0.28, 0.16), (0.54, 0.74), (0.8, 0.02)]
    pen.line(rope, 0.045, CREAM if paint.name != "white" else paint.dark)
    pen.ellipse((0.0, -0.06), (0.88, 0.26), paint.dark)
    pen.ellipse((0.0, -0.12), (0.88, 0.25), paint.dark)
    pen.ellipse((0.0, -0.13), (0.74, 0.16), (252, 240, 214))
    for side in (-1, 1):
        tip = (side * 0.1, -0.2 + side * tap)
        pen.line([tip, (side * 0.7, -0.82 + side * tap)], 0.075, WOOD)
        pen.circle(tip, 0.09, WOOD)


BELONGINGS = (
    Thing(name="clock", chinese="时钟", measure="个", place="ground", draw=draw_clock),
    Thing(name="chair", chinese="椅子", measure="把", place="ground", draw=draw_chair),
    Thing(name="hat", chinese="帽子", measure="顶", place="ground", draw=draw_hat),
    Thing(name="kite", chinese="风筝", measure="只", place="air", draw=draw_kite, restless=True, beats=0.7),
    Thing(name="guitar", chinese="吉他", measure="把", place="ground", draw=draw_guitar),
    Thing(name="robot", chinese="机器人", measure="个", place="ground", draw=draw_robot),
    Thing(name="drum", chinese="鼓", measure="面", place="ground", draw=draw_drum),
)
