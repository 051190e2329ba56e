"""The generator: as many clips of a split as asked for."""

from __future__ import annotations

from typing import get_args

from data_pipeline.miniature.world.clips import WorldClip
from data_pipeline.miniature.world.dirt import dirty_or_clean
from data_pipeline.miniature.world.held_out import Split
from data_pipeline.miniature.world.shots import Palette
from retrieval.errors import InputError


def generate(
    count: int, *, seed: int, split: Split, dirt: float = 0.0, start: int = 0, palette: Palette | None = None
) -> list[WorldClip]:
    """The clips number `start` to `start + count - 1` of a split, each the same whatever range it is asked in.

    No scene of one split occurs in another, with any seed: scenes that a text cannot tell apart share a split, and
    "composition" holds every clip with a pair of thing and colour, or thing and motion, that the others never show.
    dirt: the share, 0 to 1, of clips with wrong or poor texts or pictures; `WorldClip.dirt` says which. palette: what a
    smaller world has, None = all.
    Raises InputError for a negative count or start, an unknown split, a share outside 0 to 1.
    """
    if count < 0 or start < 0:
        raise InputError(f"{count} clips from number {start} cannot be generated: give two numbers of at least 0.")
    if split not in get_args(Split):
        raise InputError(f"The world has no split {split!r}: choose one of {', '.join(get_args(Split))}.")
    if not 0 <= dirt <= 1:
        raise InputError(f"A share of {dirt} dirty clips is impossible: give a number from 0 to 1.")
    return [dirty_or_clean(seed, split, index, share=dirt, palette=palette) for index in range(start, start + count)]
