"""What is known about a kind of thing besides how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from data_pipeline.miniature.colours import Paint
from data_pipeline.miniature.pen import Pen

Place = Literal["ground", "air"]
DrawThing = Callable[[Pen, Paint, float], None]


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A kind of thing: it looks to the right, and its lowest point touches y = 1 when it stands on the ground.

    `draw(pen, paint, phase)` draws one picture of its cycle (a step, a wing beat, a turn of the wheels), phase 0 to 1.
    """

    name: str
    chinese: str
    measure: str                    # the Chinese measure word: 一只猫, 一辆汽车
    place: Place
    draw: DrawThing
    restless: bool = False          # its cycle goes on while it stays where it is: wings, fins, a flame
    beats: float = 1.5              # cycles a second
