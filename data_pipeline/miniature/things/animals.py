"""Animals of the house, the air and the water, each seen from its side."""

from __future__ import annotations

from data_pipeline.miniature.colours import CREAM, INK, ROSE, Paint
from data_pipeline.miniature.pen import Pen, polar, swing
from data_pipeline.miniature.things.kind import Thing
from data_pipeline.miniature.things.parts import eyes, four_legs


def draw_cat(pen: Pen, paint: Paint, phase: float) -> None:
    pen.curve((-0.5, 0.25), (-1.05, 0.2), (-0.78, -0.55 + 0.08 * swing(phase)), 0.15, paint.main)
    four_legs(pen, paint, phase, hips=(-0.46, 0.22), top=0.45, thick=0.17)
    pen.ellipse((-0.12, 0.32), (0.56, 0.33), paint.main)
    for x in (-0.35, -0.15, 0.05):
        pen.line([(x, 0.02), (x + 0.03, 0.2)], 0.07, paint.dark)
    for side in (-1, 1):
        pen.polygon([(0.44 + side * 0.4, -0.1), (0.44 + side * 0.36, -0.78), (0.44 + side * 0.04, -0.42)], paint.main)
        pen.polygon([(0.44 + side * 0.33, -0.3), (0.44 + side * 0.32, -0.62), (0.44 + side * 0.14, -0.42)], ROSE)
    pen.ellipse((0.44, -0.13), (0.45, 0.37), paint.main)
    pen.ellipse((0.44, 0.03), (0.23, 0.15), CREAM)
    eyes(pen, paint, (0.27, -0.16), (0.61, -0.16), radius=0.075)
    pen.polygon([(0.38, -0.04), (0.5, -0.04), (0.44, 0.04)], ROSE)
    for side in (-1, 1):
        for rise in (-0.05, 0.06):
            pen.line([(0.44 + side * 0.22, 0.03), (0.44 + side * 0.54, 0.03 + rise * 1.6)], 0.022, paint.ink)


def draw_dog(pen: Pen, paint: Paint, phase: float) -> None:
    pen.curve((-0.62, 0.1), (-0.88, 0.02), (-0.82 + 0.1 * swing(phase), -0.4), 0.14, paint.main)
    four_legs(pen, paint, phase, hips=(-0.55, 0.2), top=0.4, thick=0.19)
    pen.ellipse((-0.16, 0.22), (0.6, 0.31), paint.main)
    pen.polygon([(0.1, -0.05), (0.3, -0.4), (0.62, -0.1), (0.38, 0.32)], paint.main)
    pen.ellipse((0.44, -0.32), (0.34, 0.33), paint.main)
    pen.ellipse((0.74, -0.2), (0.25, 0.17), paint.light)
    pen.ellipse((0.75, -0.03), (0.08, 0.13), ROSE)
    pen.ellipse((0.72, -0.11), (0.2, 0.07), paint.light)
    pen.ellipse((0.93, -0.28), (0.075, 0.065), paint.ink)
    pen.ellipse((0.24, -0.22), (0.15, 0.34), paint.dark, turn=14)
    eyes(pen, paint, (0.55, -0.42), radius=0.065)
    pen.line([(0.16, 0.16), (0.44, 0.1)], 0.09, (206, 62, 70) if paint.name != "red" else (62, 120, 214))


def draw_rabbit(pen: Pen, paint: Paint, phase: float) -> None:
    lift = 0.06 * abs(swing(phase / 2))
    for lean in (-16, 6):
        tip = polar((0.4, -0.2), 0.42, lean - 92)
        pen.ellipse(tip, (0.12, 0.37), paint.main, turn=lean)
        pen.ellipse(tip, (0.05, 0.28), ROSE, turn=lean)
    pen.circle((-0.72, 0.48 - lift), 0.17, CREAM)
    pen.ellipse((-0.16, 0.42 - lift), (0.57, 0.45), paint.main)
    pen.ellipse((-0.3, 0.62), (0.34, 0.32), paint.dark)
    pen.ellipse((-0.12, 0.9), (0.36, 0.1), paint.main)
    pen.ellipse((0.42, 0.86), (0.13, 0.14), paint.main)
    pen.line([(0.36, 0.5), (0.42, 0.88)], 0.2, paint.main)
    pen.ellipse((0.45, -0.06), (0.37, 0.32), paint.main)
    pen.ellipse((0.68, 0.06), (0.16, 0.13), paint.light)
    pen.circle((0.8, 0.01), 0.05, ROSE)
    eyes(pen, paint, (0.56, -0.12), radius=0.075)


