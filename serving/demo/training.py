"""The demo's model from nothing: the world is drawn into shards, and the shipped recipe trains on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from data_pipeline.miniature.training_set import write_training_set
from training.recipe_file import packaged_recipe, read_recipe
from training.trainer import StepReport, train

TRAINING_CLIPS, VALIDATION_CLIPS = 16_000, 1_000
_SEED, _SIDE, _FRAMES = 0, 96, 8


def draw_world(directory: Path, *, progress: Callable[[int, int], None] | None = None) -> Path:
    """The shards that the model learns from; what an earlier run has drawn is kept. Raises as `write_training_set`."""
    shards = directory / "world"
    total = TRAINING_CLIPS + VALIDATION_CLIPS
    write_training_set(
        shards, clips={"train": TRAINING_CLIPS, "validation": VALIDATION_CLIPS}, seed=_SEED, side=_SIDE, frames=_FRAMES,
        progress=None if progress is None else lambda done: progress(done, total),
    )  # fmt: skip
    return shards


def train_model(directory: Path, shards: Path, *, on_step: Callable[[StepReport], None] | None = None) -> Path | None:
    """Train by the shipped recipe, on from where an earlier run was ended; the model's folder, None when interrupted."""
    recipe = read_recipe(
        packaged_recipe("miniature"), overrides=[(f"data.{split}.shards", str(shards)) for split in ("train", "validation")]
    )
    report = train(recipe, directory / "training", on_step=on_step)
    return directory / "training" / "model" if report.finished else None
