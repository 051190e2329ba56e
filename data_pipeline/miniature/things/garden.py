"""What grows, and the house beside it."""

from __future__ import annotations

from data_pipeline.miniature.colours import CREAM, Colour, Paint
from data_pipeline.miniature.pen import Pen, swing
from data_pipeline.miniature.things.kind import Thing
from data_pipeline.miniature.things.parts import LEAF, WOOD

_BARK: Colour = (112, 74, 48)
_LIT: Colour = (255, 226, 130)


def draw_tree(pen: Pen, paint: Paint, phase: float) -> None:
    lean = 0.03 * swing(phase)
    pen.polygon([(-0.13, 0.2), (0.13, 0.2), (0.15, 0.86), (0.26, 0.99), (-0.26, 0.99), (-0.15, 0.86)], _BARK)
    crown = (((-0.46, 0.06), 0.36), ((0.46, 0.06), 0.36), ((0.0, 0.14), 0.38), ((-0.34, -0.34), 0.36),
             ((0.36, -0.34), 0.36), ((0.0, -0.56), 0.38), ((0.0, -0.16), 0.4))
    for (x, y), radius in crown:
        pen.circle((x + lean, y), radius, paint.main)
    for x, y in ((-0.42, -0.44), (0.08, -0.68), (0.3, -0.1)):
        pen.curve((x - 0.12 + lean, y + 0.06), (x - 0.06 + lean, y - 0.12), (x + 0.14 + lean, y - 0.08), 0.07, paint.light)
    for x, y in ((-0.3, 0.16), (0.5, 0.14), (-0.06, -0.16)):
        pen.curve((x - 0.14 + lean, y), (x + lean, y + 0.16), (x + 0.14 + lean, y), 0.07, paint.dark)


def draw_mushroom(pen: Pen, paint: Paint, phase: float) -> None:
    spot = CREAM if paint.name != "white" else paint.dark
    pen.polygon([(-0.2, 0.2), (0.2, 0.2), (0.3, 0.86), (0.2, 0.98), (-0.2, 0.98), (-0.3, 0.86)], (246, 232, 208))
    pen.ellipse((0.0, 0.2), (0.84, 0.2), paint.dark)
    pen.half_disc((0.0, 0.22), (0.95, 1.12), paint.main)
    for centre, radii in (((-0.02, -0.5), (0.19, 0.16)), ((-0.5, -0.16), (0.15, 0.17)), ((0.5, -0.2), (0.16, 0.18)),
                          ((0.06, -0.02), (0.14, 0.12))):
        pen.ellipse(centre, radii, spot)


def draw_apple(pen: Pen, paint: Paint, phase: float) -> None:
    pen.ellipse((0.34, -0.72), (0.28, 0.13), LEAF, turn=-26)
    for side in (-1, 1):
        pen.ellipse((side * 0.34, 0.14), (0.54, 0.64), paint.main, turn=side * -10)
        pen.ellipse((side * 0.24, 0.6), (0.34, 0.36), paint.main)
    pen.ellipse((0.0, -0.34), (0.26, 0.12), paint.dark)
    pen.curve((0.0, -0.34), (-0.02, -0.7), (-0.12, -0.9), 0.1, _BARK)
    pen.ellipse((-0.5, -0.02), (0.13, 0.26), paint.light, turn=22)


def draw_house(pen: Pen, paint: Paint, phase: float) -> None:
    pen.box((0.4, -0.8), (0.62, -0.2), paint.dark)
    pen.box((-0.72, -0.12), (0.72, 0.99), paint.main)
    pen.polygon([(-0.97, 0.02), (0.0, -0.95), (0.97, 0.02)], paint.dark)
    pen.line([(-0.9, 0.02), (0.9, 0.02)], 0.09, paint.outline)
    pen.box((-0.48, 0.34), (-0.06, 0.99), WOOD if paint.name != "brown" else CREAM, radius=0.04)
    pen.circle((-0.14, 0.68), 0.04, _LIT)
    pen.box((0.16, 0.26), (0.56, 0.62), CREAM)
    pen.box((0.2, 0.3), (0.52, 0.58), _LIT)
    pen.line([(0.36, 0.28), (0.36, 0.6)], 0.04, CREAM)
    pen.line([(0.2, 0.44), (0.52, 0.44)], 0.04, CREAM)
    pen.circle((0.0, -0.36), 0.13, CREAM)


GARDEN = (
    Thing(name="tree", chinese="树", measure="棵", place="ground", draw=draw_tree, beats=0.7),
    Thing(name="mushroom", chinese="蘑菇", measure="个", place="ground", draw=draw_mushroom),
    Thing(name="apple", chinese="苹果", measure="个", place="ground", draw=draw_apple),
    Thing(name="house", chinese="房子", measure="座", place="ground", draw=draw_house),
)
