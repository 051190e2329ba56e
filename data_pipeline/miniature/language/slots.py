"""Choosing among shapes of sentences: a shape fits when its slots say exactly what is to be said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from random import Random
from string import Formatter

SCENE_SLOTS = frozenset({"where", "place"})
MOTION_SLOTS = frozenset({"does", "doing", "going", "posture", "is_doing", "does1", "doing1", "is_doing1", "both", "doing2",
                          "direction1"})


@cache
def slots_of(shape: str) -> frozenset[str]:
    """The names in braces."""
    return frozenset(name for _, name, _, _ in Formatter().parse(shape) if name)


def pick(shapes: Iterable[str], slots: Mapping[str, str], random: Random, *, scene: bool, motion: bool) -> str:
    """Fill a random one of the shapes that has words for all its slots and names scene and motion as they are said."""
    fitting = [
        shape for shape in shapes
        if slots_of(shape) <= slots.keys()
        and bool(slots_of(shape) & SCENE_SLOTS) == scene
        and bool(slots_of(shape) & MOTION_SLOTS) == motion
    ]
    return random.choice(fitting).format(**slots)
