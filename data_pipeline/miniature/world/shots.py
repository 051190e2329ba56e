"""Random shots: who is there, what they look like and what they do."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from data_pipeline.miniature.backgrounds import BACKGROUNDS, VARIANTS
from data_pipeline.miniature.colours import PAINTS
from data_pipeline.miniature.motions import MOTIONS
from data_pipeline.miniature.picture import MOST_THINGS, SIZES
from data_pipeline.miniature.relations import CROSSINGS
from data_pipeline.miniature.spec import Actor, Relation, Shot
from data_pipeline.miniature.things import THINGS
from data_pipeline.miniature.truth.condition import STAYING

_SHIFT = 0.04                   # eight things stand 0.125 apart, so no shift changes their order
_COUNT_WEIGHTS = (40, 20, 15, 13, 12)
_PURSUIT_COUNT_WEIGHTS = (85, 15)
_CROSSING_WEIGHT = 2.0          # motions that only a lone actor has come as often as the others, over all clips
_TWO_SHOTS, _TWO_ACTORS, _RELATION, _THEN = 0.05, 0.45, 1 / 3, 0.24     # the last two of what they can apply to


@dataclass(frozen=True, kw_only=True)
class _Staging:
    """What the actors of a shot may do."""

    motions: tuple[str, ...]
    relation: Relation | None = None
    then_share: float = 0.0


def random_shots(random: Random) -> tuple[Shot, ...]:
    """The shots of a clip: mostly one; of two shots, each has one actor and none of the things of the other."""
    if random.random() < _TWO_SHOTS:
        things = random.sample(sorted(THINGS), 2)
        lone = _Staging(motions=tuple(MOTIONS))
        return tuple(_shot([thing], lone, random, seconds=random.uniform(1.6, 2.0)) for thing in things)
    if random.random() < _TWO_ACTORS:
        return (_shot_of_two(random),)
    lone = _Staging(motions=tuple(MOTIONS), then_share=_THEN)
    return (_shot(random.sample(sorted(THINGS), 1), lone, random, seconds=random.uniform(2.5, 4.0)),)


def still_shots(random: Random) -> tuple[Shot, ...]:
    """One shot in which nothing changes: things that beat no wings, standing still."""
    calm = sorted(name for name, thing in THINGS.items() if not thing.restless)
    things = random.sample(calm, random.choice((1, 2)))
    return (_shot(things, _Staging(motions=("still",)), random, seconds=random.uniform(2.5, 4.0)),)


def nudged(shot: Shot, random: Random) -> Shot:
    """The same shot with its things a little elsewhere and of a little other size."""
    return Shot(
        background=shot.background, actors=tuple(_nudged(one, random) for one in shot.actors), seconds=shot.seconds,
        relation=shot.relation, variant=shot.variant,
    )


def _shot_of_two(random: Random) -> Shot:
    staging = _Staging(motions=tuple(sorted(STAYING)))
    if random.random() < _RELATION:
        relation: Relation = random.choice(("chases", "follows"))
        staging = _Staging(motions=(random.choice(CROSSINGS),), relation=relation)
    return _shot(random.sample(sorted(THINGS), 2), staging, random, seconds=random.uniform(2.5, 4.0))


def _shot(things: list[str], staging: _Staging, random: Random, *, seconds: float) -> Shot:
    counts = _counts(len(things), staging, random)
    actors = tuple(_actor(thing, count, staging, random) for thing, count in zip(things, counts, strict=True))
    longer = 0.5 if any(one.then for one in actors) else 0.0
    return Shot(
        background=random.choice(sorted(BACKGROUNDS)), actors=actors, seconds=round(min(seconds + longer, 4.0), 1),
        relation=staging.relation, variant=random.randrange(VARIANTS),
    )


def _counts(actors: int, staging: _Staging, random: Random) -> list[int]:
    weights = _PURSUIT_COUNT_WEIGHTS if staging.relation else _COUNT_WEIGHTS
    while True:
        counts = random.choices(range(1, len(weights) + 1), weights=weights, k=actors)
        if sum(counts) <= MOST_THINGS:
            return counts


def _actor(thing: str, count: int, staging: _Staging, random: Random) -> Actor:
    weights = [1.0 if motion in STAYING else _CROSSING_WEIGHT for motion in staging.motions]
    motion = random.choices(staging.motions, weights=weights)[0]
    then = None
    if motion != "still" and random.random() < staging.then_share:
        then = random.choice([other for other in staging.motions if other not in (motion, "still")])
    return Actor(
        thing=thing, colour=random.choice(sorted(PAINTS)), size=random.choice(sorted(SIZES)), motion=motion,
        count=count, then=then, shift=_shift(random), scale=round(random.uniform(0.88, 1.12), 3),
    )


def _nudged(actor: Actor, random: Random) -> Actor:
    return Actor(
        thing=actor.thing, colour=actor.colour, size=actor.size, motion=actor.motion, count=actor.count,
        then=actor.then, shift=_shift(random),
        scale=round(min(1.15, max(0.85, actor.scale * random.uniform(0.95, 1.05))), 3),
    )


def _shift(random: Random) -> tuple[float, float]:
    return round(random.uniform(-_SHIFT, _SHIFT), 3), round(random.uniform(-_SHIFT, _SHIFT), 3)
