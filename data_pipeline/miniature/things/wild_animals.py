"""Animals of the wild, the pond and the shore."""

from __future__ import annotations

from data_pipeline.miniature.colours import CREAM, INK, Colour, Paint
from data_pipeline.miniature.pen import Pen, polar, swing
from data_pipeline.miniature.things.kind import Thing
from data_pipeline.miniature.things.parts import eyes, four_legs

_WATER: Colour = (176, 220, 246)


def draw_elephant(pen: Pen, paint: Paint, phase: float) -> None:
    sway = 0.05 * swing(phase)
    pen.line([(-0.84, 0.0), (-0.89 + sway, 0.42)], 0.06, paint.dark)
    four_legs(pen, paint, phase, hips=(-0.6, 0.04), top=0.4, thick=0.28)
    pen.ellipse((-0.3, 0.02), (0.6, 0.5), paint.main)
    pen.circle((0.34, -0.24), 0.42, paint.main)
    pen.curve((0.6, -0.24), (0.86 + sway, 0.2), (0.7 + sway, 0.66), 0.22, paint.main)
    pen.curve((0.7 + sway, 0.66), (0.72 + sway, 0.84), (0.83 + sway, 0.78), 0.17, paint.main)
    pen.curve((0.5, 0.1), (0.62, 0.32), (0.94, 0.2), 0.1, CREAM)
    pen.ellipse((0.06, -0.26), (0.32, 0.45), paint.outline, turn=8)
    pen.ellipse((0.06, -0.27), (0.27, 0.4), paint.dark, turn=8)
    eyes(pen, paint, (0.5, -0.34), radius=0.06)


def draw_turtle(pen: Pen, paint: Paint, phase: float) -> None:
    for shift, x in ((0.0, -0.48), (0.5, 0.34)):
        step = 0.1 * swing(phase, shift=shift)
        pen.line([(x, 0.62), (x + step, 0.86)], 0.24, paint.light)
    pen.line([(-0.7, 0.56), (-0.95, 0.66)], 0.08, paint.light)
    pen.line([(0.5, 0.5), (0.76, 0.22)], 0.2, paint.light)
    pen.ellipse((0.78, 0.16), (0.2, 0.17), paint.light)
    pen.half_disc((-0.1, 0.6), (0.74, 0.92), paint.main)
    for start, end in (((-0.34, 0.1), (-0.5, 0.56)), ((0.14, 0.1), (0.3, 0.56)), ((-0.34, 0.1), (-0.26, -0.24)),
                       ((0.14, 0.1), (0.06, -0.24)), ((-0.34, 0.1), (0.14, 0.1)), ((-0.7, 0.2), (-0.34, 0.1)),
                       ((0.5, 0.2), (0.14, 0.1))):
        pen.line([start, end], 0.06, paint.dark)
    pen.box((-0.86, 0.52), (0.66, 0.68), paint.dark, radius=0.07)
    eyes(pen, paint, (0.82, 0.12), radius=0.055)


def draw_frog(pen: Pen, paint: Paint, phase: float) -> None:
    squat = 0.04 * abs(swing(phase / 2))
    for side in (-1, 1):
        pen.ellipse((side * 0.6, 0.58), (0.24, 0.36), paint.dark, turn=side * -24)
        pen.ellipse((side * 0.7, 0.88), (0.26, 0.09), paint.main)
        pen.line([(side * 0.26, 0.4), (side * 0.3, 0.88)], 0.16, paint.main)
        pen.ellipse((side * 0.34, 0.9), (0.17, 0.07), paint.main)
    pen.ellipse((0.0, 0.44 + squat), (0.48, 0.42), paint.main)
    pen.ellipse((0.0, 0.58 + squat), (0.27, 0.27), paint.light)
    pen.ellipse((0.0, -0.12 + squat), (0.68, 0.4), paint.main)
    for side in (-1, 1):
        pen.circle((side * 0.4, -0.5 + squat), 0.26, paint.main)
        pen.circle((side * 0.4, -0.52 + squat), 0.18, CREAM)
        pen.circle((side * 0.4 + 0.05, -0.52 + squat), 0.1, INK)
    pen.curve((-0.48, -0.04 + squat), (0.0, 0.3 + squat), (0.48, -0.04 + squat), 0.06, paint.ink)


