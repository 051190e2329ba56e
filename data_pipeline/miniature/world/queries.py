"""Queries over a set of scenes, each with exactly the scenes that answer it, and queries without any answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from data_pipeline.miniature.captions import Detail, Language, say, some_condition
from data_pipeline.miniature.language.chinese_motions import MOTIONS_ZH
from data_pipeline.miniature.language.chinese_words import COLOURS_ZH, NUMBERS_ZH, SCENES_ZH, SIZES_ZH, THINGS_ZH
from data_pipeline.miniature.spec import SceneSpec
from data_pipeline.miniature.truth.condition import ActorCondition, Condition, ShotCondition
from data_pipeline.miniature.truth.relevance import relevant_sets
from retrieval.errors import InputError

_VALUES: dict[str, tuple[object, ...]] = {
    "thing": tuple(THINGS_ZH), "colour": tuple(COLOURS_ZH), "size": tuple(SIZES_ZH), "count": tuple(NUMBERS_ZH),
    "motion": tuple(MOTIONS_ZH),
}
_ROUNDS = 40


@dataclass(frozen=True, kw_only=True)
class Query:
    """A text, what it asserts, and the indices of all scenes of which that is true; none: it has no answer."""

    text: str
    language: Language
    detail: Detail
    condition: Condition
    relevant: frozenset[int]

    @property
    def answerable(self) -> bool:
        return bool(self.relevant)


def queries(
    specs: Sequence[SceneSpec], *, seed: int, count: int | None = None, detail: Detail = "full",
    language: Language = "zh", answerable: bool = True,
) -> list[Query]:
    """Queries of one level and language, no text twice.

    full: one for each of the first `count` scenes (None: of all), in their order; a text that an earlier scene of the
    same facts took is worded anew, and left out only when no new wording is found.
    short, medium: `count` queries (None: as many as scenes), about scenes drawn at random.
    answerable=False: true queries with one fact changed so that no scene answers.
    Raises InputError when the scenes do not give so many different queries.
    """
    random = Random(f"queries|{seed}|{detail}|{language}|{answerable}")
    wanted = len(specs) if count is None else count
    if detail == "full" and answerable:
        return _judged(list(_one_a_scene(specs[:wanted], random, language)), specs, detail, language)
    found: dict[str, Query] = {}
    for _ in range(_ROUNDS):
        before = len(found)
        for query in _judged(list(_at_random(specs, wanted, random, detail, language, answerable)), specs, detail,
                             language):
            if query.answerable == answerable:
                found.setdefault(query.text, query)
        if len(found) >= wanted:
            return list(found.values())[:wanted]
        if len(found) == before:
            break
    raise InputError(
        f"{len(specs)} scenes give only {len(found)} different queries of the level {detail}: ask for fewer than"
        f" {wanted}, or give more scenes."
    )


def _one_a_scene(
    specs: Sequence[SceneSpec], random: Random, language: Language
) -> Iterator[tuple[str, Condition]]:
    taken: set[str] = set()
    for spec in specs:
        condition = some_condition(spec, random, detail="full")
        tries = (say(condition, random, language=language, detail="full") for _ in range(_ROUNDS))
        text = next((text for text in tries if text not in taken), None)
        if text is not None:
            taken.add(text)
            yield text, condition


def _at_random(
    specs: Sequence[SceneSpec], count: int, random: Random, detail: Detail, language: Language, answerable: bool
) -> Iterator[tuple[str, Condition]]:
    for spec in random.choices(specs, k=count) if specs else ():
        condition = some_condition(spec, random, detail=detail)
        if not answerable:
            condition = _changed(condition, random)
        yield say(condition, random, language=language, detail=detail), condition


def _judged(
    asked: list[tuple[str, Condition]], specs: Sequence[SceneSpec], detail: Detail, language: Language
) -> list[Query]:
    found = relevant_sets([condition for _, condition in asked], specs)
    return [
        Query(text=text, language=language, detail=detail, condition=condition, relevant=frozenset(relevant))
        for (text, condition), relevant in zip(asked, found, strict=True)
    ]


def _changed(condition: Condition, random: Random) -> Condition:
    """The condition with one of its facts replaced by another value."""
    k = random.randrange(len(condition.shots))
    shot = condition.shots[k]
    changed = _changed_shot(shot, random)
    return Condition(shots=(*condition.shots[:k], changed, *condition.shots[k + 1:]))


def _changed_shot(shot: ShotCondition, random: Random) -> ShotCondition:
    if shot.scene is not None and (not shot.actors or random.random() < 0.2):
        return dataclasses.replace(shot, scene=random.choice([scene for scene in SCENES_ZH if scene != shot.scene]))
    k = random.randrange(len(shot.actors))
    actor = with_other_value(shot.actors[k], random.choice(changeable(shot.actors[k], shot)), shot, random)
    return dataclasses.replace(shot, actors=(*shot.actors[:k], actor, *shot.actors[k + 1:]))


def changeable(actor: ActorCondition, shot: ShotCondition) -> list[str]:
    """What is said of an actor and could be otherwise without anything else being so."""
    said = [name for name in _VALUES if getattr(actor, name) is not None]
    if shot.relation in ("chases", "follows") and "motion" in said:
        said.remove("motion")       # both would have to go the other way
    return said


def with_other_value(actor: ActorCondition, name: str, shot: ShotCondition, random: Random) -> ActorCondition:
    """The actor with another value of one of its facts, one that no actor of the shot has."""
    taken = {getattr(one, name) for one in shot.actors} | ({actor.then} if name == "motion" else set())
    changed: dict[str, Any] = {name: random.choice([value for value in _VALUES[name] if value not in taken])}
    return dataclasses.replace(actor, **changed)