def draw_bird(pen: Pen, paint: Paint, phase: float) -> None:
    beat = swing(phase)
    pen.polygon([(-0.45, 0.1), (-0.98, -0.16), (-0.88, 0.08), (-0.98, 0.3)], paint.dark)
    pen.ellipse((-0.02, 0.1), (0.55, 0.32), paint.main, turn=-8)
    pen.ellipse((0.06, 0.24), (0.38, 0.17), paint.light, turn=-8)
    pen.polygon([(0.7, -0.22), (1.0, -0.1), (0.7, -0.02)], (245, 166, 48))
    pen.circle((0.5, -0.14), 0.29, paint.main)
    eyes(pen, paint, (0.58, -0.2), radius=0.07)
    pen.polygon([(-0.28, 0.02), (0.26, 0.0), (-0.3, -0.75 * beat - 0.05), (-0.48, -0.6 * beat)], paint.dark)


def draw_fish(pen: Pen, paint: Paint, phase: float) -> None:
    sweep = 0.13 * swing(phase)
    pen.polygon([(-0.42, 0.0), (-0.95, -0.4 + sweep), (-0.8, sweep), (-0.95, 0.4 + sweep)], paint.dark)
    pen.polygon([(-0.25, -0.3), (0.05, -0.66), (0.35, -0.28)], paint.dark)
    pen.polygon([(-0.1, 0.3), (-0.05, 0.58), (0.2, 0.32)], paint.dark)
    pen.ellipse((0.12, 0.0), (0.68, 0.4), paint.main)
    pen.ellipse((0.14, 0.16), (0.5, 0.2), paint.light)
    for x in (-0.2, 0.02):
        pen.curve((x, -0.3), (x + 0.16, 0.0), (x, 0.3), 0.07, paint.dark)
    pen.polygon([(0.2, 0.05), (-0.04, 0.2 + sweep), (0.16, 0.26)], paint.dark)
    pen.circle((0.5, -0.1), 0.13, CREAM)
    pen.circle((0.53, -0.1), 0.07, INK)
    pen.curve((0.74, 0.12), (0.64, 0.2), (0.58, 0.14), 0.04, paint.ink)


def draw_butterfly(pen: Pen, paint: Paint, phase: float) -> None:
    spread = 0.72 + 0.28 * swing(phase)
    for side in (-1, 1):
        pen.ellipse((side * 0.46 * spread, -0.3), (0.5 * spread, 0.42), paint.main, turn=side * -24)
        pen.ellipse((side * 0.36 * spread, 0.4), (0.36 * spread, 0.34), paint.dark, turn=side * 26)
        pen.ellipse((side * 0.56 * spread, -0.36), (0.2 * spread, 0.16), paint.light)
        pen.circle((side * 0.4 * spread, 0.44), 0.11 * spread, paint.light)
        pen.curve((0.0, -0.5), (side * 0.1, -0.85), (side * 0.3, -0.9), 0.035, paint.ink)
    pen.ellipse((0.0, 0.03), (0.085, 0.56), paint.ink)
    pen.circle((0.0, -0.5), 0.12, paint.ink)


def draw_duck(pen: Pen, paint: Paint, phase: float) -> None:
    for shift, x in ((0.0, -0.15), (0.5, 0.1)):
        step = 0.16 * swing(phase, shift=shift)
        pen.line([(x, 0.6), (x + step, 0.92), (x + step + 0.16, 0.95)], 0.09, (245, 150, 40))
    pen.polygon([(-0.5, 0.3), (-0.98, -0.08), (-0.8, 0.5)], paint.main)
    pen.ellipse((-0.12, 0.36), (0.64, 0.38), paint.main)
    pen.polygon([(-0.05, 0.1), (0.14, -0.4), (0.66, -0.3), (0.52, 0.44)], paint.main)
    pen.circle((0.42, -0.4), 0.32, paint.main)
    pen.ellipse((0.83, -0.32), (0.2, 0.09), (245, 150, 40))
    pen.ellipse((-0.2, 0.32), (0.38, 0.22), paint.dark, turn=-10)
    eyes(pen, paint, (0.5, -0.48), radius=0.075)


ANIMALS = (
    Thing(name="cat", chinese="猫", measure="只", place="ground", draw=draw_cat),
    Thing(name="dog", chinese="狗", measure="只", place="ground", draw=draw_dog, beats=2.0),
    Thing(name="rabbit", chinese="兔子", measure="只", place="ground", draw=draw_rabbit, beats=2.0),
    Thing(name="duck", chinese="鸭子", measure="只", place="ground", draw=draw_duck),
    Thing(name="bird", chinese="鸟", measure="只", place="air", draw=draw_bird, restless=True, beats=2.0),
    Thing(name="fish", chinese="鱼", measure="条", place="air", draw=draw_fish, restless=True),
    Thing(name="butterfly", chinese="蝴蝶", measure="只", place="air", draw=draw_butterfly, restless=True, beats=2.0),
)
