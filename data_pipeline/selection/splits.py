"""Which split a video is in: what its owner says, else chance by a hash; a group is never divided."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

from data_pipeline.selection.components import Indices
from data_pipeline.selection.settings import SelectionSettings

SPLITS = ("test", "validation", "train")    # where owners disagree within a group the first wins: a test set must stay unseen


def split_of_groups(
    groups: Indices, given: Sequence[str | None], names: Sequence[str], settings: SelectionSettings
) -> list[str]:
    """The split of every video.

    groups: for each video the first of its group; given: what its owner says; names: ids, of which the least one of a group
    decides by its hash. A split by another name than the usual ones comes after them, in order of names.
    """
    wanted: dict[int, set[str]] = defaultdict(set)
    named: dict[int, str] = {}
    for group, split, name in zip(groups.tolist(), given, names, strict=True):
        named[group] = min(name, named.get(group, name))
        if split is not None:
            wanted[group].add(split)
    chosen = {
        group: strictest(wanted[group]) if group in wanted else _by_chance(name, settings) for group, name in named.items()
    }
    return [chosen[group] for group in groups.tolist()]


def strictest(splits: Iterable[str]) -> str:
    """The one of some splits that wins where they disagree."""
    return min(splits, key=_rank)


def chance(name: str, *, seed: int, what: str) -> float:
    """A number in 0..1 that follows from a name: the same wherever and whenever it is asked for."""
    digest = hashlib.sha256(f"{what}|{seed}|{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _by_chance(name: str, settings: SelectionSettings) -> str:
    drawn = chance(name, seed=settings.seed, what="split")
    if drawn < settings.test_share:
        return "test"
    return "validation" if drawn < settings.test_share + settings.validation_share else "train"


def _rank(split: str) -> tuple[int, str]:
    return (SPLITS.index(split) if split in SPLITS else len(SPLITS)), split
