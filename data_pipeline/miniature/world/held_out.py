"""Which combinations belong to which split: what a model was never shown is decided by names alone, not by a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

from data_pipeline.miniature.language.chinese_motions import MOTIONS_ZH
from data_pipeline.miniature.language.chinese_words import COLOURS_ZH, THINGS_ZH
from data_pipeline.miniature.spec import Actor, Shot

Split = Literal["train", "validation", "test", "composition"]

_SHARES: tuple[tuple[Split, float], ...] = (("train", 0.7), ("validation", 0.15), ("test", 0.15))


@lru_cache(maxsize=1)
def held_out_colours() -> frozenset[tuple[str, str]]:
    """(thing, colour) pairs that only the composition split shows: one colour of every thing, 8.3 % of all pairs."""
    return frozenset((thing, min(COLOURS_ZH, key=lambda colour: _hash(thing, colour))) for thing in THINGS_ZH)


@lru_cache(maxsize=1)
def held_out_motions() -> frozenset[tuple[str, str]]:
    """(thing, motion) pairs that only the composition split shows: one motion of every thing, 8.3 % of all pairs."""
    return frozenset((thing, min(MOTIONS_ZH, key=lambda motion: _hash(thing, motion))) for thing in THINGS_ZH)


def is_new(actor: Actor) -> bool:
    """Whether the actor shows a held-out pair."""
    motions = {(actor.thing, motion) for motion in (actor.motion, actor.then)}
    return (actor.thing, actor.colour) in held_out_colours() or bool(motions & held_out_motions())


def split_of(shots: tuple[Shot, ...]) -> Split:
    """The one split in which a scene of these facts may appear, whatever the seed.

    Places, scales and variants do not count: two scenes that a text cannot tell apart are in the same split.
    """
    if any(is_new(actor) for shot in shots for actor in shot.actors):
        return "composition"
    share = int(_hash(*_facts(shots)), 16) / 16**16
    for split, room in _SHARES:
        share -= room
        if share < 0:
            return split
    return _SHARES[-1][0]


def _facts(shots: tuple[Shot, ...]) -> Iterator[str]:
    for shot in shots:
        yield from ("shot", shot.background, str(shot.relation))
        for one in shot.actors:
            yield from (one.thing, one.colour, one.size, str(one.count), one.motion, str(one.then))


def _hash(*words: str) -> str:
    return hashlib.blake2b("|".join(words).encode(), digest_size=8).hexdigest()
