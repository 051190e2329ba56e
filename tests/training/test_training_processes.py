"""Two processes compute what one does on the joined batch."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from retrieval.errors import InputError
from retrieval.model import load_dual_encoder
from tests.training import training_two_processes as two
from tests.training.cross_modal_world import batch_to_read
from tests.training.training_world import damage, small_recipe, write_world
from training.batches.order import PlannedBatch, Position
from training.logs import read_log
from training.processes import Processes, join_processes
from training.setup import prepare, write_new_model
from training.trainer import train

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Both processes are started once; what they found lies here."""
    folder = tmp_path_factory.mktemp("two")
    write_world(folder / "shards", train=24, validation=8)
    damage(folder / "shards", 5)
    write_new_model(small_recipe(folder / "shards"), folder / "checkpoint")
    write_new_model(small_recipe(folder / "shards", "seed=9"), folder / "teacher")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", two.__name__, str(folder)], cwd=ROOT, env={**os.environ, **common, "RANK": str(rank)}
        )
        for rank in range(2)
    ]
    assert [process.wait(300) for process in running] == [0, 0]
    return folder


@pytest.mark.parametrize("case", two.CASES)
def test_loss_and_gradients_are_those_of_the_joined_batch(case, folder):
    model = load_dual_encoder(folder / "checkpoint").train()
    wanted = two.found(model, batch_to_read(two.CLIPS), Processes(), case)
    for rank in range(2):
        found = torch.load(folder / f"rank-{rank}.pt")[case]
        assert found["loss"] == pytest.approx(wanted["loss"], abs=1e-5)
        assert found["gradients"].keys() == wanted["gradients"].keys()
        for name, gradient in wanted["gradients"].items():
            torch.testing.assert_close(found["gradients"][name], gradient, atol=1e-5, rtol=1e-5, msg=name)
        assert max(gradient.abs().max() for gradient in wanted["gradients"].values()) > 1e-2


def test_the_other_terms_are_those_of_the_joined_batch_too(folder):
    wanted = two.found_terms(folder, Processes())
    names = {"local_words", "partial_order.video", "partial_order.video_by_words", "partial_order.text", "queue"}
    names |= {"pooled.words", "token_wise.words", *(f"teacher.{name.partition(':')[0]}" for name in two.TAUGHT)}
    for rank in range(2):
        for step, found in enumerate(torch.load(folder / f"rank-{rank}.pt")["terms"]):
            assert names < found["terms"].keys() == wanted[step]["terms"].keys()
            assert found["terms"] == pytest.approx(wanted[step]["terms"], abs=1e-5)
            assert found["gradients"].keys() == wanted[step]["gradients"].keys()
            for name, gradient in wanted[step]["gradients"].items():
                torch.testing.assert_close(found["gradients"][name], gradient, atol=1e-5, rtol=1e-5, msg=name)
    assert wanted[0]["terms"]["queue"] == 0        # there is nothing in it yet
    assert wanted[1]["terms"]["queue"] > 0


def test_gathered_rows_are_filled_up_and_their_gradients_come_from_all(folder):
    for rank in range(2):
        found = torch.load(folder / f"rank-{rank}.pt")["gather"]
        assert found["value"].tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 1], [1, 1, 1]]
        weights = torch.arange(1.0, 13.0).view(4, 3) * (1 + 2)      # the sum over both processes
        torch.testing.assert_close(found["gradient"], weights[2 * rank : 2 * rank + 2, : 2 + rank])
        agreed = torch.load(folder / f"rank-{rank}.pt")["agreed"]
        assert agreed == {"any": [True, False], "mean": [0.5]}


def test_a_run_of_two_has_the_loss_curve_and_the_bad_samples_of_a_run_of_one(folder):
    alone = train(two.training_recipe(folder), folder / "alone")
    pairs = list(zip(read_log(folder / "together"), read_log(folder / "alone"), strict=True))
    for together, single in pairs:
        assert together["step"] == single["step"]
        if "loss" in single:
            read = ("masked_language", "matching", "text_video")
            for name in ("loss", "pooled.info_nce", *read, "gradient_norm", "lr", "logit_scale"):
                assert together[name] == pytest.approx(single[name], rel=1e-3, abs=1e-5), name
            assert together.get("bad") == single.get("bad")
            assert together["clips"] == single["clips"]
    assert len(pairs) == 5 + 2
    assert list(alone.progress.bad) == ["train-00005"] == list(torch.load(folder / "bad-0.pt"))


def test_a_process_replaces_a_bad_sample_by_none_that_the_other_has(folder):
    recipe = two.training_recipe(folder)
    setup = prepare(recipe, folder / "start", Processes())
    numbers = np.array([5, 9, 6, 10])       # 5 is damaged
    plan = PlannedBatch(step=0, epoch=0, numbers=numbers, after=Position())
    parts = [setup.data.batch(plan, recipe, Processes(rank=rank, count=2)).keys for rank in range(2)]
    assert parts == [("train-00007", "train-00009"), ("train-00006", "train-00010")]


def test_a_batch_that_cannot_be_shared_is_refused(folder):
    with pytest.raises(InputError, match=r"batch\.size 7 cannot be shared by 2 processes"):
        prepare(small_recipe(folder / "shards", "batch.size=7"), folder / "start", Processes(count=2))


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="The device nonsense cannot be used here"), join_processes("nonsense"):
        pass
