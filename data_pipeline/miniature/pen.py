"""A pen that draws smooth shapes in unit coordinates, whatever the size of the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from data_pipeline.miniature.colours import Colour

Point = tuple[float, float]

_STEPS = 48                 # corners of what is drawn as a circle
_CIRCLE = [(math.cos(2 * math.pi * step / _STEPS), math.sin(2 * math.pi * step / _STEPS)) for step in range(_STEPS)]


class Pen:
    """Draws on a square picture whose corners are (-1, -1) and (1, 1); y points down, so y = 1 is the ground."""

    def __init__(self, image: Image.Image) -> None:
        self._draw = ImageDraw.Draw(image)
        self._half_width = image.width / 2
        self._half_height = image.height / 2

    def ellipse(self, centre: Point, radii: Point, colour: Colour, *, turn: float = 0.0) -> None:
        """Fill an ellipse; `turn` is in degrees, clockwise."""
        self.polygon(_ellipse_points(centre, radii, turn=turn), colour)

    def circle(self, centre: Point, radius: float, colour: Colour) -> None:
        self.ellipse(centre, (radius, radius), colour)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        self._draw.polygon([self._place(point) for point in points], fill=colour)

    def box(self, low: Point, high: Point, colour: Colour, *, radius: float = 0.0) -> None:
        """Fill a box given by its upper left and lower right corner, with rounded corners."""
        self._draw.rounded_rectangle((self._place(low), self._place(high)), radius * self._half_width, fill=colour)

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """Draw a thick line with round joints and round ends."""
        places = [self._place(point) for point in points]
        thick = max(1, round(width * self._half_width))
        self._draw.line(places, fill=colour, width=thick)
        for x, y in places:
            reach = thick / 2
            self._draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=colour)

    def curve(self, start: Point, bend: Point, end: Point, width: float, colour: Colour) -> None:
        """Draw a thick quadratic curve from start to end, drawn towards `bend`."""
        self.line(curve_points(start, bend, end), width, colour)

    def half_disc(self, centre: Point, radii: Point, colour: Colour) -> None:
        """Fill the upper half of an ellipse."""
        points = _ellipse_points(centre, radii, turn=0.0)
        self.polygon([point for point in points if point[1] <= centre[1] + 1e-9], colour)

    def _place(self, point: Point) -> Point:
        return (point[0] + 1) * self._half_width, (point[1] + 1) * self._half_height


def curve_points(start: Point, bend: Point, end: Point, *, steps: int = 14) -> list[Point]:
    """Points of the quadratic Bézier curve with the control points start, bend, end."""
    points = []
    for step in range(steps + 1):
        t = step / steps
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t**2
        points.append((a * start[0] + b * bend[0] + c * end[0], a * start[1] + b * bend[1] + c * end[1]))
    return points


def polar(centre: Point, radius: float, degrees: float) -> Point:
    """The point at a distance and an angle (clockwise from the right) around a centre."""
    angle = math.radians(degrees)
    return centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)


def swing(phase: float, *, shift: float = 0.0) -> float:
    """-1 to 1, one full swing for a phase of 0 to 1."""
    return math.sin(2 * math.pi * (phase + shift))


def _ellipse_points(centre: Point, radii: Point, *, turn: float) -> list[Point]:
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    points = []
    for unit_x, unit_y in _CIRCLE:
        x, y = radii[0] * unit_x, radii[1] * unit_y
        points.append((centre[0] + x * cosine - y * sine, centre[1] + x * sine + y * cosine))
    return points
