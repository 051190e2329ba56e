"""A run that was killed, stopped or broken off goes on as if nothing had been."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from random import Random

import pytest
import torch

from tests.training import training_child
from tests.training.training_world import small_recipe, write_world
from training.batches.order import Position
from training.errors import TrainingError
from training.logs import RunLog, read_log
from training.recipe_file import plain
from training.states import Progress, State, load_state, save_state, state_files
from training.trainer import train

ROOT = Path(__file__).parents[2]
TIMES = ("seconds", "data_wait", "clips_per_second")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("resume") / "shards", train=48, validation=16)


@pytest.fixture(scope="module")
def processes():
    # Forked from a process that has only imported: torch has not started a thread there. What Python 3.11 preloads it
    # looks for in PYTHONPATH alone.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.training_child"])
    return context


def child(context, shards, output, kill_at, **how) -> int | None:
    process = context.Process(target=training_child.run, args=(shards, output, kill_at), kwargs=how)
    process.start()
    process.join(120)
    return process.exitcode


def curve(output):
    return [{name: value for name, value in line.items() if name not in TIMES} for line in read_log(output)]


@pytest.mark.slow
def test_killed_at_five_random_steps_it_ends_with_the_curve_and_the_weights_of_an_uninterrupted_run(
    shards, processes, tmp_path
):
    assert child(processes, shards, tmp_path / "whole", None) == 0
    kills = sorted(Random(8).sample(range(1, training_child.STEPS), 5))
    for step in kills:
        assert child(processes, shards, tmp_path / "killed", step) == -signal.SIGKILL
        assert training_child.last_state_step(tmp_path / "killed") == (step - 1) // 4 * 4
    assert child(processes, shards, tmp_path / "killed", None) == 0
    assert curve(tmp_path / "killed") == curve(tmp_path / "whole")
    assert [line["step"] for line in curve(tmp_path / "whole") if "loss" in line] == list(range(1, training_child.STEPS + 1))
    for name in ("model.safetensors", "config.json", "recipe.yaml", "vocab.txt"):
        assert (tmp_path / "killed/model" / name).read_bytes() == (tmp_path / "whole/model" / name).read_bytes()


def test_killed_while_it_writes_a_state_it_goes_on_from_the_one_before(shards, processes, tmp_path):
    assert child(processes, shards, tmp_path / "run", 10, within_the_state=True) == -signal.SIGKILL
    assert training_child.last_state_step(tmp_path / "run") == 8
    assert child(processes, shards, tmp_path / "run", None) == 0
    assert [line["step"] for line in curve(tmp_path / "run") if "loss" in line] == list(range(1, training_child.STEPS + 1))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_step_with_a_state_to_go_on_from(number, shards, tmp_path):
    recipe = small_recipe(shards, "checkpoint.every=100")
    handlers = signal.getsignal(number)
    report = train(recipe, tmp_path, on_step=lambda done: signal.raise_signal(number) if done.step == 5 else None)
    assert (report.finished, report.steps) == (False, 5)
    assert signal.getsignal(number) is handlers
    assert [path.name for path in state_files(tmp_path / "states")] == ["state-00000005.pt"]
    seen = []
    assert train(recipe, tmp_path, on_step=lambda done: seen.append(done.step)).finished
    assert seen == list(range(6, 13))
    assert [line["step"] for line in read_log(tmp_path) if "loss" in line] == list(range(1, 13))


def test_a_finished_run_has_nothing_left_to_do(shards, tmp_path):
    recipe = small_recipe(shards)
    first = train(recipe, tmp_path)
    lines = read_log(tmp_path)
    again = train(recipe, tmp_path, on_step=lambda done: pytest.fail("a step"))
    assert again.progress.best == first.progress.best
    assert read_log(tmp_path) == lines


def test_another_recipe_or_other_samples_are_refused_unless_it_begins_anew(shards, tmp_path):
    train(small_recipe(shards, "schedule.steps=4"), tmp_path / "run")
    other = small_recipe(shards, "schedule.steps=6", "seed=9", "data.workers=2")
    with pytest.raises(TrainingError, match=r"another recipe \(schedule\.steps, seed\): .* --restart"):
        train(other, tmp_path / "run")
    assert train(other, tmp_path / "run", restart=True).steps == 6
    assert [line["step"] for line in read_log(tmp_path / "run") if "loss" in line] == list(range(1, 7))
    write_world(tmp_path / "shards", train=20, validation=4)
    moved = plain(other)
    path = state_files(tmp_path / "run/states")[-1]
    state = load_state(path)
    save_state(path.parent, State(**{**vars(state), "data": "0123456789abcdef"}), keep=1)
    assert plain(other) == moved
    with pytest.raises(TrainingError, match="other training samples"):
        train(other, tmp_path / "run")


def state_at(step: int) -> State:
    progress = Progress(position=Position(step=step, epoch=1, epoch_step=2), best=1.5, bad={"a": ("damaged", "why")})
    model = {"w": torch.ones(2)}
    return State(recipe={"name": "x"}, data="d", start="s", progress=progress, model=model, average=None, optimiser={})


def test_the_last_states_are_kept_and_read_back_as_they_were(tmp_path):
    for step in (2, 30, 111, 7):
        save_state(tmp_path, state_at(step), keep=2)
    assert [path.name for path in state_files(tmp_path)] == ["state-00000030.pt", "state-00000111.pt"]
    found = load_state(state_files(tmp_path)[-1])
    assert found.progress == state_at(111).progress
    torch.testing.assert_close(found.model["w"], torch.ones(2))


def test_a_full_disk_leaves_the_states_that_are_there(tmp_path, monkeypatch):
    save_state(tmp_path, state_at(1), keep=1)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("training.states.os.fsync", refuse)
    with pytest.raises(TrainingError, match="No space left"):
        save_state(tmp_path, state_at(2), keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["state-00000001.pt"]


@pytest.mark.parametrize("content", [b"", b"PK", b"rubbish" * 40])
def test_a_damaged_state_is_named(content, tmp_path):
    path = save_state(tmp_path, state_at(3), keep=1)
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"state-00000003\.pt cannot be read"):
        load_state(path)


def test_a_log_is_cut_back_to_the_step_it_goes_on_from(tmp_path):
    log = RunLog(tmp_path, step=0)
    for step in range(1, 7):
        log.write(step, loss=step / 10)
    log.close()
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 7, "lo')      # what a kill leaves
    log = RunLog(tmp_path, step=4)
    log.write(5, loss=0.5, validation={"r_sum": 3.0})
    log.close()
    assert [line["step"] for line in read_log(tmp_path)] == [1, 2, 3, 4, 5]
