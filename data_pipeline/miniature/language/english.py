"""A condition as an English sentence, or as the few words that people type into a search box."""

from __future__ import annotations

from random import Random

from data_pipeline.miniature.language import english_shapes as shapes
from data_pipeline.miniature.language.english_motions import motion_phrases_en
from data_pipeline.miniature.language.english_words import (
    COLOURS_EN,
    NUMBERS_EN,
    SCENE_NAMES_EN,
    SCENES_EN,
    SIZES_EN,
    SOMETHING_EN,
    THINGS_EN,
    article,
    gerund,
    inflected,
    plural,
    third_person,
)
from data_pipeline.miniature.language.slots import pick
from data_pipeline.miniature.truth.condition import ActorCondition, Condition, ShotCondition

MOST_WORDS = 40
_TRIES = 8
_FINITE = frozenset({"does", "is_doing", "are", "chases", "follows", "both"})     # need an article before their noun


def english_sentence(condition: Condition, random: Random) -> str:
    """Say the condition in one sentence, of at most MOST_WORDS words where one of some tries is that short."""
    tries = [_sentence(condition, random)]
    while len(tries) < _TRIES and len(tries[-1].split()) > MOST_WORDS:
        tries.append(_sentence(condition, random))
    text = min(tries, key=lambda one: len(one.split()))
    return text[0].upper() + text[1:] + ("." if _is_whole(condition) else "")


def _is_whole(condition: Condition) -> bool:
    """Numbers make articles and so sentences; without them a text is a headline, which takes no full stop."""
    return all(actor.count is not None for shot in condition.shots for actor in shot.actors)


def english_keywords(condition: Condition, random: Random) -> str:
    """Say a condition of one shot as a short search: red cat, rabbit snow, balloon rising, dog chasing cat."""
    [shot] = condition.shots
    if not shot.actors:
        assert shot.scene is not None
        return random.choice(SCENE_NAMES_EN[shot.scene])
    if len(shot.actors) == 2:
        first, second = (_Actor(one, random).what for one in shot.actors)
        return random.choice(shapes.SHORT_RELATIONS_EN[shot.relation]).format(a=first, b=second)
    return _short_actor(shot, random)


def _short_actor(shot: ShotCondition, random: Random) -> str:
    [said] = shot.actors
    actor = _Actor(said, random)
    words = [actor.number + actor.what if said.count != 1 else f"one {actor.what}"]
    if said.motion:
        words.append(inflected(random.choice(sorted(actor.phrases(), key=len)[:3]), gerund))
    if shot.scene:
        names = SCENE_NAMES_EN if random.random() < 0.5 else SCENES_EN
        words.append(random.choice(names[shot.scene]))
    return " ".join(words)


def _sentence(condition: Condition, random: Random) -> str:
    if len(condition.shots) == 2:
        shape = random.choice(shapes.SHOTS_EN)
        finite = shape.startswith(("first", "at first", "{a}, and then"))
        first, second = (_one(shot, random, finite=finite) for shot in condition.shots)
        return shape.format(a=first, b=second)
    [shot] = condition.shots
    if not shot.actors:
        assert shot.scene is not None
        return pick(shapes.SCENE_EN, _scene_slots(shot, random), random, scene=True, motion=False)
    return _one(shot, random) if len(shot.actors) == 1 else _two(shot, random)


def _one(shot: ShotCondition, random: Random, *, finite: bool | None = None) -> str:
    """`finite` chooses clauses of one kind (walks) or the other (walking), None any sentence."""
    [said] = shot.actors
    actor = _Actor(said, random)
    slots = _scene_slots(shot, random) | actor.slots()
    kind: tuple[str, ...] = shapes.ONE_EN if finite is None else shapes.CLAUSES_EN
    if said.count is None:
        kind = shapes.BARE_EN
    elif finite is not None:
        slots.pop("doing" if finite else "does", None)
    return pick(kind, slots, random, scene=shot.scene is not None, motion=said.motion is not None)


def _two(shot: ShotCondition, random: Random) -> str:
    said = shot.actors if shot.relation else tuple(random.sample(shot.actors, 2))
    actors = [_Actor(one, random) for one in said]
    slots = _scene_slots(shot, random)
    for k, actor in enumerate(actors, start=1):
        slots |= {f"{name}{k}": words for name, words in actor.slots().items()}
        slots |= {f"chases{k}": actor.agree("chase"), f"follows{k}": actor.agree("follow")}
        motion = actor.said.motion
        if motion in shapes.DIRECTIONS_EN:
            slots[f"direction{k}"] = random.choice(shapes.DIRECTIONS_EN[motion])
    first, second = actors
    if _same_motion(said) and (common := sorted(set(first.phrases()) & set(second.phrases()))):
        slots["both"] = random.choice(common)
    moving = said[0].motion is not None
    if said[0].count is None:
        slots = {name: words for name, words in slots.items() if name.rstrip("12") not in _FINITE}
    return pick(shapes.RELATIONS_EN[shot.relation], slots, random, scene=shot.scene is not None, motion=moving)


def _same_motion(said: tuple[ActorCondition, ...]) -> bool:
    return len({(one.motion, one.then) for one in said}) == 1 and said[0].motion is not None and said[0].then is None


def _scene_slots(shot: ShotCondition, random: Random) -> dict[str, str]:
    if shot.scene is None:
        return {}
    return {"where": random.choice(SCENES_EN[shot.scene]), "place": random.choice(SCENE_NAMES_EN[shot.scene])}


class _Actor:
    """The words for one actor; a random choice once made is kept."""

    def __init__(self, said: ActorCondition, random: Random) -> None:
        self.said = said
        self._random = random
        self._words = THINGS_EN[said.thing] if said.thing else SOMETHING_EN
        self._verb = random.choice(self._words.verbs)
        self._many = said.count is not None and said.count > 1
        name = random.choice(self._words.names)
        adjectives = [random.choice(SIZES_EN[said.size])] if said.size else []
        adjectives += [random.choice(COLOURS_EN[said.colour])] if said.colour else []
        self.what = " ".join((*adjectives, plural(name) if self._many else name))
        self.number = f"{NUMBERS_EN[said.count]} " if said.count is not None and said.count > 1 else ""
        self.who = article(self.what) if said.count == 1 else self.number + self.what

    def phrases(self, motion: str | None = None) -> list[str]:
        """Ways to say a motion, by default the first one, with the verb in its base form."""
        motion = motion or self.said.motion
        assert motion is not None
        return motion_phrases_en(motion, verb=self._verb, manner=self._words.manner)

    def agree(self, verb: str) -> str:
        """The verb as it follows the actor: walks, or walk of several."""
        return verb if self._many else third_person(verb)

    def slots(self) -> dict[str, str]:
        are = "are" if self._many else "is"
        slots = {"who": self.who, "what": self.what, "are": are}
        if self.said.motion is None:
            return slots
        chosen = self._chosen()
        slots["does"] = self._in_order([inflected(phrase, self.agree) for phrase in chosen])
        slots["doing"] = self._in_order([inflected(phrase, gerund) for phrase in chosen])
        slots["is_doing"] = f"{are} {slots['doing']}"
        return slots

    def _chosen(self) -> list[str]:
        motions = (self.said.motion, self.said.then)
        return [self._random.choice(self.phrases(motion)) for motion in motions if motion is not None]

    def _in_order(self, phrases: list[str]) -> str:
        if len(phrases) == 1:
            return phrases[0]
        first, second = phrases
        return self._random.choice(shapes.THEN_EN).format(a=first, b=second)
