"""Captions of a scene: true texts at three levels of detail, each with the condition that it asserts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from random import Random
from typing import Literal

from data_pipeline.miniature.language.chinese import chinese_keywords, chinese_sentence
from data_pipeline.miniature.language.english import english_keywords, english_sentence
from data_pipeline.miniature.spec import SceneSpec
from data_pipeline.miniature.truth.condition import ActorCondition, Condition, ShotCondition, condition_of

Language = Literal["zh", "en"]
Detail = Literal["short", "medium", "full"]

_FACTS = ("colour", "size", "count", "motion")
_SHORT = (      # what a short text says of one actor, and whether it names the scene; by how often people type it
    (("thing",), False, 5),
    (("thing", "colour"), False, 6),
    (("thing", "size"), False, 2),
    (("thing", "count"), False, 2),
    (("thing",), True, 4),
    (("thing", "motion"), False, 5),
    (("thing", "colour"), True, 3),
    (("thing", "colour", "motion"), False, 3),
    (("thing", "colour", "size"), False, 2),
    (("thing", "colour", "count"), False, 2),
    (("thing", "motion"), True, 2),
    (("colour",), False, 1),
    ((), True, 1),
)
_TWO_ACTORS_SHARE = 0.35        # of the short texts of a shot of two actors


@dataclass(frozen=True, kw_only=True)
class Caption:
    """A text about a clip. `condition` is what it asserts, nothing less and nothing more."""

    text: str
    language: Language
    detail: Detail
    condition: Condition


def captions(
    spec: SceneSpec, random: Random, *, count: int = 1, language: Language = "zh", detail: Detail = "full"
) -> list[Caption]:
    """`count` captions of a scene in one language and level of detail, each worded differently where there are so many.

    short: 1 to 3 words as people type them; medium: some of what is true; full: all of it.
    """
    found: dict[str, Caption] = {}
    doubles: list[Caption] = []
    for _ in range(4 * count):
        caption = _caption(spec, random, language, detail)
        if caption.text in found:
            doubles.append(caption)
        found.setdefault(caption.text, caption)
        if len(found) == count:
            break
    return [*found.values(), *doubles][:count]


def say(condition: Condition, random: Random, *, language: Language, detail: Detail) -> str:
    """A text that asserts the condition: a sentence, or keywords at the short level."""
    if detail == "short":
        return (chinese_keywords if language == "zh" else english_keywords)(condition, random)
    return (chinese_sentence if language == "zh" else english_sentence)(condition, random)


def some_condition(spec: SceneSpec, random: Random, *, detail: Detail) -> Condition:
    """A random condition that is true of the scene and says as much as texts of this level do."""
    whole = condition_of(spec)
    if detail == "full":
        return whole
    return _short(whole, random) if detail == "short" else _medium(whole, random)


def _caption(spec: SceneSpec, random: Random, language: Language, detail: Detail) -> Caption:
    condition = some_condition(spec, random, detail=detail)
    text = say(condition, random, language=language, detail=detail)
    return Caption(text=text, language=language, detail=detail, condition=condition)


def _short(whole: Condition, random: Random) -> Condition:
    shot = random.choice(whole.shots)
    if len(shot.actors) == 2 and random.random() < _TWO_ACTORS_SHARE:
        return Condition(shots=(_short_pair(shot, random),))
    facts, scene, _ = random.choices(_SHORT, weights=[weight for *_, weight in _SHORT])[0]
    actors = (_only(random.choice(shot.actors), facts, random),) if facts else ()
    return Condition(shots=(ShotCondition(actors=actors, scene=shot.scene if scene else None),))


def _short_pair(shot: ShotCondition, random: Random) -> ShotCondition:
    facts = ("thing", "colour") if random.random() < 0.3 else ("thing",)
    related = shot.relation is not None and random.random() < 0.6
    return ShotCondition(
        actors=tuple(_only(one, facts, random) for one in shot.actors), relation=shot.relation if related else None
    )


def _medium(whole: Condition, random: Random) -> Condition:
    """Some facts of all shots, or of one; never all that is true."""
    if len(whole.shots) > 1 and random.random() < 0.5:
        return Condition(shots=tuple(_medium_shot(shot, random) for shot in whole.shots))
    return Condition(shots=(_medium_shot(random.choice(whole.shots), random),))


def _medium_shot(shot: ShotCondition, random: Random) -> ShotCondition:
    scene = shot.scene if random.random() < 0.5 else None
    if len(shot.actors) == 2 and random.random() < 0.3:
        shot = dataclasses.replace(shot, actors=(random.choice(shot.actors),), relation=None)
    facts = set(random.sample(_FACTS, random.choice((1, 2, 2, 3))))
    actors = tuple(_only(one, ("thing", *sorted(facts)), random, in_order=True) for one in shot.actors)
    relation = shot.relation if random.random() < 0.6 else None
    return ShotCondition(actors=actors, scene=scene, relation=relation)


def _only(actor: ActorCondition, facts: tuple[str, ...], random: Random, *, in_order: bool = False) -> ActorCondition:
    """The actor with these facts alone; of two motions in order only one where `in_order` is false, else perhaps."""
    kept = {name: getattr(actor, name) for name in facts}
    if "motion" in kept and actor.then is not None:
        both = in_order and random.random() < 0.6
        kept |= {"then": actor.then} if both else {"motion": random.choice((actor.motion, actor.then))}
    return ActorCondition(**kept)
