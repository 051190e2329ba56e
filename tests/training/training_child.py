"""Runs that are ended from within, each in a process of its own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import torch
import transformers.models.chinese_clip.modeling_chinese_clip as _loaded_before_the_fork  # noqa: F401

from tests.training.training_world import small_recipe
from training.states import state_files
from training.trainer import StepReport, train

STEPS = 20
OVERRIDES = (
    f"schedule.steps={STEPS}", "checkpoint.every=4", "evaluation.every=6", "model.new.dropout=0.2", "data.crop=0.2",
    "data.frames=[[0, 1], [7, 3]]", "batch.size=[[0, 8], [11, 16]]", "ema_decay=0.9", "data.workers=2",
    "objective.token_wise.info_nce=0.5", "batch.micro_batch=8", "objective.masked_language.weight=0.5",
    "objective.matching.weight=0.5", "objective.matching.mining=nearest", "objective.matching.curriculum={rate: 0.3}",
)  # fmt: skip


def run(shards: Path, output: Path, kill_at: int | None, *, within_the_state: bool = False) -> None:
    """Train; kill -9 once so many steps are done, or within the writing of the first state after them."""
    torch.set_num_threads(1)

    def on_step(done: StepReport) -> None:
        if kill_at is None or done.step < kill_at:
            return
        if not within_the_state:
            os.kill(os.getpid(), signal.SIGKILL)
        torch.save = _half_written

    train(small_recipe(shards, *OVERRIDES), output, on_step=on_step)


def _half_written(content: object, file: object) -> None:
    file.write(b"PK")       # type: ignore[attr-defined]
    file.flush()            # type: ignore[attr-defined]
    os.kill(os.getpid(), signal.SIGKILL)


def last_state_step(output: Path) -> int:
    files = state_files(output / "states")
    return int(files[-1].stem.removeprefix("state-")) if files else 0
