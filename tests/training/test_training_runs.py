"""Whole runs on small models: what is learned, kept, refused and said."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest
import torch
import yaml
from safetensors.torch import load_file
from typer.testing import CliRunner

from data_pipeline.corpus.errors import CorpusError
from retrieval.errors import InputError, ModelError
from retrieval.model import InteractionSettings, TemporalSettings, load_dual_encoder
from serving.cli.main import app
from tests.training.training_world import damage, small_recipe, write_world
from training.dry_run import try_recipe
from training.errors import TrainingError
from training.logs import read_log
from training.objectives import RetrievalObjective
from training.processes import Processes
from training.recipe_file import plain, read_recipe, recipe_text
from training.setup import prepare
from training.states import state_files
from training.trainer import Trainer, train
from training.validation import Validation, Validator


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("runs") / "shards", train=64, validation=32)


@pytest.fixture(scope="module")
def finished(shards, tmp_path_factory):
    """A run that has learned something: its recipe, folder and report."""
    recipe = small_recipe(
        shards, "schedule.steps=100", "schedule.warm_up=0.2", "optimiser.learning_rate=2e-3", "ema_decay=0.8",
        "evaluation.every=20", "objective.token_wise.info_nce=0.5",
        "checkpoint.every=50", "model.temporal.aggregation=attention", "model.interaction.neighbour_weight=0.5",
        "evaluation.texts.detail={full: 1}", "description=Squares.",
    )  # fmt: skip
    output = tmp_path_factory.mktemp("runs") / "out"
    return recipe, output, train(recipe, output)


def test_it_learns_and_says_how_well(finished):
    _, output, report = finished
    losses = [line["loss"] for line in read_log(output) if "loss" in line]
    assert len(losses) == 100
    assert sum(losses[-5:]) < 0.85 * sum(losses[:5])
    assert report.progress.validation["r_sum"] > 1.5 * 100 * (1 + 5 + 10) / 32        # what chance finds
    assert report.progress.clips == 100 * 16
    line = read_log(output)[0]
    assert line.keys() >= {
        "step", "epoch", "pooled.info_nce", "token_wise.info_nce", "lr", "logit_scale", "gradient_norm", "seconds",
        "data_wait", "clips_per_second",
    }  # fmt: skip
    assert 0 <= line["data_wait"] <= 1


def test_the_saved_model_scores_on_validation_what_the_report_says(finished, tmp_path):
    recipe, output, report = finished
    model = load_dual_encoder(output / "model")
    assert model.temporal_settings == TemporalSettings(aggregation="attention")
    share = report.progress.validation["reranked.share"]
    assert model.interaction == InteractionSettings(neighbour_weight=0.5, share=share)
    assert report.progress.validation["reranked.r_sum"] >= report.progress.validation["r_sum"]
    validator = prepare(recipe, tmp_path / "start", Processes()).validator
    found = validator(model, bf16=False)
    assert found.figures == pytest.approx(report.progress.validation)
    assert found.figures.keys() >= {"text_to_video.r1", "video_to_text.r10", "token_wise.r_sum"}


def test_recipe_card_and_report_stand_beside_the_model(finished):
    recipe, output, report = finished
    assert read_recipe(output / "model" / "recipe.yaml") == recipe
    card = (output / "model" / "README.md").read_text(encoding="utf-8")
    for fact in ("# squares", "Squares.", "64 samples", f"| r_sum | {report.progress.validation['r_sum']:.2f} |", "32 clips"):
        assert fact in card
    assert str(output) not in card
    written = json.loads((output / "training.json").read_text(encoding="utf-8"))
    assert written["finished"] is True
    assert written["train"]["samples"] == 64
    assert written["best"]["r_sum"] == report.progress.best
    assert list((output / "tensorboard").glob("events*"))


def test_the_model_is_that_of_the_best_validation_not_of_the_last(shards, tmp_path, monkeypatch):
    seen, sums = [], iter([10.0, 30.0, 20.0])

    def scored(self, model, **_):
        seen.append({name: weight.clone() for name, weight in model.state_dict().items()})
        return Validation(figures={"r_sum": next(sums)}, bad=())

    monkeypatch.setattr(Validator, "__call__", scored)
    report = train(small_recipe(shards, "evaluation.every=4", "ema_decay=0.5"), tmp_path)
    assert (report.progress.best, report.progress.best_step) == (30.0, 8)
    weights = load_file(tmp_path / "model" / "model.safetensors")
    name = "logit_scale"
    assert torch.equal(weights[name], seen[1][f"towers.{name}"])
    assert not torch.equal(weights[name], seen[2][f"towers.{name}"])


def test_a_validation_split_that_cannot_be_used_is_told_before_the_first_step(shards, tmp_path):
    alone = write_world(tmp_path / "shards", train=20, validation=1)
    for recipe in (small_recipe(alone), small_recipe(shards, "evaluation.texts={language: {ja: 1}}")):
        with pytest.raises(TrainingError, match="Fewer than two validation samples can be used"):
            try_recipe(recipe)
        with pytest.raises(TrainingError, match="Fewer than two validation samples can be used"):
            train(recipe, tmp_path / "out", on_step=lambda done: pytest.fail("a step"))


@pytest.mark.parametrize("part", ["__call__", "_write_model"])
def test_a_validation_that_fails_leaves_a_state_and_is_done_by_the_next_call(part, shards, tmp_path, monkeypatch):
    recipe = small_recipe(shards, "evaluation.every=12", "checkpoint.every=100")
    whole = train(recipe, tmp_path / "whole")

    def fails(*_, **__):
        raise ModelError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr({"__call__": Validator, "_write_model": Trainer}[part], part, fails)
        with pytest.raises(ModelError, match="the disk is full"):
            train(recipe, tmp_path / "out")
    assert [path.name for path in state_files(tmp_path / "out/states")] == ["state-00000012.pt"]
    again = train(recipe, tmp_path / "out", on_step=lambda done: pytest.fail("a step"))
    assert again.finished
    assert (again.progress.best, again.progress.best_step) == (whole.progress.best, 12)
    one, other = (load_file(tmp_path / name / "model/model.safetensors") for name in ("whole", "out"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_without_an_average_the_weights_themselves_are_the_model(shards, tmp_path):
    train(small_recipe(shards, "schedule.steps=2", "ema_decay=null", "checkpoint.dtype=float16"), tmp_path)
    raw = torch.load(state_files(tmp_path / "states")[-1])["model"]
    weights = load_file(tmp_path / "model" / "model.safetensors")
    assert weights["visual_projection.weight"].dtype == torch.float16
    assert torch.equal(weights["visual_projection.weight"], raw["towers.visual_projection.weight"].half())


def test_it_goes_on_from_a_model_that_is_there(finished, shards, tmp_path):
    _, output, report = finished
    recipe = small_recipe(
        shards, "schedule.steps=1", "optimiser.learning_rate=1e-9", model={"start": str(output / "model")}
    )
    again = train(recipe, tmp_path)
    assert again.progress.validation["r_sum"] == pytest.approx(report.progress.best, abs=20)
    assert load_dual_encoder(tmp_path / "model").temporal_settings.aggregation == "attention"
    with pytest.raises(ModelError, match="no model folder"):
        train(small_recipe(shards, model={"start": str(tmp_path / "nowhere")}), tmp_path / "other")


@pytest.mark.parametrize("tower", ["inflated", "video_swin"])
def test_a_video_tower_learns_and_goes_on_from_the_model_that_was_stored(tower, shards, tmp_path):
    recipe = small_recipe(
        shards, f"model.video.tower={tower}", "model.video.depths=[1, 1]", "model.temporal.aggregation=mean",
        "schedule.steps=40", "evaluation.every=40", "optimiser.learning_rate=2e-3", "ema_decay=0.5",
    )  # fmt: skip
    train(recipe, tmp_path / "out")
    losses = [line["loss"] for line in read_log(tmp_path / "out") if "loss" in line]
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])
    model = load_dual_encoder(tmp_path / "out" / "model")
    assert model.video_settings.tower == tower
    again = small_recipe(shards, model={"start": str(tmp_path / "out" / "model")})
    setup = prepare(again, tmp_path / "start", Processes())
    assert setup.validator(model, bf16=False).figures == setup.validator(setup.model.eval(), bf16=False).figures


def test_a_loss_that_is_no_number_ends_the_run_with_step_and_samples_and_keeps_the_last_state(
    shards, tmp_path, monkeypatch
):
    right, calls = RetrievalObjective.__call__, []

    def wrong(self, *features, **rest):
        calls.append(1)
        terms = right(self, *features, **rest)
        return {**terms, "loss": terms["loss"] * float("nan")} if len(calls) == 6 else terms

    monkeypatch.setattr(RetrievalObjective, "__call__", wrong)
    with pytest.raises(TrainingError, match=r"at step 6 \(loss nan.*samples train-000\d\d, .* and 12 more.*state-00000004"):
        train(small_recipe(shards), tmp_path)
    assert [line["step"] for line in read_log(tmp_path)] == [1, 2, 3, 4, 5]
    monkeypatch.setattr(RetrievalObjective, "__call__", right)
    assert train(small_recipe(shards), tmp_path).finished


def test_damaged_samples_are_replaced_counted_and_named(tmp_path):
    shards = write_world(tmp_path / "shards", train=32, validation=8)
    keys = {damage(shards, 3), damage(shards, 4), damage(shards, 2, split="validation")}
    report = train(small_recipe(shards, "data.max_bad_share=0.2"), tmp_path / "out")
    assert set(report.progress.bad) == keys
    named = [bad["key"] for line in read_log(tmp_path / "out") for bad in line.get("bad", [])]
    assert set(named) == {"train-00003", "train-00004"}
    assert report.progress.bad_visits == len(named)
    assert report.progress.clips == 12 * 16
    written = json.loads((tmp_path / "out" / "training.json").read_text(encoding="utf-8"))["bad"]
    assert written["samples"] == 3
    assert "picture 0 is no whole JPEG" in written["by_key"]["train-00003"]["message"]


def test_a_damaged_sample_does_not_end_a_run_whose_batches_hold_every_video(tmp_path):
    shards = write_world(tmp_path / "shards", train=16, validation=8)
    key = damage(shards, 3)
    report = train(small_recipe(shards, "schedule.steps=30", "evaluation.every=100"), tmp_path / "out")
    assert report.finished
    assert list(report.progress.bad) == [key]
    assert report.progress.bad_visits == 30
    assert report.progress.clips == 30 * 16


def test_too_many_damaged_samples_end_the_run(tmp_path):
    shards = write_world(tmp_path / "shards", train=32, validation=8)
    for number in range(8):
        damage(shards, number)
    with pytest.raises(TrainingError, match=r"\d+ of \d+ samples could not be used, more than .* The sample train-0000\d in"):
        train(small_recipe(shards), tmp_path / "out")
    assert train(small_recipe(shards, "data.max_bad_share=0.9"), tmp_path / "out2").finished


def test_what_the_recipe_names_and_is_not_there_is_a_sentence(shards, tmp_path):
    with pytest.raises(InputError, match="holds no shards"):
        train(small_recipe(tmp_path), tmp_path / "a")
    with pytest.raises(InputError, match=r"vocabulary .*none\.txt cannot be read"):
        train(small_recipe(shards, f"model.new.vocabulary={tmp_path}/none.txt"), tmp_path / "b")
    with pytest.raises(InputError, match="Batches of 65 clips need as many different videos, but there are 64"):
        train(small_recipe(shards, "batch.size=65"), tmp_path / "c")
    assert not list(tmp_path.glob("*/model"))


def test_two_runs_into_one_folder_are_refused(shards, tmp_path):
    def other(_):
        with pytest.raises(CorpusError, match="Another process is writing"):
            train(small_recipe(shards), tmp_path)

    assert train(small_recipe(shards, "schedule.steps=1"), tmp_path, on_step=other).finished


def test_a_dry_run_leaves_nothing_and_says_what_the_recipe_amounts_to(shards, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = try_recipe(small_recipe(shards, "data.frames=[[0, 1], [5, 3]]", "batch.micro_batch=5"))
    assert found.pictures == [16, 3, 32, 32, 3]
    assert (found.training_samples, found.validation_clips, found.steps) == (64, 32, 12)
    assert found.hours > 0
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="Batches of 100 clips"):
        try_recipe(small_recipe(shards, "batch.size=100"))


def write_recipe(shards, folder, *overrides):
    path = folder / "recipe.yaml"
    path.write_text(recipe_text(small_recipe(shards, *overrides)), encoding="utf-8")
    return str(path)


def test_the_command_trains_goes_on_and_tells_the_result(shards, tmp_path, monkeypatch):
    command = ["train", write_recipe(shards, tmp_path), "--output", str(tmp_path / "out"), "--set", "schedule.steps=6"]
    dry = CliRunner().invoke(app, [*command, "--dry-run", "--json"])
    assert json.loads(dry.stdout)["steps"] == 6
    from serving.cli.training_progress import TrainingProgress

    with monkeypatch.context() as patch:
        patch.setattr(
            TrainingProgress, "step", lambda self, done: os.kill(os.getpid(), signal.SIGTERM) if done.step == 3 else None
        )
        stopped = CliRunner().invoke(app, command)
    assert stopped.exit_code == 130
    assert "Stopped after step 3 of 6; the state is saved." in stopped.stderr
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert (found["steps"], found["finished"]) == (6, True)
    assert (tmp_path / "out" / "model" / "config.json").is_file()
    assert yaml.safe_load((tmp_path / "out" / "recipe.yaml").read_text(encoding="utf-8"))["schedule"]["steps"] == 6


def test_a_recipe_in_the_report_is_what_a_state_compares(shards, tmp_path):
    train(small_recipe(shards, "schedule.steps=1"), tmp_path)
    stored = torch.load(state_files(tmp_path / "states")[-1])["recipe"]
    assert stored == plain(small_recipe(shards, "schedule.steps=1"))


@pytest.mark.parametrize("restart", [False, True])
def test_what_a_run_begins_with_is_never_in_what_it_writes_over(restart, finished, tmp_path):
    recipe, output, _ = finished
    copy = tmp_path / "run"
    shutil.copytree(output, copy)
    (copy / "model/words.txt").write_text("一", encoding="utf-8")
    shards = recipe.data.train.shards[0]
    new = small_recipe(shards).model.new.model_dump()
    for sections in (
        {"model": {"start": str(copy / "../run/model")}},
        {"teacher": {"model": str(copy / "model"), "text": 1.0}, "model": {"start": str(output / "model")}},
        {"model": {"new": {**new, "vocabulary": str(copy / "model/words.txt")}}},
    ):
        with pytest.raises(InputError, match=r"/model.* lies in what a run into .*run writes over: choose another --output"):
            train(small_recipe(shards, "schedule.steps=2", **sections), copy, restart=restart)
    assert (copy / "model/words.txt").is_file()
    assert load_dual_encoder(copy / "model").dimension == 16


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("name", ["model", "start"])
def test_a_folder_that_no_run_wrote_is_neither_replaced_nor_forgotten(name, restart, shards, tmp_path):
    (tmp_path / name).mkdir()
    (tmp_path / name / "mine.txt").touch()
    with pytest.raises(InputError, match=f"{name} is there already and"):
        train(small_recipe(shards, "schedule.steps=2"), tmp_path, restart=restart)
    assert (tmp_path / name / "mine.txt").is_file()


def crash_at_step_2(done):
    if done.step == 2:
        raise KeyError


def test_after_a_crash_before_the_first_state_another_recipe_gets_its_own_beginning(shards, tmp_path):
    with pytest.raises(KeyError):
        train(small_recipe(shards, "checkpoint.every=100"), tmp_path, on_step=crash_at_step_2)
    begun = (tmp_path / "start/model.safetensors").read_bytes()
    with pytest.raises(KeyError):
        train(small_recipe(shards, "checkpoint.every=100"), tmp_path, on_step=crash_at_step_2)
    assert (tmp_path / "start/model.safetensors").read_bytes() == begun
    train(small_recipe(shards, "model.new.width=64", "model.new.dimension=32", "schedule.steps=2"), tmp_path)
    model = load_dual_encoder(tmp_path / "model")
    assert (model.towers.config.vision_config.hidden_size, model.dimension) == (64, 32)


def test_after_a_crash_before_the_first_state_the_words_of_other_texts_are_mined_anew(shards, tmp_path):
    def tried(world):
        recipe = small_recipe(world, "checkpoint.every=100", "model.interaction.text_weights=significant")
        with pytest.raises(KeyError):
            train(recipe, tmp_path / "run", on_step=crash_at_step_2)
        return next((tmp_path / "run/start").glob("significant_words*")).read_bytes()

    first = tried(shards)
    assert tried(write_world(tmp_path / "few", train=20, validation=4)) != first
