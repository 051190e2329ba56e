"""Animals of the farm, each seen from its side."""

from __future__ import annotations

from data_pipeline.miniature.colours import CREAM, INK, ROSE, Colour, Paint
from data_pipeline.miniature.pen import Pen, swing
from data_pipeline.miniature.things.kind import Thing
from data_pipeline.miniature.things.parts import eyes, four_legs

_BEAK: Colour = (245, 166, 48)


def draw_horse(pen: Pen, paint: Paint, phase: float) -> None:
    pen.curve((-0.6, 0.0), (-0.92, 0.0), (-0.82 + 0.05 * swing(phase), 0.62), 0.17, paint.dark)
    four_legs(pen, paint, phase, hips=(-0.52, 0.14), top=0.2, thick=0.15)
    pen.ellipse((-0.17, 0.12), (0.54, 0.27), paint.main)
    pen.line([(0.08, -0.08), (0.2, -0.4), (0.36, -0.72)], 0.22, paint.dark)
    pen.polygon([(0.02, 0.1), (0.32, -0.72), (0.62, -0.6), (0.36, 0.24)], paint.main)
    pen.polygon([(0.34, -0.66), (0.36, -0.98), (0.52, -0.72)], paint.main)
    pen.line([(0.5, -0.6), (0.8, -0.32)], 0.25, paint.main)
    pen.ellipse((0.82, -0.29), (0.14, 0.12), paint.light, turn=40)
    pen.circle((0.88, -0.31), 0.035, paint.ink)
    eyes(pen, paint, (0.55, -0.6), radius=0.065)


def draw_cow(pen: Pen, paint: Paint, phase: float) -> None:
    patch = CREAM if paint.name != "white" else (92, 88, 98)
    pen.line([(-0.76, -0.2), (-0.87, 0.1), (-0.83 + 0.06 * swing(phase), 0.42)], 0.06, paint.dark)
    pen.circle((-0.83 + 0.06 * swing(phase), 0.46), 0.08, INK)
    four_legs(pen, paint, phase, hips=(-0.62, 0.1), top=0.4, thick=0.19)
    pen.ellipse((-0.22, 0.5), (0.15, 0.13), ROSE)
    pen.box((-0.82, -0.3), (0.4, 0.48), paint.main, radius=0.26)
    pen.ellipse((-0.5, -0.04), (0.2, 0.16), patch, turn=20)
    pen.ellipse((0.02, 0.26), (0.15, 0.12), patch, turn=-15)
    for side in (-1, 1):
        horn = (0.6 + side * 0.16, -0.5)
        pen.curve(horn, (0.6 + side * 0.38, -0.56), (0.6 + side * 0.3, -0.86), 0.085, (232, 214, 176))
        pen.ellipse((0.6 + side * 0.29, -0.34), (0.11, 0.075), paint.dark, turn=side * 18)
    pen.ellipse((0.6, -0.2), (0.26, 0.36), paint.main)
    pen.ellipse((0.62, 0.06), (0.27, 0.19), ROSE)
    for x in (0.53, 0.72):
        pen.circle((x, 0.04), 0.045, INK)
    eyes(pen, paint, (0.5, -0.28), (0.7, -0.28), radius=0.055)


def draw_pig(pen: Pen, paint: Paint, phase: float) -> None:
    wag = 0.05 * swing(phase)
    pen.curve((-0.66, 0.12), (-0.96, 0.1), (-0.86, -0.12 + wag), 0.075, paint.dark)
    pen.curve((-0.86, -0.12 + wag), (-0.7, -0.2), (-0.76, 0.0), 0.075, paint.dark)
    four_legs(pen, paint, phase, hips=(-0.42, 0.2), top=0.6, thick=0.2)
    pen.ellipse((-0.12, 0.26), (0.62, 0.5), paint.main)
    pen.circle((0.42, 0.06), 0.38, paint.main)
    pen.polygon([(0.12, -0.1), (0.04, -0.54), (0.4, -0.3)], paint.dark)
    pen.polygon([(0.44, -0.26), (0.62, -0.54), (0.68, -0.16)], paint.dark)
    pen.ellipse((0.76, 0.14), (0.17, 0.2), paint.dark)
    pen.ellipse((0.79, 0.14), (0.13, 0.16), paint.light)
    for x in (0.75, 0.84):
        pen.ellipse((x, 0.14), (0.03, 0.055), INK)
    eyes(pen, paint, (0.46, -0.06), radius=0.065)


def draw_chicken(pen: Pen, paint: Paint, phase: float) -> None:
    comb: Colour = (216, 50, 52) if paint.name != "red" else (150, 26, 40)
    for shift, x in ((0.0, -0.14), (0.5, 0.1)):
        step = 0.14 * swing(phase, shift=shift)
        pen.line([(x, 0.56), (x + step, 0.92), (x + step + 0.17, 0.94)], 0.075, _BEAK)
    for tip in ((-0.86, -0.2), (-0.78, -0.48), (-0.58, -0.64)):
        pen.line([(-0.34, 0.24), tip], 0.2, paint.dark)
    for centre in ((0.26, -0.78), (0.42, -0.84), (0.58, -0.74)):
        pen.circle(centre, 0.12, comb)
    pen.ellipse((-0.06, 0.26), (0.56, 0.42), paint.main, turn=-8)
    pen.polygon([(-0.1, 0.0), (0.16, -0.5), (0.66, -0.4), (0.46, 0.44)], paint.main)
    pen.circle((0.42, -0.46), 0.28, paint.main)
    pen.polygon([(0.66, -0.54), (0.97, -0.42), (0.66, -0.32)], _BEAK)
    pen.ellipse((0.66, -0.2), (0.085, 0.14), comb)
    pen.ellipse((-0.16, 0.26), (0.33, 0.22), paint.light, turn=-12)
    eyes(pen, paint, (0.5, -0.52), radius=0.07)


FARM_ANIMALS = (
    Thing(name="horse", chinese="马", measure="匹", place="ground", draw=draw_horse, beats=2.0),
    Thing(name="cow", chinese="牛", measure="头", place="ground", draw=draw_cow),
    Thing(name="pig", chinese="猪", measure="头", place="ground", draw=draw_pig),
    Thing(name="chicken", chinese="鸡", measure="只", place="ground", draw=draw_chicken, beats=2.0),
)
