"""How a thing moves: functions of the share of the shot that has passed, to a pose."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where a thing is, relative to its place in the scene."""

    x: float = 0.0                  # in widths of the frame, to the right
    y: float = 0.0                  # in heights of the frame, downwards
    scale: float = 1.0
    turn: float = 0.0               # degrees clockwise
    to_left: bool = False           # it looks to the left


@dataclass(frozen=True, kw_only=True)
class Motion:
    """A named motion; `travels` says that legs step and wheels turn meanwhile, `tall` that it needs the frame's height.

    `pose(share)` takes 0 at the start of the shot to 1 at its end.
    """

    name: str
    chinese: str
    pose: Callable[[float], Pose]
    travels: bool = True
    tall: bool = False


def _still(share: float) -> Pose:
    return Pose()


def _left_to_right(share: float) -> Pose:
    return Pose(x=share - 0.5)


def _right_to_left(share: float) -> Pose:
    return Pose(x=0.5 - share, to_left=True)


def _rise(share: float) -> Pose:
    return Pose(y=0.42 - 0.84 * share)


def _fall(share: float) -> Pose:
    return Pose(y=0.84 * share**1.6 - 0.42)


def _bounce(share: float) -> Pose:
    return Pose(y=-0.34 * abs(math.sin(3 * math.pi * share)))


def _circle(share: float) -> Pose:
    angle = 2 * math.pi * share
    return Pose(x=0.2 * math.cos(angle), y=0.2 * math.sin(angle), to_left=math.sin(angle) > 0)


def _sway(share: float) -> Pose:
    angle = 4 * math.pi * share
    return Pose(x=0.03 * math.sin(angle), turn=18 * math.sin(angle))


def _approach(share: float) -> Pose:
    return Pose(scale=0.45 + 0.9 * share)


MOTIONS: dict[str, Motion] = {
    motion.name: motion
    for motion in (
        Motion(name="still", chinese="停着不动", pose=_still, travels=False),
        Motion(name="left_to_right", chinese="从左到右", pose=_left_to_right),
        Motion(name="right_to_left", chinese="从右到左", pose=_right_to_left),
        Motion(name="rise", chinese="升起", pose=_rise, tall=True),
        Motion(name="fall", chinese="落下", pose=_fall, tall=True),
        Motion(name="bounce", chinese="跳动", pose=_bounce),
        Motion(name="circle", chinese="绕圈", pose=_circle, tall=True),
        Motion(name="sway", chinese="摇摆", pose=_sway, travels=False),
        Motion(name="approach", chinese="越来越近", pose=_approach),
    )
}
