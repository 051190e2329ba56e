"""Random shots: who is there, what they look like and what they do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
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
from retrieval.errors import InputError

MOST_ACTORS = 2                 # of different things in a clip
_SHIFT = 0.04                   # eight things stand 0.125 apart, so no shift changes their order
_COUNT_WEIGHTS = (40, 20, 15, 13, 12)
_PURSUIT_COUNT_WEIGHTS = (85, 15)
_LONE_WEIGHT = 2.0              # motions that only lone actors have: over all clips they are as frequent as others
_TWO_SHOTS, _TWO_ACTORS, _RELATION, _THEN = 0.05, 0.45, 1 / 3, 0.24     # the last two of those they can apply to

Plan = Callable[[Random], tuple[Shot, ...]]


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The things, colours and backgrounds that a smaller world has: the fewer there are, the more it matters what happens."""

    things: tuple[str, ...]
    colours: tuple[str, ...]
    backgrounds: tuple[str, ...]

    def __post_init__(self) -> None:
        parts = ((self.things, set(THINGS)), (self.colours, set(PAINTS)), (self.backgrounds, set(BACKGROUNDS)))
        for names, known in parts:
            if not names or not known.issuperset(names):
                unknown = ", ".join(sorted(set(names) - known)) or "nothing"
                raise InputError(f"A palette cannot have {unknown}: choose from {', '.join(sorted(known))}.")
        if len(self.things) < MOST_ACTORS:
            raise InputError(f"A palette needs at least {MOST_ACTORS} things, one for each actor of a clip.")

    def repaint(self, shots: tuple[Shot, ...]) -> tuple[Shot, ...]:
        """The shots with things, colours and backgrounds of the palette; different things stay different."""
        drawn = [actor.thing for shot in shots for actor in shot.actors]
        things: dict[str, str] = {}
        for name in drawn:
            left = [thing for thing in self.things if thing not in things.values()]
            things.setdefault(name, left[_place(THINGS, name) % len(left)])
        return tuple(
            dataclasses.replace(
                shot, background=_of(self.backgrounds, BACKGROUNDS, shot.background),
                actors=tuple(
                    dataclasses.replace(one, thing=things[one.thing], colour=_of(self.colours, PAINTS, one.colour))
                    for one in shot.actors
                ),
            )
            for shot in shots
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Staging:
    """What the actors of a shot may do."""

    motions: tuple[str, ...]
    relation: Relation | None = None
    then_share: float = 0.0


def random_plan(random: Random) -> Plan:
    """What kind of clip to draw. Chosen once: were it drawn anew with the shots, clips of more actors, which more often
    belong to another split, would become rare.
    """
    kinds = (_two_shots, _pursuit, _side_by_side, _lone)
    two = (1 - _TWO_SHOTS) * _TWO_ACTORS
    weights = (_TWO_SHOTS, two * _RELATION, two * (1 - _RELATION), (1 - _TWO_SHOTS) * (1 - _TWO_ACTORS))
    return random.choices(kinds, weights=weights)[0]


def painted(plan: Plan, palette: Palette | None) -> Plan:
    """The plan with what it draws repainted; None = as it is."""
    return plan if palette is None else lambda random: palette.repaint(plan(random))


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


def _of(some: tuple[str, ...], all_names: Iterable[str], name: str) -> str:
    return some[_place(all_names, name) % len(some)]


def _place(names: Iterable[str], name: str) -> int:
    return sorted(names).index(name)


def _two_shots(random: Random) -> tuple[Shot, ...]:
    """Two shots of one actor each; nothing in the second is of a kind that the first has."""
    lone = _Staging(motions=tuple(MOTIONS))
    return tuple(
        _shot([thing], lone, random, seconds=random.uniform(1.6, 2.0)) for thing in random.sample(sorted(THINGS), 2)
    )


def _pursuit(random: Random) -> tuple[Shot, ...]:
    relation: Relation = random.choice(("chases", "follows"))
    return _one_shot(2, _Staging(motions=(random.choice(CROSSINGS),), relation=relation), random)


def _side_by_side(random: Random) -> tuple[Shot, ...]:
    return _one_shot(2, _Staging(motions=tuple(sorted(STAYING))), random)


def _lone(random: Random) -> tuple[Shot, ...]:
    return _one_shot(1, _Staging(motions=tuple(MOTIONS), then_share=_THEN), random)


def _one_shot(actors: int, staging: _Staging, random: Random) -> tuple[Shot, ...]:
    return (_shot(random.sample(sorted(THINGS), actors), staging, random, seconds=random.uniform(2.5, 4.0)),)


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
    weights = [1.0 if motion in STAYING or motion in CROSSINGS else _LONE_WEIGHT for motion in staging.motions]
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
