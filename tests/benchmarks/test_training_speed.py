"""The speed benchmark takes a recipe as it is, and tells the memory's limit from its own."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from benchmarks import training_speed
from benchmarks.training_speed import largest_batch, largest_said, packaged
from retrieval.errors import InputError
from training.recipe_file import read_recipe

ASKED = Namespace(recipe="miniature", steps=6, batch=None, workers=2, precision=None)


def test_a_recipe_keeps_model_objective_and_precision_and_stays_in_its_last_stage(tmp_path):
    own, timed = read_recipe(Path("miniature")), packaged("miniature", tmp_path, ASKED)
    assert (timed.model, timed.objective, timed.optimiser, timed.precision) == (
        own.model, own.objective, own.optimiser, own.precision
    )  # fmt: skip
    assert (timed.data.frames.values, timed.batch.size.values) == ((4,), (96,))
    assert timed.data.train.shards == timed.data.validation.shards == (str(tmp_path),)
    assert (timed.data.train.split, timed.data.validation.split) == ("train", "validation")
    assert timed.schedule.steps == 6


def test_a_recipe_that_starts_from_a_model_is_refused(tmp_path):
    with pytest.raises(InputError, match="starts from a model that is there"):
        packaged("clip4clip_msrvtt", tmp_path, ASKED)


@pytest.mark.parametrize(
    ("memory", "limit", "found"),
    [
        (10_000, 256, (256, True)), (10_000, 300, (288, True)), (256, 256, (256, True)), (250, 256, (240, False)),
        (31, 256, (0, False)),
    ],
)
def test_a_batch_that_the_search_stops_at_is_called_so(monkeypatch, memory, limit, found):
    monkeypatch.setattr(training_speed, "_fits", lambda setup, batch, size, **_: size <= memory)
    assert largest_batch(None, None, bf16=True, micro_batch=None, limit=limit) == found
    said = largest_said(*found, micro_batch=None)
    assert said.startswith(f"largest batch without the cache: {found[0]}")
    assert ("more may fit" in said) == found[1]
