"""The world that the methods are compared on: few things, colours and places, so that it matters what happens, and dirt."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from data_pipeline.corpus.shard_list import load_list
from data_pipeline.corpus.shard_reader import ShardDataset
from data_pipeline.miniature.spec import SceneSpec
from data_pipeline.miniature.training_set import write_clips
from data_pipeline.miniature.world import Palette, WorldClip, generate
from data_pipeline.miniature.world.held_out import Split

SEED = 2024
PALETTE = Palette(
    things=("apple", "bird", "boat", "car", "cat", "fish", "house", "robot"),
    colours=("black", "blue", "red", "yellow"),
    backgrounds=("desert", "meadow", "room", "snow"),
)
CLIPS: dict[Split, int] = {"train": 6000, "validation": 300, "test": 600, "composition": 400}
DIRT = 0.35         # of the training clips; everything else is clean
SIDE, FRAMES = 64, 8


def clips_of(split: Split) -> list[WorldClip]:
    """The clips of a split; those without a text are left out: mismatched ones whose other text was true by chance."""
    dirt = DIRT if split == "train" else 0.0
    found = generate(CLIPS[split], seed=SEED, split=split, dirt=dirt, palette=PALETTE)
    return [clip for clip in found if clip.captions]


def specs_of(split: Split) -> list[SceneSpec]:
    return [clip.spec for clip in clips_of(split)]


def write_world(directory: Path, *, workers: int = 2) -> None:
    """Draw all splits into shards; what is there is kept."""
    write_clips(directory, (clip for split in CLIPS for clip in clips_of(split)), side=SIDE, frames=FRAMES, workers=workers)


def digest_of_drawn(directory: Path) -> str:
    """12 hex digits over what the shards give to a training: splits, texts, times and pictures, in order; "" without shards.

    Where no font with Chinese was found, burnt-in texts are drawn without, which is another world.
    """
    if load_list(directory) is None:
        return ""
    digest = hashlib.sha256()
    for sample in ShardDataset(directory):
        facts = [sample.key, sample.video, sample.split, sample.start_ms, sample.end_ms, sample.times_ms, sample.texts]
        digest.update(json.dumps(facts, ensure_ascii=False).encode())
        for jpeg in sample.jpegs:
            digest.update(hashlib.sha256(jpeg).digest())
    return digest.hexdigest()[:12]