def draw_snail(pen: Pen, paint: Paint, phase: float) -> None:
    reach = 0.04 * swing(phase)
    for x, tip in ((0.62, (0.52 + reach, -0.36)), (0.72, (0.84 + reach, -0.36))):
        pen.line([(x, 0.3), tip], 0.07, paint.light)
        pen.circle(tip, 0.09, INK)
    pen.line([(0.68 + reach, 0.34), (0.62, 0.78), (0.3, 0.86), (-0.6, 0.86)], 0.26, paint.light)
    pen.polygon([(-0.5, 0.72), (-0.5, 0.98), (-0.97 - reach, 0.97)], paint.light)
    pen.circle((-0.14, 0.14), 0.66, paint.main)
    spiral = [polar((-0.14, 0.16), 0.06 + 0.0006 * degrees, degrees + 90) for degrees in range(0, 900, 20)]
    pen.line(spiral, 0.075, paint.outline)
    pen.curve((0.7, 0.5), (0.76, 0.5), (0.79, 0.42), 0.035, paint.ink)


def draw_crab(pen: Pen, paint: Paint, phase: float) -> None:
    for side in (-1, 1):
        for leg, (knee, foot) in enumerate((((0.72, 0.34), (0.94, 0.72)), ((0.64, 0.5), (0.76, 0.9)),
                                            ((0.48, 0.6), (0.5, 0.94)))):
            step = 0.05 * swing(phase, shift=leg / 3 + side / 4)
            pen.line([(side * 0.3, 0.4), (side * knee[0], knee[1]), (side * (foot[0] - 0.06) + step, foot[1])], 0.1,
                     paint.dark)
        pen.line([(side * 0.4, 0.2), (side * 0.74, 0.06), (side * 0.72, -0.2)], 0.14, paint.main)
        claw = (side * 0.68, -0.44)
        middle = -90 - side * 25
        pen.polygon([claw, *(polar(claw, 0.3, middle + side * turn) for turn in range(28, 340, 13))], paint.main)
        pen.line([(side * 0.16, 0.1), (side * 0.18, -0.2)], 0.06, paint.dark)
        pen.circle((side * 0.18, -0.24), 0.11, CREAM)
        pen.circle((side * 0.18 + 0.03, -0.24), 0.065, INK)
    pen.ellipse((0.0, 0.36), (0.56, 0.37), paint.main)
    pen.ellipse((0.0, 0.22), (0.36, 0.12), paint.light)
    pen.curve((-0.2, 0.44), (0.0, 0.6), (0.2, 0.44), 0.05, paint.ink)


def draw_whale(pen: Pen, paint: Paint, phase: float) -> None:
    lift = 0.08 * swing(phase)
    for bend, tip in ((-0.02, (-0.02, -0.7)), (0.5, (0.6, -0.7))):
        pen.curve((0.28, -0.34), (bend + 0.04, -0.98), tip, 0.09, _WATER)
    pen.polygon([(-0.44, 0.5), (-0.7, -0.24 + lift), (-0.56, -0.26 + lift), (0.1, -0.1), (0.0, 0.6)], paint.main)
    for tip, turn in (((-0.76, -0.34 + lift), 32), ((-0.48, -0.42 + lift), -42)):
        pen.ellipse(tip, (0.21, 0.1), paint.main, turn=turn)
    pen.ellipse((0.22, 0.2), (0.72, 0.5), paint.main)
    pen.polygon([(-0.3, 0.5), (0.2, 0.36), (0.88, 0.36), (0.72, 0.56), (0.4, 0.68), (0.1, 0.69)], paint.light)
    for shift in (0.0, 0.1, 0.2):
        pen.line([(0.06 + shift, 0.44 + shift / 4), (0.46 + shift, 0.42 + shift / 4)], 0.025, paint.dark)
    pen.ellipse((0.12, 0.56), (0.24, 0.11), paint.dark, turn=130 + 20 * swing(phase))
    pen.curve((0.9, 0.3), (0.78, 0.38), (0.62, 0.34), 0.04, paint.ink)
    eyes(pen, paint, (0.56, 0.14), radius=0.07)


WILD_ANIMALS = (
    Thing(name="elephant", chinese="大象", measure="头", place="ground", draw=draw_elephant, beats=1.0),
    Thing(name="turtle", chinese="乌龟", measure="只", place="ground", draw=draw_turtle, beats=1.0),
    Thing(name="frog", chinese="青蛙", measure="只", place="ground", draw=draw_frog, beats=2.0),
    Thing(name="snail", chinese="蜗牛", measure="只", place="ground", draw=draw_snail, beats=0.7),
    Thing(name="crab", chinese="螃蟹", measure="只", place="ground", draw=draw_crab, beats=2.0),
    Thing(name="whale", chinese="鲸鱼", measure="条", place="air", draw=draw_whale, restless=True, beats=0.7),
)
