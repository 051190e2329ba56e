"""Vehicles that carry loads, fly on a rotor or dive."""

from __future__ import annotations

from data_pipeline.miniature.colours import CREAM, GLASS, INK, Colour, Paint
from data_pipeline.miniature.pen import Pen, swing
from data_pipeline.miniature.things.kind import Thing
from data_pipeline.miniature.things.parts import GOLD, wheel

_LAMP: Colour = (255, 240, 170)
_STEAM: Colour = (240, 240, 244)


def draw_truck(pen: Pen, paint: Paint, phase: float) -> None:
    pen.box((-0.9, 0.5), (0.9, 0.7), INK)
    pen.box((-0.98, -0.62), (0.28, 0.6), paint.main, radius=0.05)
    for x in (-0.72, -0.42, -0.12):
        pen.line([(x, -0.48), (x, 0.46)], 0.05, paint.dark)
    pen.polygon([(0.36, -0.3), (0.7, -0.3), (0.84, 0.12), (0.98, 0.2), (0.98, 0.68), (0.36, 0.68)], paint.main)
    pen.polygon([(0.46, -0.18), (0.66, -0.18), (0.78, 0.14), (0.46, 0.14)], GLASS)
    pen.box((0.36, 0.5), (0.98, 0.6), paint.dark)
    pen.ellipse((0.92, 0.38), (0.06, 0.08), _LAMP)
    for x in (-0.68, -0.24, 0.66):
        wheel(pen, paint, (x, 0.76), 0.22, phase)


def draw_train(pen: Pen, paint: Paint, phase: float) -> None:
    for step, (x, y) in enumerate(((0.5, -0.72), (0.22, -0.8), (-0.02, -0.86))):
        pen.circle((x - 0.06 * swing(phase, shift=step / 3), y), 0.09 + 0.015 * step, _STEAM)
    pen.polygon([(0.66, 0.66), (0.98, 0.94), (0.56, 0.94)], paint.dark)
    pen.box((-0.84, 0.4), (0.86, 0.68), paint.dark, radius=0.04)
    pen.polygon([(0.46, -0.2), (0.4, -0.58), (0.76, -0.58), (0.7, -0.2)], paint.dark)
    pen.box((-0.3, -0.24), (0.86, 0.46), paint.main, radius=0.16)
    pen.box((-0.86, -0.5), (-0.2, 0.5), paint.main)
    pen.box((-0.96, -0.64), (-0.1, -0.48), paint.dark, radius=0.05)
    pen.box((-0.68, -0.34), (-0.38, -0.02), GLASS, radius=0.04)
    for x in (0.08, 0.32):
        pen.line([(x, -0.22), (x, 0.44)], 0.06, GOLD)
    pen.half_disc((0.2, -0.2), (0.13, 0.18), paint.dark)
    pen.circle((0.87, 0.02), 0.1, _LAMP)
    for x in (-0.62, -0.14, 0.34):
        wheel(pen, paint, (x, 0.76), 0.21, phase)
    reach = 0.07 * swing(phase)
    pen.line([(-0.62 + reach, 0.76), (0.34 + reach, 0.76)], 0.05, (206, 208, 214))


def draw_helicopter(pen: Pen, paint: Paint, phase: float) -> None:
    turning = abs(swing(phase / 2, shift=0.25))
    pen.line([(0.2, -0.3), (0.2, -0.62)], 0.1, paint.dark)
    pen.line([(0.2 - 0.18 - 0.54 * turning, -0.64), (0.2 + 0.18 + 0.54 * turning, -0.64)], 0.085, (96, 98, 110))
    for x in (0.0, 0.44):
        pen.line([(x, 0.4), (x, 0.76)], 0.06, paint.dark)
    pen.line([(-0.26, 0.78), (0.72, 0.78), (0.82, 0.7)], 0.075, paint.dark)
    pen.polygon([(0.0, -0.26), (-0.86, -0.12), (-0.86, 0.04), (0.0, 0.36)], paint.main)
    pen.polygon([(-0.98, -0.44), (-0.8, -0.44), (-0.7, 0.02), (-0.88, 0.06)], paint.dark)
    pen.ellipse((0.24, 0.08), (0.6, 0.44), paint.main)
    pen.polygon([(0.44, -0.22), (0.62, -0.16), (0.77, 0.06), (0.75, 0.14), (0.44, 0.14)], GLASS)
    pen.box((0.02, -0.14), (0.28, 0.1), GLASS, radius=0.05)
    pen.line([(-0.2, 0.3), (0.74, 0.3)], 0.07, paint.dark)


def draw_submarine(pen: Pen, paint: Paint, phase: float) -> None:
    spread = 0.18 + 0.1 * swing(phase)
    pen.line([(0.02, -0.3), (0.02, -0.72), (0.26, -0.72)], 0.1, paint.dark)
    pen.line([(-0.94, 0.24 - spread), (-0.94, 0.24 + spread)], 0.085, GOLD)
    pen.polygon([(-0.5, 0.2), (-0.86, -0.12), (-0.9, 0.24), (-0.86, 0.6), (-0.5, 0.3)], paint.dark)
    pen.polygon([(-0.24, 0.0), (-0.16, -0.42), (0.26, -0.42), (0.36, 0.0)], paint.main)
    pen.ellipse((0.06, 0.26), (0.9, 0.42), paint.main)
    pen.polygon([(-0.84, 0.3), (0.95, 0.3), (0.86, 0.46), (0.5, 0.62), (0.0, 0.68), (-0.5, 0.6)], paint.dark)
    for x in (-0.34, 0.08, 0.5):
        pen.circle((x, 0.14), 0.16, CREAM)
        pen.circle((x, 0.14), 0.11, (112, 176, 216))


HEAVY_VEHICLES = (
    Thing(name="truck", chinese="卡车", measure="辆", place="ground", draw=draw_truck),
    Thing(name="train", chinese="火车", measure="列", place="ground", draw=draw_train),
    Thing(name="helicopter", chinese="直升机", measure="架", place="air", draw=draw_helicopter, restless=True,
          beats=4.0),
    Thing(name="submarine", chinese="潜水艇", measure="艘", place="air", draw=draw_submarine, restless=True, beats=2.0),
)
