"""Parts that several things share."""

from __future__ import annotations

from data_pipeline.miniature.colours import CREAM, INK, Colour, Paint
from data_pipeline.miniature.pen import Pen, Point, polar, swing

WOOD: Colour = (134, 92, 58)
LEAF: Colour = (84, 158, 84)
GOLD: Colour = (240, 190, 70)


def four_legs(pen: Pen, paint: Paint, phase: float, *, hips: tuple[float, float], top: float, thick: float) -> None:
    """Two legs at each hip, stepping against each other; the far ones are darker."""
    legs: tuple[tuple[float, float, Colour], ...] = (
        (hips[0] + 0.14, 0.5, paint.dark), (hips[1] + 0.14, 0.0, paint.dark),
        (hips[0], 0.0, paint.main), (hips[1], 0.5, paint.main),
    )
    for hip, shift, colour in legs:
        pen.line([(hip, top), (hip + 0.17 * swing(phase, shift=shift), 0.99 - thick / 2)], thick, colour)


def eyes(pen: Pen, paint: Paint, *centres: Point, radius: float) -> None:
    """Round eyes with a glint, in a light ring where the paint is as dark as they are."""
    for x, y in centres:
        if paint.deep:
            pen.circle((x, y), radius * 1.35, paint.ink)
        pen.circle((x, y), radius, INK)
        pen.circle((x + radius * 0.35, y - radius * 0.35), radius * 0.35, CREAM)


def wheel(pen: Pen, paint: Paint, centre: Point, radius: float, phase: float) -> None:
    """A spoked wheel that makes half a turn in a cycle; its tyre stands out from dark paint too."""
    pen.circle(centre, radius, paint.dark if paint.deep else INK)
    pen.circle(centre, radius * 0.55, (206, 208, 214))
    for turn in (0, 90):
        spoke = 180 * phase + turn
        ends = [polar(centre, radius * 0.5, spoke), polar(centre, radius * 0.5, spoke + 180)]
        pen.line(ends, radius * 0.2, (120, 122, 130))
