"""Things that lie, stand, hang or float."""

from __future__ import annotations

from data_pipeline.miniature.colours import CREAM, Paint
from data_pipeline.miniature.pen import Pen, curve_points, polar, swing
from data_pipeline.miniature.things.kind import Thing
from data_pipeline.miniature.things.parts import GOLD, LEAF, WOOD


def draw_balloon(pen: Pen, paint: Paint, phase: float) -> None:
    pen.curve((0.0, 0.34), (0.16 + 0.08 * swing(phase), 0.62), (0.02, 0.97), 0.035, paint.ink)
    pen.polygon([(-0.1, 0.44), (0.1, 0.44), (0.0, 0.26)], paint.dark)
    pen.ellipse((0.0, -0.3), (0.52, 0.64), paint.main)
    pen.ellipse((-0.2, -0.54), (0.11, 0.19), paint.light, turn=24)


def draw_ball(pen: Pen, paint: Paint, phase: float) -> None:
    centre, radius = (0.0, 0.1), 0.88
    pen.circle(centre, radius, CREAM)
    turn = 360 * phase
    pen.polygon([polar(centre, 0.32, turn + 72 * k) for k in range(5)], paint.main)
    for k in range(5):
        angle = turn + 72 * k
        pen.line([polar(centre, 0.3, angle), polar(centre, 0.62, angle)], 0.045, paint.dark)
        rim = ((0.6, 0), (0.74, -19), (0.87, -17), (0.87, 17), (0.74, 19))
        pen.polygon([polar(centre, reach, angle + side) for reach, side in rim], paint.main)


def draw_flower(pen: Pen, paint: Paint, phase: float) -> None:
    lean = 0.06 * swing(phase)
    heart = (lean, -0.3)
    pen.curve((0.0, 1.0), (0.06, 0.4), heart, 0.09, LEAF)
    pen.ellipse((0.3, 0.52), (0.3, 0.12), LEAF, turn=-28)
    pen.ellipse((-0.27, 0.66), (0.28, 0.12), LEAF, turn=28)
    for k in range(6):
        angle = 60 * k + 30
        pen.ellipse(polar(heart, 0.36, angle), (0.3, 0.21), paint.main, turn=angle)
    pen.circle(heart, 0.2, GOLD if paint.name != "yellow" else (150, 98, 50))


def draw_umbrella(pen: Pen, paint: Paint, phase: float) -> None:
    pen.line([(0.0, -0.86), (0.0, 0.74)], 0.075, WOOD)
    pen.line([(0.0, 0.74), *curve_points((0.0, 0.74), (0.02, 0.98), (0.2, 0.92)), (0.27, 0.74)], 0.075, WOOD)
    pen.half_disc((0.0, 0.08), (0.96, 0.86), paint.main)
    pen.half_disc((0.0, 0.08), (0.34, 0.86), paint.light)
    for x in (-0.65, 0.0, 0.65):
        pen.half_disc((x, 0.12), (0.31, 0.17), paint.dark)


def draw_lantern(pen: Pen, paint: Paint, phase: float) -> None:
    sway = 0.06 * swing(phase)
    pen.line([(0.0, -0.98), (0.0, -0.6)], 0.05, GOLD)
    pen.ellipse((0.0, -0.08), (0.72, 0.52), paint.main)
    pen.ellipse((0.0, -0.08), (0.42, 0.52), paint.light)
    pen.ellipse((0.0, -0.08), (0.32, 0.51), paint.main)
    pen.box((-0.34, -0.68), (0.34, -0.5), GOLD, radius=0.03)
    pen.box((-0.34, 0.34), (0.34, 0.5), GOLD, radius=0.03)
    for x in (-0.2, 0.0, 0.2):
        pen.line([(x, 0.5), (x + sway, 0.94)], 0.06, GOLD)


def draw_teacup(pen: Pen, paint: Paint, phase: float) -> None:
    for x in (-0.36, 0.0, 0.36):
        wave = 0.09 * swing(phase, shift=x)
        pen.line(curve_points((x, -0.36), (x + 0.2 + wave, -0.6), (x, -0.88)), 0.055, (255, 255, 255))
    pen.ellipse((-0.06, 0.88), (0.86, 0.11), paint.light)
    pen.circle((0.62, 0.22), 0.34, paint.dark)
    pen.circle((0.62, 0.22), 0.2, CREAM)
    pen.polygon([(-0.76, -0.22), (0.6, -0.22), (0.5, 0.5), (0.26, 0.82), (-0.42, 0.82), (-0.66, 0.5)], paint.main)
    pen.ellipse((-0.08, -0.22), (0.68, 0.13), paint.light)
    pen.ellipse((-0.08, -0.2), (0.58, 0.09), (140, 84, 46))


OBJECTS = (
    Thing(name="balloon", chinese="气球", measure="个", place="air", draw=draw_balloon, restless=True, beats=0.5),
    Thing(name="ball", chinese="足球", measure="个", place="ground", draw=draw_ball, beats=0.7),
    Thing(name="flower", chinese="花", measure="朵", place="ground", draw=draw_flower, restless=True, beats=0.5),
    Thing(name="umbrella", chinese="雨伞", measure="把", place="ground", draw=draw_umbrella),
    Thing(name="lantern", chinese="灯笼", measure="盏", place="air", draw=draw_lantern, restless=True, beats=0.5),
    Thing(name="teacup", chinese="茶杯", measure="只", place="ground", draw=draw_teacup, restless=True, beats=0.7),
)
