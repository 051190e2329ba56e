"""A condition as a Chinese sentence, or as the few words that people type into a search box."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from data_pipeline.miniature.language import chinese_shapes as shapes
from data_pipeline.miniature.language.chinese_motions import motion_phrases, takes_zheng
from data_pipeline.miniature.language.chinese_words import (
    COLOURS_ZH,
    NUMBERS_ZH,
    SCENES_ZH,
    SIZES_ZH,
    SOMETHING,
    THINGS_ZH,
    SizeWords,
    ThingWords,
)
from data_pipeline.miniature.language.slots import pick
from data_pipeline.miniature.truth.condition import ActorCondition, Condition, ShotCondition

MOST_CHARACTERS = 46        # a text encoder of 52 positions keeps room for its marks
_TRIES = 16
_LIVING = ("animal", "swimmer", "plant")     # 小白兔, but not 大蓝茶杯; 中号的杯子, but no such rabbit


def chinese_sentence(condition: Condition, random: Random) -> str:
    """Say the condition in one sentence, of at most MOST_CHARACTERS characters where one of some tries is that short."""
    tries = []
    for _ in range(_TRIES):
        text = _sentence(condition, random)
        if len(text) <= MOST_CHARACTERS:
            return text
        tries.append(text)
    return min(tries, key=len)


def chinese_keywords(condition: Condition, random: Random) -> str:
    """Say a condition of one shot as a short search: 红色的猫, 雪地 兔子, 升起的气球, 狗追猫."""
    [shot] = condition.shots
    words = [_scene_word(shot.scene, random)] if shot.scene else []
    if len(shot.actors) == 2:
        return _short_pair(shot, random) + "".join(f" {word}" for word in words)
    if not shot.actors:
        return words[0]
    return _short_actor(shot, random)


def _sentence(condition: Condition, random: Random) -> str:
    if len(condition.shots) == 2:
        first, second = (_one(shot, random, clause=True) for shot in condition.shots)
        return random.choice(shapes.SHOTS).format(a=first, b=second)
    [shot] = condition.shots
    if not shot.actors:
        assert shot.scene is not None
        return pick(shapes.SCENE, _scene_slots(shot, random), random, scene=True, motion=False)
    return _one(shot, random) if len(shot.actors) == 1 else _two(shot, random)


def _one(shot: ShotCondition, random: Random, *, clause: bool = False) -> str:
    [said] = shot.actors
    actor = _Actor(said, random)
    slots = _scene_slots(shot, random) | actor.slots()
    kind: tuple[str, ...] = shapes.CLAUSES if clause else shapes.ONE
    if said.count is None:
        kind = shapes.BARE
    return pick(kind, slots, random, scene=shot.scene is not None, motion=said.motion is not None)


def _two(shot: ShotCondition, random: Random) -> str:
    said = shot.actors if shot.relation else tuple(random.sample(shot.actors, 2))
    actors = [_Actor(one, random) for one in said]
    slots = _scene_slots(shot, random)
    for k, actor in enumerate(actors, start=1):
        slots[f"who{k}"] = actor.who
        if actor.said.motion is not None:
            slots[f"does{k}"] = actor.does()
    both = _both(actors, random)
    if both:
        slots["both"] = both
    moving = said[0].motion is not None
    return pick(shapes.RELATIONS[shot.relation], slots, random, scene=shot.scene is not None, motion=moving)


def _both(actors: list[_Actor], random: Random) -> str | None:
    """One phrase for what both do, if both do the same in the same manner."""
    motions = {(actor.said.motion, actor.said.then) for actor in actors}
    if len(motions) > 1 or motions & {(None, None)}:
        return None
    first, second = (set(actor.phrases(actor.said.motion)) for actor in actors)
    common = sorted(first & second)
    return random.choice(common) if common and actors[0].said.then is None else None


def _scene_slots(shot: ShotCondition, random: Random) -> dict[str, str]:
    if shot.scene is None:
        return {}
    words = SCENES_ZH[shot.scene]
    return {"where": random.choice(words.where), "place": random.choice(words.names)}


class _Actor:
    """The words for one actor; a random choice once made is kept."""

    def __init__(self, said: ActorCondition, random: Random) -> None:
        self.said = said
        self._random = random
        self._words: ThingWords = THINGS_ZH[said.thing] if said.thing else SOMETHING
        self._verb = random.choice(self._words.verbs)
        self.head = random.choice(self._words.names)
        self.number = _number(said.count, self._words, random)
        self.what = _described(said, self._words, self.head, random)
        self.who = self.number + self.what

    def phrases(self, motion: str | None) -> list[str]:
        assert motion is not None
        return motion_phrases(motion, self._words, verb=self._verb)

    def does(self) -> str:
        """The motion, or both in their order."""
        first = self._random.choice(self.phrases(self.said.motion))
        if self.said.then is None:
            return first
        second = self._random.choice(self.phrases(self.said.then))
        return self._random.choice(shapes.THEN).format(a=first, b=second)

    def slots(self) -> dict[str, str]:
        said = self.said
        slots = {"who": self.who, "what": self.what}
        if said.count is not None:
            slots["n"] = self.number
        if said.colour or said.size:
            slots |= {"head": self.head, "said": _said_after(said, self._random)}
        if said.motion is None:
            return slots
        slots["does"] = self.does()
        if said.then is not None:
            return slots
        slots["doing"] = slots["does"]
        if takes_zheng(said.motion, slots["does"]):
            slots["going"] = slots["does"]
        if said.motion == "still":
            slots["posture"] = self._words.posture
        return slots


def _number(count: int | None, words: ThingWords, random: Random) -> str:
    return "" if count is None else NUMBERS_ZH[count] + random.choice(words.measures)


def _said_after(said: ActorCondition, random: Random) -> str:
    parts = []
    if said.colour:
        parts.append(f"是{random.choice(COLOURS_ZH[said.colour].adjectives)}的")
    if said.size:
        parts.append(random.choice(SIZES_ZH[said.size].predicates))
    return "，".join(parts)


@dataclass(frozen=True)
class _Adjectives:
    """The forms that colour and size may take before one noun."""

    long_colours: list[str]     # 红色
    short_colour: str | None    # 红
    long_sizes: list[str]       # 很小
    short_size: str | None      # 小
    short_both: str | None      # 小红


def _described(said: ActorCondition, words: ThingWords, head: str, random: Random) -> str:
    """The noun with its colour and size: 红色的小猫, 小红猫, 很小的红气球."""
    adjectives = _adjectives(said, words, head)
    return random.choice(_descriptions(said, adjectives, head))


def _adjectives(said: ActorCondition, words: ThingWords, head: str) -> _Adjectives:
    colour = COLOURS_ZH[said.colour] if said.colour else None
    size = SIZES_ZH[said.size] if said.size else None
    short_colour = colour.short if colour and len(head) <= 2 else None
    short_size = size.plain if size and words.plain_size else None
    return _Adjectives(
        long_colours=list(colour.adjectives) if colour else [],
        short_colour=short_colour,
        long_sizes=_long_sizes(size, words),
        short_size=short_size,
        short_both=_short_both(short_size, short_colour) if words.manner in _LIVING else None,
    )


def _long_sizes(size: SizeWords | None, words: ThingWords) -> list[str]:
    if size is None:
        return []
    return [*size.adjectives, *(size.of_goods if words.manner not in _LIVING else ())]


def _short_both(size: str | None, colour: str | None) -> str | None:
    """小白, 大黑; but 大红 is a shade of red and says nothing of the size."""
    return size + colour if size and colour and size + colour != "大红" else None


def _descriptions(said: ActorCondition, forms: _Adjectives, head: str) -> list[str]:
    if said.colour and said.size:
        return _with_colour_and_size(forms, head)
    if said.colour:
        return _coloured(forms, head)
    sizes = [f"{size}的{head}" for size in forms.long_sizes]
    if forms.short_size:
        sizes += [f"{forms.short_size}{head}"] * 3
    return sizes or [head]


def _coloured(forms: _Adjectives, head: str) -> list[str]:
    texts = [f"{colour}的{head}" for colour in forms.long_colours]
    if len(head) > 1:
        texts += [f"{colour}{head}" for colour in forms.long_colours]
    if forms.short_colour:
        texts.append(forms.short_colour + head)
    return texts


def _with_colour_and_size(forms: _Adjectives, head: str) -> list[str]:
    texts = [f"{size}的{coloured}" for size in forms.long_sizes for coloured in _coloured(forms, head)]
    if forms.short_size is None:
        return texts
    texts = [text for text in texts if text.count("的") == 1]
    texts += [f"{colour}的{forms.short_size}{head}" for colour in forms.long_colours] * 3
    if forms.short_both:
        texts += [f"{forms.short_both}{head}"] * 2
    return texts


def _scene_word(scene: str, random: Random) -> str:
    words = SCENES_ZH[scene]
    return random.choice((*words.names, *words.where))


def _short_pair(shot: ShotCondition, random: Random) -> str:
    first, second = (_Actor(one, random).what for one in shot.actors)
    return random.choice(shapes.SHORT_RELATIONS[shot.relation]).format(a=first, b=second)


def _short_actor(shot: ShotCondition, random: Random) -> str:
    """One actor: words with spaces in any order, or a phrase."""
    [said] = shot.actors
    actor = _Actor(said, random)
    pieces = [actor.who]
    if shot.scene:
        pieces.append(_scene_word(shot.scene, random))
    if said.motion:
        pieces.append(random.choice(sorted(actor.phrases(said.motion), key=len)[:4]))
    if random.random() < 0.5:
        if said.colour and not said.size and not said.count:
            pieces[:1] = [random.choice(COLOURS_ZH[said.colour].adjectives), actor.head]
        random.shuffle(pieces)
        return " ".join(pieces)
    slots = _scene_slots(shot, random) | actor.slots()
    if said.count is not None:
        del slots["what"]
    return pick(shapes.SHORT, slots, random, scene=shot.scene is not None, motion=said.motion is not None)
