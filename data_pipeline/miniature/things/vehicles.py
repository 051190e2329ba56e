"""Things that carry people."""

from __future__ import annotations

from data_pipeline.miniature.colours import CREAM, GLASS, INK, Paint
from data_pipeline.miniature.pen import Pen, polar, swing
from data_pipeline.miniature.things.kind import Thing
from data_pipeline.miniature.things.parts import wheel


def draw_car(pen: Pen, paint: Paint, phase: float) -> None:
    pen.polygon([(-0.62, 0.3), (-0.42, -0.22), (0.28, -0.22), (0.6, 0.3)], paint.main)
    pen.box((-0.98, 0.2), (0.98, 0.76), paint.main, radius=0.18)
    pen.polygon([(-0.46, 0.22), (-0.34, -0.1), (-0.1, -0.1), (-0.1, 0.22)], GLASS)
    pen.polygon([(0.0, 0.22), (0.0, -0.1), (0.22, -0.1), (0.42, 0.22)], GLASS)
    pen.line([(-0.05, 0.28), (-0.05, 0.66)], 0.025, paint.dark)
    pen.box((-0.98, 0.56), (0.98, 0.66), paint.dark)
    pen.ellipse((0.9, 0.4), (0.08, 0.09), (255, 240, 170))
    pen.ellipse((-0.93, 0.4), (0.05, 0.09), (200, 50, 50))
    for x in (-0.54, 0.54):
        wheel(pen, paint, (x, 0.75), 0.24, phase)


def draw_bus(pen: Pen, paint: Paint, phase: float) -> None:
    pen.box((-0.98, -0.5), (0.98, 0.8), paint.main, radius=0.14)
    pen.box((-0.98, 0.36), (0.98, 0.48), CREAM)
    for x in (-0.84, -0.48, -0.12, 0.24):
        pen.box((x, -0.32), (x + 0.28, 0.16), GLASS, radius=0.04)
    pen.box((0.62, -0.32), (0.98, 0.2), GLASS, radius=0.04)
    pen.box((0.3, 0.24), (0.5, 0.76), paint.dark, radius=0.03)
    pen.ellipse((0.92, 0.6), (0.06, 0.07), (255, 240, 170))
    for x in (-0.56, 0.68):
        wheel(pen, paint, (x, 0.78), 0.21, phase)


def draw_bicycle(pen: Pen, paint: Paint, phase: float) -> None:
    back, front, pedal, seat, head = (-0.55, 0.55), (0.55, 0.55), (-0.08, 0.55), (-0.22, -0.08), (0.36, -0.12)
    for centre in (back, front):
        pen.circle(centre, 0.43, INK)
        pen.circle(centre, 0.35, CREAM)
        for turn in (0, 60, 120):
            spoke = 180 * phase + turn
            pen.line([polar(centre, 0.34, spoke), polar(centre, 0.34, spoke + 180)], 0.025, (150, 150, 158))
        pen.circle(centre, 0.07, INK)
    for start, end in ((back, pedal), (back, seat), (pedal, seat), (seat, head), (pedal, head), (head, front)):
        pen.line([start, end], 0.095, paint.main)
    pen.line([seat, (-0.26, -0.24)], 0.07, paint.dark)
    pen.ellipse((-0.27, -0.28), (0.21, 0.07), INK)
    pen.line([head, (0.3, -0.4), (0.5, -0.46)], 0.08, INK)
    pen.line([polar(pedal, 0.17, 360 * phase), polar(pedal, 0.17, 360 * phase + 180)], 0.06, INK)


def draw_boat(pen: Pen, paint: Paint, phase: float) -> None:
    pen.line([(0.02, -0.92), (0.02, 0.5)], 0.07, (120, 84, 56))
    pen.polygon([(0.1, -0.9), (0.1, 0.36), (0.8 + 0.03 * swing(phase), 0.36)], CREAM)
    pen.polygon([(-0.06, -0.7), (-0.06, 0.36), (-0.66, 0.36)], paint.light)
    pen.polygon([(0.02, -0.98), (0.02, -0.8), (-0.26, -0.89)], paint.main)
    pen.polygon([(-0.94, 0.46), (0.96, 0.46), (0.66, 0.96), (-0.62, 0.96)], paint.main)
    pen.polygon([(-0.94, 0.46), (0.96, 0.46), (0.9, 0.58), (-0.87, 0.58)], paint.dark)


def draw_plane(pen: Pen, paint: Paint, phase: float) -> None:
    pen.polygon([(-0.7, -0.02), (-0.98, -0.52), (-0.72, -0.52), (-0.42, -0.08)], paint.main)
    pen.polygon([(0.2, -0.14), (-0.1, -0.52), (0.06, -0.52), (0.46, -0.14)], paint.dark)
    pen.ellipse((0.02, 0.0), (0.95, 0.22), CREAM)
    pen.polygon([(-0.93, 0.0), (0.97, 0.02), (0.8, 0.13), (0.0, 0.23), (-0.6, 0.17)], paint.main)
    pen.polygon([(0.22, 0.06), (-0.34, 0.56), (-0.1, 0.56), (0.52, 0.06)], paint.dark)
    for x in (-0.45, -0.25, -0.05, 0.15, 0.35):
        pen.circle((x, -0.07), 0.055, (88, 150, 200))
    pen.polygon([(0.64, -0.14), (0.74, -0.14), (0.9, -0.02), (0.66, -0.02)], (88, 150, 200))


def draw_rocket(pen: Pen, paint: Paint, phase: float) -> None:
    flicker = 0.08 * swing(phase)
    pen.polygon([(-0.2, 0.5), (0.2, 0.5), (0.0, 0.94 + flicker * 0.7)], (250, 160, 50))
    pen.polygon([(-0.1, 0.5), (0.1, 0.5), (0.0, 0.76 + flicker)], (255, 228, 120))
    for side in (-1, 1):
        pen.polygon([(side * 0.2, 0.05), (side * 0.56, 0.4), (side * 0.54, 0.66), (side * 0.2, 0.46)], paint.dark)
    pen.ellipse((0.0, -0.16), (0.32, 0.8), CREAM)
    pen.polygon([(-0.25, -0.62), (0.25, -0.62), (0.1, -0.9), (0.0, -1.0), (-0.1, -0.9)], paint.main)
    pen.box((-0.27, 0.36), (0.27, 0.54), paint.main, radius=0.04)
    pen.circle((0.0, -0.24), 0.18, paint.dark)
    pen.circle((0.0, -0.24), 0.12, GLASS)


VEHICLES = (
    Thing(name="car", chinese="汽车", measure="辆", place="ground", draw=draw_car),
    Thing(name="bus", chinese="公交车", measure="辆", place="ground", draw=draw_bus),
    Thing(name="bicycle", chinese="自行车", measure="辆", place="ground", draw=draw_bicycle),
    Thing(name="boat", chinese="帆船", measure="艘", place="ground", draw=draw_boat, restless=True, beats=0.5),
    Thing(name="plane", chinese="飞机", measure="架", place="air", draw=draw_plane),
    Thing(name="rocket", chinese="火箭", measure="枚", place="air", draw=draw_rocket, restless=True, beats=4.0),
)
