"""Conditions on scenes: what a text asserts, and whether it is true of a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

from data_pipeline.miniature.spec import Actor, SceneSpec, Shot
from retrieval.errors import InputError

RelationCondition = Literal["left_of", "chases", "follows"]

STAYING = frozenset({"still", "bounce", "sway", "spin", "rise", "fall", "approach", "recede"})
"""Motions that keep a thing in its column: two actors that only do these never change sides."""

_ALSO_TRUE = {"zigzag": frozenset({"left_to_right"})}   # a saw-tooth path from left to right leads from left to right


@dataclass(frozen=True, kw_only=True)
class ActorCondition:
    """What is said of one actor; None is unsaid. `count` means exactly so many; `then` comes after `motion`."""

    thing: str | None = None
    colour: str | None = None
    size: str | None = None
    count: int | None = None
    motion: str | None = None
    then: str | None = None

    def __post_init__(self) -> None:
        if self.then is not None and self.motion is None:
            raise InputError("A condition names a second motion but no first one: give both, in their order.")


@dataclass(frozen=True, kw_only=True)
class ShotCondition:
    """What is said of one shot: `relation` holds between the first and the second of two actors."""

    actors: tuple[ActorCondition, ...] = ()
    scene: str | None = None
    relation: RelationCondition | None = None

    def __post_init__(self) -> None:
        if self.relation is not None and len(self.actors) != 2:
            raise InputError(f"The relation {self.relation} holds between two actors, not {len(self.actors)}.")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What is said of a clip: shots in their order of time. Without shots it asserts nothing and is always true."""

    shots: tuple[ShotCondition, ...] = ()


def condition_of(spec: SceneSpec) -> Condition:
    """All that is true of a scene and that a text of full detail says."""
    return Condition(shots=tuple(_shot_condition(shot) for shot in spec.shots))


def satisfies(spec: SceneSpec, condition: Condition) -> bool:
    """Whether all that the condition asserts is true of the scene: the scene is then relevant to its text."""
    return shots_satisfy(spec.shots, condition)


def shots_satisfy(shots: Sequence[Shot], condition: Condition) -> bool:
    """`satisfies` for the shots of a scene: each shot condition takes the earliest shot that is left for it."""
    begin = 0
    for wanted in condition.shots:
        found = next((k for k in range(begin, len(shots)) if _shot_satisfies(shots[k], wanted)), None)
        if found is None:
            return False
        begin = found + 1
    return True


def motions_of(actor: Actor) -> frozenset[str]:
    """Every motion that a text may truly say of the actor, whenever it does it."""
    done = {actor.motion} if actor.then is None else {actor.motion, actor.then}
    return frozenset(done).union(*(_ALSO_TRUE.get(motion, ()) for motion in done))


def left_to_right_pair(shot: Shot) -> tuple[int, int] | None:
    """The indices of the two actors of which the first is left of the second all the time, if there are such."""
    if len(shot.actors) != 2:
        return None
    if shot.relation is not None:
        return (0, 1) if shot.actors[0].motion == "left_to_right" else (1, 0)
    motions = {motion for actor in shot.actors for motion in (actor.motion, actor.then) if motion is not None}
    return (0, 1) if motions <= STAYING else None


def _shot_condition(shot: Shot) -> ShotCondition:
    actors = tuple(
        ActorCondition(thing=a.thing, colour=a.colour, size=a.size, count=a.count, motion=a.motion, then=a.then)
        for a in shot.actors
    )
    relation: RelationCondition | None = shot.relation
    if relation is None and left_to_right_pair(shot) == (0, 1):
        relation = "left_of"
    return ShotCondition(actors=actors, scene=shot.background, relation=relation)


def _shot_satisfies(shot: Shot, wanted: ShotCondition) -> bool:
    if wanted.scene is not None and wanted.scene != shot.background:
        return False
    return any(
        all(_actor_satisfies(shot.actors[k], one) for k, one in zip(chosen, wanted.actors, strict=True))
        and _relation_holds(shot, wanted.relation, chosen)
        for chosen in permutations(range(len(shot.actors)), len(wanted.actors))
    )


def _relation_holds(shot: Shot, relation: RelationCondition | None, chosen: tuple[int, ...]) -> bool:
    if relation is None:
        return True
    if relation == "left_of":
        return left_to_right_pair(shot) == chosen
    return shot.relation == relation and chosen == (0, 1)


def _actor_satisfies(actor: Actor, wanted: ActorCondition) -> bool:
    plain = ("thing", "colour", "size", "count")
    if any(getattr(wanted, name) not in (None, getattr(actor, name)) for name in plain):
        return False
    if wanted.motion is None:
        return True
    if wanted.then is None:
        return wanted.motion in motions_of(actor)
    return actor.then is not None and _is_true_of(wanted.motion, actor.motion) and _is_true_of(wanted.then, actor.then)


def _is_true_of(said: str, done: str) -> bool:
    return said == done or said in _ALSO_TRUE.get(done, ())
