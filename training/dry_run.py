"""A recipe tried out: everything is opened, one small step is done, and nothing is kept."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from retrieval.model import DualEncoder
from training.batches.order import PlannedBatch, Position, planned_batches
from training.card import parameter_count, trained_count
from training.gradients import backward
from training.memory import memory_of
from training.optimising import build_optimiser
from training.processes import Processes, join_processes
from training.recipe import Recipe
from training.setup import Setup, prepare
from training.step_objective import objective_of

_CLIPS = 16
_FLOAT = 4      # bytes
_TIMES = 2      # the first step of a process is slower than all others


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """What a recipe amounts to. hours: of all steps on this machine, validation left out, extrapolated from a small step.

    memory_bytes: of weights, gradients, optimiser, average, and what the graph of the largest batch keeps, matrices of all
    pairs and pairs that are read together among it, without what the program takes anyway. graph_bytes_per_clip: of that
    what encoding a clip keeps.
    disk_bytes: of the states that are kept and the model.
    """

    parameters: int
    trained_parameters: int
    training_samples: int
    validation_clips: int
    steps: int
    clips_of_the_step: int
    pictures: list[int]
    token_ids: list[int]
    terms: dict[str, float]
    bad_samples: list[str]
    seconds_per_clip: float
    hours: float
    memory_bytes: int
    graph_bytes_per_clip: int
    disk_bytes: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def try_recipe(recipe: Recipe, *, device: str = "auto") -> DryRun:
    """Check recipe and data and do a step on a few clips, at the last stage of everything that has stages.

    Raises what `train` raises for what cannot be used.
    """
    with join_processes(device) as processes, tempfile.TemporaryDirectory() as folder:
        return _tried(prepare(recipe, Path(folder) / "start", processes), processes)


def _tried(setup: Setup, processes: Processes) -> DryRun:
    recipe, last = setup.recipe, setup.steps - 1
    sizes = [recipe.batch.size.at(step) for step in range(setup.steps)]
    next(planned_batches(
        setup.data.videos, size_at=recipe.batch.size.at, seed=recipe.seed, start=Position(), steps=setup.steps
    ))  # fmt: skip
    clips = min(sizes[last], _CLIPS)
    plan = next(
        planned_batches(setup.data.videos, size_at=lambda step: clips, seed=recipe.seed, start=Position(), steps=1)
    )
    batch = setup.data.batch(
        PlannedBatch(step=last, epoch=0, numbers=plan.numbers, after=plan.after), recipe, Processes()
    )
    model, heads = setup.model.train(), setup.heads.train()
    objective = objective_of(setup, batch, step=last, processes=Processes(device=processes.device), average=setup.model)
    optimiser = build_optimiser(model, recipe.optimiser, heads=heads)
    for _ in range(_TIMES):
        began = time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        terms = backward(
            model, batch, objective, bf16=recipe.precision == "bf16", micro_batch=recipe.batch.micro_batch,
            videos=recipe.looks_at_videos,
        )
        torch.nn.utils.clip_grad_norm_([*model.parameters(), *heads.parameters()], recipe.optimiser.gradient_clip or torch.inf)
        optimiser.step()
        seconds = (time.perf_counter() - began) / len(batch)
    memory = memory_of(
        setup, batch, own=max(sizes) // processes.count, processes=processes.count, step=last, average=setup.model
    )
    return DryRun(
        parameters=parameter_count(model), trained_parameters=trained_count(model),
        graph_bytes_per_clip=memory.per_clip, memory_bytes=memory.weights + memory.graph, disk_bytes=_disk_bytes(model, recipe),
        training_samples=len(setup.data.samples), validation_clips=setup.validation_clips, steps=setup.steps,
        clips_of_the_step=len(batch), pictures=list(batch.pictures.shape), token_ids=list(batch.texts.ids.shape),
        terms=terms, bad_samples=[one.message for one in batch.bad], seconds_per_clip=seconds,
        hours=seconds * sum(sizes) / processes.count / 3600,
    )  # fmt: skip


def _disk_bytes(model: DualEncoder, recipe: Recipe) -> int:
    """The states, one more of them while the next is written, and the model, twice while it is replaced."""
    state = _FLOAT * trained_count(model) * (3 if recipe.ema_decay is None else 4)
    size = 2 if recipe.checkpoint.dtype == "float16" else _FLOAT
    return (recipe.checkpoint.keep + 1) * state + 2 * size * parameter_count(model)
