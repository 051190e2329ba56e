"""The world that the methods are compared on: few kinds of things, so that minutes of training are enough, and dirt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random

from data_pipeline.miniature.spec import SceneSpec
from data_pipeline.miniature.training_set import write_clips
from data_pipeline.miniature.truth.condition import satisfies
from data_pipeline.miniature.world import WorldClip, generate
from data_pipeline.miniature.world.held_out import Split

SEED = 2024
KINDS = frozenset({"apple", "balloon", "bird", "boat", "car", "cat", "fish", "flower", "house", "plane", "robot", "tree"})
CLIPS: dict[Split, int] = {"train": 6000, "validation": 300, "test": 600, "composition": 400}
DIRT = 0.35         # of the training clips before those of other kinds are left out; everything else is clean
SIDE, FRAMES = 64, 8
_AT_ONCE = 2000


def clips_of(split: Split) -> list[WorldClip]:
    """The first clips of a split that show only some kinds of things and whose texts speak of no others."""
    found = _suitable(split)
    return [clip for clip, _ in zip(found, range(CLIPS[split]), strict=False)]


def specs_of(split: Split) -> list[SceneSpec]:
    return [clip.spec for clip in clips_of(split)]


def write_world(directory: Path) -> None:
    """Draw all splits into shards; what is there is kept."""
    write_clips(directory, (clip for split in CLIPS for clip in clips_of(split)), side=SIDE, frames=FRAMES)


def _suitable(split: Split) -> Iterator[WorldClip]:
    dirt = DIRT if split == "train" else 0.0
    clean: list[WorldClip] = []
    for start in count(0, _AT_ONCE):
        for clip in generate(_AT_ONCE, seed=SEED, split=split, dirt=dirt, start=start):
            if clip.dirt == "mismatched" and clean:
                clip = _mismatched(clip, clean)
            if clip.captions and _shown(clip) <= KINDS:
                if clip.dirt is None:
                    clean.append(clip)
                yield clip


def _shown(clip: WorldClip) -> set[str]:
    return {actor.thing for shot in clip.spec.shots for actor in shot.actors}


def _mismatched(clip: WorldClip, clean: Sequence[WorldClip]) -> WorldClip:
    """The clip with untrue texts of a suitable one: those that it came with would speak of kinds that are left out."""
    other = Random(f"origin of {clip.spec.name}").choice(clean)
    untrue = tuple(caption for caption in other.captions if not satisfies(clip.spec, caption.condition))
    return replace(clip, captions=untrue, origin=other.spec.name)
