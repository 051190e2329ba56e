"""Dirt as raw collections have it, each kind with its label; the truth of the scene stays exact."""

from __future__ import annotations

import dataclasses
from random import Random

from data_pipeline.miniature.captions import Caption
from data_pipeline.miniature.language import chatter
from data_pipeline.miniature.language.chinese_words import COLOURS_ZH, SCENES_ZH, THINGS_ZH
from data_pipeline.miniature.spec import SceneSpec
from data_pipeline.miniature.truth.condition import ActorCondition, Condition, ShotCondition, satisfies
from data_pipeline.miniature.world.clips import Dirt, WorldClip, clean_clip, clip_name, with_captions
from data_pipeline.miniature.world.held_out import Split
from data_pipeline.miniature.world.shots import Palette, nudged, still_shots

KINDS: tuple[Dirt, ...] = ("weak", "lyrics", "mismatched", "near_duplicate", "static")
_TRIES = 100
_TEXTS = 4


def dirty_or_clean(
    seed: int, split: Split, index: int, *, share: float, palette: Palette | None = None
) -> WorldClip:
    """The clip of this number when a share of all clips is dirty; the kinds of dirt are equally frequent."""
    kind = _kind(seed, split, index, share)
    if kind is None:
        return clean_clip(seed, split, index, palette=palette)
    random = Random(f"dirt|{seed}|{split}|{index}")
    if kind == "static":
        return dataclasses.replace(clean_clip(seed, split, index, plan=still_shots, palette=palette), dirt=kind)
    if kind in ("weak", "lyrics"):
        clip = clean_clip(seed, split, index, palette=palette)
        return _weak(clip, random) if kind == "weak" else _lyrics(clip, random)
    origin = clean_clip(seed, split, _earlier_clean(seed, split, index, share, random), palette=palette)
    if kind == "near_duplicate":
        return _near_duplicate(origin, clip_name(seed, split, index), random)
    return _mismatched(clean_clip(seed, split, index, palette=palette), origin)


def _kind(seed: int, split: Split, index: int, share: float) -> Dirt | None:
    random = Random(f"kind of dirt|{seed}|{split}|{index}")
    if index == 0 or random.random() >= share:      # the first is clean: a copy needs an earlier clip
        return None
    return random.choice(KINDS)


def _earlier_clean(seed: int, split: Split, index: int, share: float, random: Random) -> int:
    """The number of a clip before this one that is clean."""
    for _ in range(_TRIES):
        earlier = random.randrange(index)
        if _kind(seed, split, earlier, share) is None:
            return earlier
    return 0


def _weak(clip: WorldClip, random: Random) -> WorldClip:
    texts = tuple(_chatter(clip.spec, random) for _ in range(_TEXTS))
    spec = dataclasses.replace(clip.spec, title=texts[0].text)
    return dataclasses.replace(clip, spec=spec, captions=texts, dirt="weak")


def _chatter(spec: SceneSpec, random: Random) -> Caption:
    """Talk that mentions one true thing, with or without its colour, or the place."""
    shot = random.choice(spec.shots)
    one = random.choice(shot.actors)
    thing = random.choice(THINGS_ZH[one.thing].names)
    colour = random.choice(COLOURS_ZH[one.colour].adjectives)
    place = random.choice(SCENES_ZH[shot.background].names)
    fact, talk, said = random.choice((
        (thing, chatter.CHATTER, ShotCondition(actors=(ActorCondition(thing=one.thing),))),
        (f"{colour}的{thing}", chatter.CHATTER, ShotCondition(actors=(ActorCondition(thing=one.thing, colour=one.colour),))),
        (place, chatter.PLACE_CHATTER, ShotCondition(scene=shot.background)),
    ))
    text = random.choice(talk).format(fact=fact)
    return Caption(text=text, language="zh", detail="medium", condition=Condition(shots=(said,)))


def _lyrics(clip: WorldClip, random: Random) -> WorldClip:
    lines = chatter.lyric_lines(clip.spec.duration_ms, random)
    spec = dataclasses.replace(clip.spec, spoken=lines)
    texts = tuple(
        Caption(text=text, language="zh", detail="medium", condition=Condition())
        for text in random.sample(chatter.LYRICS, _TEXTS)
    )
    return dataclasses.replace(clip, spec=spec, captions=texts, dirt="lyrics")


def _mismatched(clip: WorldClip, other: WorldClip) -> WorldClip:
    """The clip with those captions and the title of another one that are not true of it."""
    untrue = tuple(caption for caption in other.captions if not satisfies(clip.spec, caption.condition))
    spec = dataclasses.replace(clip.spec, title=other.spec.title)
    return dataclasses.replace(clip, spec=spec, captions=untrue, dirt="mismatched", origin=other.spec.name)


def _near_duplicate(origin: WorldClip, name: str, random: Random) -> WorldClip:
    first, *parts = (nudged(shot, random) for shot in origin.spec.shots)
    spec = dataclasses.replace(origin.spec, name=name, actors=first.actors, parts=tuple(parts))
    clip = with_captions(spec, origin.split, random)
    return dataclasses.replace(clip, dirt="near_duplicate", origin=origin.spec.name)
