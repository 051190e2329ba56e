"""Runs in which texts and clips are read together: what is learned, kept for a resume, and left out of the model."""

from __future__ import annotations

import signal

import pytest
import torch
from safetensors.torch import load_file

from tests.training.cross_modal_world import MASK
from tests.training.training_world import small_recipe, write_world
from training.cross_modal import shared_tower
from training.dry_run import try_recipe
from training.gradients import encode
from training.logs import read_log
from training.processes import Processes
from training.setup import prepare
from training.states import load_state, state_files
from training.trainer import train

READ = (
    "objective.masked_language.weight=1", "objective.masked_language.masking=significant", "objective.matching.weight=1",
    "objective.matching.mining=nearest", "objective.matching.curriculum={}", "objective.matching.easy_floor=0.2",
    "objective.text_video.weight=1",
)  # fmt: skip
TERMS = {"masked_language", "matching", "text_video"}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("reading") / "shards", train=96, validation=32)


def last_state(output):
    return load_state(state_files(output / "states")[-1])


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been_and_its_model_has_no_weight_more(shards, tmp_path):
    recipe = small_recipe(shards, *READ)
    train(recipe, tmp_path / "whole")
    stop = lambda done: signal.raise_signal(signal.SIGTERM) if done.step == 5 else None     # noqa: E731
    assert not train(recipe, tmp_path / "stopped", on_step=stop).finished
    assert train(recipe, tmp_path / "stopped").finished
    curves = [[line for line in read_log(tmp_path / name) if "loss" in line] for name in ("whole", "stopped")]
    for whole, stopped in zip(*curves, strict=True):
        assert {name: whole[name] for name in (*TERMS, "loss", "gradient_norm")} == {
            name: stopped[name] for name in (*TERMS, "loss", "gradient_norm")
        }
    states = [last_state(tmp_path / name) for name in ("whole", "stopped")]
    assert states[0].heads.keys() == states[1].heads.keys() >= {"cross_modal.pooler.weight", "cross_modal.frames.bias"}
    assert all(torch.equal(states[0].heads[name], states[1].heads[name]) for name in states[0].heads)
    train(small_recipe(shards, "schedule.steps=1"), tmp_path / "plain")
    files = [load_file(tmp_path / name / "model" / "model.safetensors") for name in ("whole", "plain")]
    assert {name: weight.shape for name, weight in files[0].items()} == {name: w.shape for name, w in files[1].items()}
    assert not last_state(tmp_path / "plain").heads


def test_the_weights_beside_the_model_begin_alike_whatever_is_trained_and_learn(shards, tmp_path):
    heads = []
    for number, overrides in enumerate((READ, READ[2:3])):
        recipe = small_recipe(shards, "schedule.steps=2", *overrides)
        heads.append(prepare(recipe, tmp_path / f"start-{number}", Processes()).heads.state_dict())
    assert all(torch.equal(heads[0][name], heads[1][name]) for name in heads[1])
    train(small_recipe(shards, "schedule.steps=2", *READ), tmp_path / "run")
    learned = last_state(tmp_path / "run").heads
    assert [name for name in learned if torch.equal(learned[name], heads[0][name])] == []


def test_a_dry_run_in_half_precision_with_the_gradient_cache_reads_together_too(shards):
    found = try_recipe(small_recipe(shards, "precision=bf16", "batch.micro_batch=4", *READ))
    assert found.terms.keys() >= TERMS


@pytest.fixture(scope="module")
def guesser(shards, tmp_path_factory):
    """A run that guesses hidden words: its recipe and folder."""
    recipe = small_recipe(
        shards, "schedule.steps=160", "evaluation.every=160", "checkpoint.every=160", "optimiser.learning_rate=8e-3",
        "data.frames=1", "data.texts.detail={short: 1}", "evaluation.texts.detail={short: 1}",
        "objective.masked_language.weight=2", "objective.masked_language.masking=significant",
        "objective.masked_language.share=0.5",
    )  # fmt: skip
    output = tmp_path_factory.mktemp("guesser")
    train(recipe, output)
    return recipe, output


def test_hidden_words_are_guessed_ever_better(guesser):
    losses = [line["masked_language"] for line in read_log(guesser[1]) if "loss" in line]
    assert sum(losses[-10:]) < 0.2 * sum(losses[:10])


def test_a_hidden_colour_is_seen_in_the_clip(guesser):
    recipe, output = guesser
    setup, state = prepare(recipe, output / "start", Processes()), last_state(output)
    setup.model.load_state_dict(state.model)
    setup.heads.load_state_dict(state.heads)
    network, tower = setup.heads.eval()["cross_modal"], shared_tower(setup.model.eval())
    validator = setup.validator
    batch, _ = validator._maker.validation_batch(range(32), lambda number: validator._visit)
    colours, ids = batch.texts.ids[:, 1], batch.texts.ids.clone()       # [CLS] colour ...
    ids[:, 1] = MASK
    right = {}
    with torch.inference_mode():
        _, videos = encode(setup.model, batch, bf16=False)
        for name, shift in (("own clip", 0), ("clip of another colour", 4)):
            states = network.read(
                tower, ids, attended=batch.texts.attended, frames=videos.frames.roll(shift, 0), frame_mask=videos.mask
            )
            guesses = network.masked_language(states.tokens[:, 1], tower.embeddings.word_embeddings.weight).argmax(dim=1)
            right[name] = float((guesses == colours).float().mean())
    assert right["own clip"] > 0.7
    assert right["clip of another colour"] < 0.3
