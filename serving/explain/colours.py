"""One colour for each score: blue below zero, orange above, told apart by all kinds of colour vision."""

from __future__ import annotations

import math
from collections.abc import Iterable

Colour = tuple[int, int, int]

# At -1, -0.5, 0, 0.5 and 1 times the limit.
_STOPS: tuple[Colour, ...] = ((33, 82, 148), (128, 170, 214), (250, 249, 246), (247, 178, 104), (184, 78, 8))
_STEP = 0.05


def limit_of(scores: Iterable[float]) -> float:
    """The end of a scale that is the same on both sides of zero: the largest magnitude, rounded up to a step of 0.05."""
    largest = max((abs(score) for score in scores), default=0.0)
    return max(1, math.ceil(round(largest / _STEP, 6))) * _STEP


def colour_of(score: float, *, limit: float) -> Colour:
    """The colour of a score on the scale from -limit to limit; what lies beyond has the colour of its end."""
    place = (min(max(score / limit, -1.0), 1.0) + 1) / 2 * (len(_STOPS) - 1)
    lower = min(int(place), len(_STOPS) - 2)
    share = place - lower
    red, green, blue = (
        round(low + share * (high - low)) for low, high in zip(_STOPS[lower], _STOPS[lower + 1], strict=True)
    )
    return red, green, blue


def contrast(first: Colour, second: Colour) -> float:
    """From 1 (the same) to 21 (black on white). Source: WCAG 2.1, contrast ratio."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Colour) -> float:
    linear = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
