"""Pairs of texts about one scene, one true and one with a single fact swapped: what a model must see to tell them apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

from data_pipeline.miniature.captions import Language, say
from data_pipeline.miniature.spec import SceneSpec
from data_pipeline.miniature.truth.condition import Condition, condition_of, satisfies
from data_pipeline.miniature.world.queries import changeable, with_other_value

Fact = Literal["attribute", "verb", "relation"]

_NAMES: dict[Fact, tuple[str, ...]] = {"attribute": ("colour", "size", "count"), "verb": ("motion",)}
_TRIES = 8


@dataclass(frozen=True, kw_only=True)
class Swap:
    """true and false differ in one fact of the scene with this index; they are worded by the same draws."""

    scene: int
    fact: Fact
    true: str
    false: str


def swaps(specs: Sequence[SceneSpec], *, seed: int, language: Language = "zh") -> list[Swap]:
    """At most one swap of each kind of fact for each scene, of full detail, those scenes that allow it.

    attribute: another colour, size or number; verb: another motion; relation: its two actors exchanged. The false text is
    not true of the scene.
    """
    return [swap for scene, spec in enumerate(specs) for swap in _of_scene(scene, spec, seed, language)]


def _of_scene(scene: int, spec: SceneSpec, seed: int, language: Language) -> Iterator[Swap]:
    whole = condition_of(spec)
    for fact in get_args(Fact):
        random = Random(f"swaps|{seed}|{spec.name}|{fact}")
        changed = (_swapped(whole, fact, random) for _ in range(_TRIES))
        false = next((one for one in changed if one is not None and not satisfies(spec, one)), None)
        if false is not None:
            wording = random.random()
            texts = [say(one, Random(wording), language=language, detail="full") for one in (whole, false)]
            if texts[0] != texts[1]:
                yield Swap(scene=scene, fact=fact, true=texts[0], false=texts[1])


def _swapped(whole: Condition, fact: Fact, random: Random) -> Condition | None:
    """The condition with one such fact swapped, None where it has none."""
    if fact == "relation":
        shot = whole.shots[0]
        if shot.relation is None:
            return None
        return dataclasses.replace(whole, shots=(dataclasses.replace(shot, actors=shot.actors[::-1]), *whole.shots[1:]))
    places = [
        (s, a, name)
        for s, shot in enumerate(whole.shots)
        for a, actor in enumerate(shot.actors)
        for name in changeable(actor, shot)
        if name in _NAMES[fact]
    ]
    if not places:
        return None
    s, a, name = random.choice(places)
    shot = whole.shots[s]
    actors = list(shot.actors)
    actors[a] = with_other_value(actors[a], name, shot, random)
    shots = list(whole.shots)
    shots[s] = dataclasses.replace(shot, actors=tuple(actors))
    return Condition(shots=tuple(shots))
