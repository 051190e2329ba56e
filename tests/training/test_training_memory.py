"""The memory that a dry run states, beside the peak that the allocator of a real step saw."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

import pytest
import torch

from tests.training.training_world import small_recipe, write_world
from training.batches.order import Position, planned_batches
from training.dry_run import try_recipe
from training.gradients import backward
from training.memory import pairs_read, weight_bytes
from training.processes import Processes
from training.recipe import Matching, Objective, TextVideo
from training.setup import Setup, prepare
from training.step_objective import objective_of

LONG = ("data.frames=4", "batch.size=80")       # the dry run looks at 16 clips
RECIPES = {
    "plain": LONG,
    "token-wise": (*LONG, "objective.token_wise.info_nce=1", "objective.local_words={weight: 1, positive_frames: all}"),
    "in chunks": (*LONG, "objective.token_wise.info_nce=1", "objective.chunk=10"),
    "read together": (
        *LONG, "objective.matching={weight: 1, negatives: 5}", "objective.masked_language.weight=1",
        "objective.text_video.weight=1",
    ),
    "read together by the gradient cache": (*LONG, "objective.matching={weight: 1, negatives: 5}", "batch.micro_batch=20"),
    "queue": (*LONG, "objective.queue={weight: 1, size: 4000}"),
}  # fmt: skip


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    return write_world(tmp_path_factory.mktemp("memory"), train=96, validation=8)


def peak_of_a_step(setup: Setup) -> int:
    """What the largest step takes beside what lies there before it: the graph, the gradients and passing values."""
    plan = next(planned_batches(
        setup.data.videos, size_at=setup.recipe.batch.size.at, seed=0, start=Position(), steps=1
    ))  # fmt: skip
    batch = setup.data.batch(plan, setup.recipe, Processes())
    setup.model.train(), setup.heads.train()
    objective = objective_of(setup, batch, step=0, processes=Processes())
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        backward(setup.model, batch, objective, bf16=False, micro_batch=setup.recipe.batch.micro_batch)
    changes = [one.nbytes() for one in profile.profiler.kineto_results.events() if one.name() == "[memory]"]
    return max(accumulate(changes))


@pytest.mark.parametrize("name", RECIPES)
def test_the_stated_memory_is_near_the_peak_of_a_real_step(name, shards, tmp_path):
    recipe = small_recipe(shards, *RECIPES[name])
    stated = try_recipe(recipe, device="cpu")
    setup = prepare(recipe, tmp_path / "start", Processes())
    gradients = sum(w.nbytes for w in (*setup.model.parameters(), *setup.heads.parameters()) if w.requires_grad)
    measured = weight_bytes(setup) - gradients + peak_of_a_step(setup)
    assert 0.7 < stated.memory_bytes / measured < 1.3


def test_copies_that_follow_slowly_are_counted_once(shards, tmp_path):
    plain, queue = (
        prepare(small_recipe(shards, *more), tmp_path / name, Processes())
        for name, more in (("plain", ()), ("queue", ("objective.queue={weight: 1, size: 100}",)))
    )
    copied = sum(weight.nbytes for weight in plain.model.parameters())
    kept = 100 * (2 * 16 * 4 + 8 + 1)               # keys of texts and clips, the numbers of texts, whether one is there
    assert 0 <= weight_bytes(queue) - weight_bytes(plain) - copied - kept < 2000      # and its small tables


def test_pairs_that_are_read_together_are_counted():
    asked = Objective(matching=Matching(weight=1, negatives=5), text_video=TextVideo(weight=1))
    assert pairs_read(asked, 8, of=32) == 8 * (1 + 1 + 5)
    assert pairs_read(asked, 4, of=4) == 4 * (1 + 1 + 3)
    assert pairs_read(Objective(masked_language={"weight": 1}), 8, of=8) == 8
    assert pairs_read(Objective(), 8, of=8) == 0
