"""How a thing moves: functions of the share of the shot that has passed, to a pose."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache


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

    `pose(share)` takes 0 at the start of the shot to 1 at its end. `crosses`: it leads across the frame; `faces`: it
    says where the thing looks, which otherwise looks where it looked before.
    """

    name: str
    chinese: str
    pose: Callable[[float], Pose]
    travels: bool = True
    tall: bool = False
    crosses: bool = False
    faces: bool = False


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


def _recede(share: float) -> Pose:
    return _approach(1 - share)


def _spin(share: float) -> Pose:
    return Pose(turn=720 * share)


def _zigzag(share: float) -> Pose:
    tooth = (3 * share + 0.25) % 1
    return Pose(x=share - 0.5, y=0.24 * (4 * abs(tooth - 0.5) - 1))


MOTIONS: dict[str, Motion] = {
    motion.name: motion
    for motion in (
        Motion(name="still", chinese="停着不动", pose=_still, travels=False),
        Motion(name="left_to_right", chinese="从左到右", pose=_left_to_right, crosses=True, faces=True),
        Motion(name="right_to_left", chinese="从右到左", pose=_right_to_left, crosses=True, faces=True),
        Motion(name="rise", chinese="升起", pose=_rise, tall=True),
        Motion(name="fall", chinese="落下", pose=_fall, tall=True),
        Motion(name="bounce", chinese="跳动", pose=_bounce),
        Motion(name="circle", chinese="绕圈", pose=_circle, tall=True, faces=True),
        Motion(name="sway", chinese="摇摆", pose=_sway, travels=False),
        Motion(name="approach", chinese="越来越近", pose=_approach),
        Motion(name="recede", chinese="越来越远", pose=_recede),
        Motion(name="spin", chinese="旋转", pose=_spin, travels=False),
        Motion(name="zigzag", chinese="之字形前进", pose=_zigzag, tall=True, crosses=True, faces=True),
    )
}

_SAMPLES = 24               # at which the extent of a path is looked at
_THERE_AND_BACK = 0.7       # of its way is left to a motion that the other one undoes
_HALF_WAY = 0.6             # and to one that the other goes on with or stays at the end of
_LARGEST = 1.35             # scale, as at the end of an approach
_WIDEST = 0.8               # share of the frame that a path of two motions takes
_AS_IT_IS = (0.0, 1.0)


@lru_cache(maxsize=512)
def in_turn(first: Motion, second: Motion) -> Motion:
    """One motion that does `first` in the first half of the shot and `second` in the other, without a jump between.

    The second begins where, and as large as, the first ends. What leads across or up the frame goes less far, and the
    whole path lies around the middle, so that both halves are seen.
    """
    x_reach, y_reach = (_reach(first, second, axis) for axis in ("x", "y"))
    earlier, later = (_shortened(motion, x_reach, y_reach) for motion in (first, second))
    end, begin = earlier(1.0), later(0.0)
    growth = end.scale / begin.scale

    def joined(share: float) -> Pose:
        if share < 0.5:
            return earlier(2 * share)
        pose = later(2 * share - 1)
        return replace(
            pose, x=pose.x + end.x - begin.x, y=pose.y + end.y - begin.y, scale=pose.scale * growth,
            to_left=pose.to_left if second.faces else end.to_left,
        )

    poses = [joined(step / _SAMPLES) for step in range(_SAMPLES + 1)]
    x_fit = _fit([pose.x for pose in poses]) if first.crosses or second.crosses else _AS_IT_IS
    y_fit = _fit([pose.y for pose in poses]) if first.tall or second.tall else _AS_IT_IS
    shrink = min(1.0, _LARGEST / max(pose.scale for pose in poses))

    def fitted(share: float) -> Pose:
        pose = joined(share)
        x, y = (pose.x - x_fit[0]) * x_fit[1], (pose.y - y_fit[0]) * y_fit[1]
        return replace(pose, x=x, y=y, scale=pose.scale * shrink)

    return Motion(
        name=f"{first.name}, {second.name}", chinese=f"{first.chinese}，然后{second.chinese}", pose=fitted,
        travels=first.travels or second.travels, tall=first.tall or second.tall,
        crosses=first.crosses or second.crosses, faces=True,
    )


def _reach(first: Motion, second: Motion, axis: str) -> float:
    return _THERE_AND_BACK if _way(first, axis) * _way(second, axis) < 0 else _HALF_WAY


def _way(motion: Motion, axis: str) -> float:
    """How far a motion has led along an axis at its end; next to nothing for one that comes back."""
    way: float = getattr(motion.pose(1.0), axis) - getattr(motion.pose(0.0), axis)
    return way if abs(way) > 0.1 else 0.0


def _shortened(motion: Motion, x_reach: float, y_reach: float) -> Callable[[float], Pose]:
    x_factor = x_reach if _way(motion, "x") else 1.0
    y_factor = y_reach if _way(motion, "y") else 1.0

    def pose(share: float) -> Pose:
        whole = motion.pose(share)
        return replace(whole, x=whole.x * x_factor, y=whole.y * y_factor)

    return pose


def _fit(values: list[float]) -> tuple[float, float]:
    """The middle of a path, and the factor that keeps it inside the frame."""
    low, high = min(values), max(values)
    return (low + high) / 2, min(1.0, _WIDEST / max(high - low, 1e-9))
