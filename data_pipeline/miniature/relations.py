"""Where two groups are on their way across the frame when one chases or follows the other."""

from __future__ import annotations

from dataclasses import dataclass

from data_pipeline.miniature.spec import Relation

CROSSINGS = ("left_to_right", "right_to_left")      # motions that a relation can have
_EDGE = 0.04                # of the width: how far inside the frame the way begins and ends
_WIDEST_GROUP = 0.42        # of the width


@dataclass(frozen=True, kw_only=True)
class Pursuit:
    """The distance between the middles of two groups, in widths of the frame, at the start and at the end.

    `clear_before` and `clear_after` are the least room between their edges, whatever their sizes.
    """

    before: float
    after: float
    clear_before: float
    clear_after: float


RELATIONS: dict[Relation, Pursuit] = {
    "chases": Pursuit(before=0.5, after=0.15, clear_before=0.3, clear_after=0.0),
    "follows": Pursuit(before=0.3, after=0.3, clear_before=0.06, clear_after=0.06),
}


def places_in_relation(
    relation: Relation, groups: tuple[tuple[int, float], ...], *, share: float, to_left: bool
) -> list[float]:
    """The middle of every thing in widths of the frame, the pursuing group first, `share` (0 to 1) of the shot passed.

    groups: count and side, in widths, of the pursuer and the pursued. Both begin and end at the frame's edges.
    """
    pursuit = RELATIONS[relation]
    widths = [side + spacing * (count - 1) for count, side in groups for spacing in (_spacing(count, side),)]
    touching = sum(widths) / 2
    before = max(pursuit.before, touching + pursuit.clear_before)
    after = max(pursuit.after, touching + pursuit.clear_after)
    pursuer = _EDGE + (1 - 2 * _EDGE - after) * share
    middles = (pursuer, pursuer + before + (after - before) * share)
    places = [
        middle + (number - (count - 1) / 2) * _spacing(count, side)
        for middle, (count, side) in zip(middles, groups, strict=True)
        for number in range(count)
    ]
    return [1 - x for x in places] if to_left else places


def _spacing(count: int, side: float) -> float:
    return min(0.8 * side, max(0.0, _WIDEST_GROUP - side) / (count - 1)) if count > 1 else 0.0
