"""The recipes of published settings can be read, say where they come from, and do a step."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.evaluation.benchmarks import published_benchmark
from tests.training.training_world import write_world
from training.dry_run import try_recipe
from training.logs import read_log
from training.recipe import Curriculum, Frozen
from training.recipe_file import packaged_recipe, read_recipe
from training.trainer import train

RECIPES = (
    "clip4clip_msrvtt", "clip4clip_didemo", "clip4clip_msvd", "clip4clip_lsmdc", "clip4clip_activitynet", "dmae_msrvtt",
    "cnvid_vatex_zh", "cnvid_msrvtt_cn", "snp_s3_msrvtt", "snp_s3_msvd", "chinese_clip_vatex_zh",
)  # fmt: skip
PRETRAINING = {
    "pretrain_snp_s3": {"queue", "masked_language", "matching", "text_video", "local_words"},
    "pretrain_hscl": {"queue", "masked_language", "matching", "text_video"},
}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"), train=40, validation=8)


def here(shards: Path, start: Path) -> list[str]:
    """The overrides that a person writes whose shards and weights lie elsewhere, and who has few of the first."""
    elsewhere = [f"data.{split}.shards={shards}" for split in ("train", "validation")] + [f"model.start={start}"]
    return [*elsewhere, "batch.size=16"]


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_says_its_source_what_differs_and_the_shards_it_learns_from(name):
    text = packaged_recipe(name).read_text(encoding="utf-8")
    comment = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    for part in ("Published", "Source:", "What differs:"):
        assert part.lower() in comment.lower()
    recipe = read_recipe(Path(name))
    assert recipe.name == name
    command = re.search(r"wenshi corpus benchmark (\S+) .*--frames (\d+) .*-o (\S+)", comment.split("wenshi train")[0])
    assert command is not None
    benchmark, frames, output = command.groups()
    assert "train" in published_benchmark(benchmark).splits
    assert recipe.data.frames.values == (int(frames),)
    assert recipe.data.train.shards == recipe.data.validation.shards == (f"{output}/shards",)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_does_a_step_and_gives_numbers(name, shards, tiny_chinese_clip):
    recipe = read_recipe(Path(name), overrides=here(shards, tiny_chinese_clip))
    found = try_recipe(recipe, device="cpu")
    assert found.training_samples == 40
    assert found.validation_clips == 8
    assert found.clips_of_the_step == 16
    assert found.pictures[:2] == [16, min(recipe.data.frames.values[-1], 4)]        # the shards have four of each
    assert found.token_ids[1] <= (recipe.data.max_tokens or 0)
    assert found.terms["loss"] > 0
    assert found.bad_samples == []
    assert found.hours > 0


@pytest.mark.parametrize("name", PRETRAINING)
def test_a_pre_training_does_two_steps_by_its_objectives(name, shards, tiny_chinese_clip, tmp_path):
    text = packaged_recipe(name).read_text(encoding="utf-8")
    assert all(part in text for part in ("Published", "Source:", "What differs:"))
    few = ["schedule.steps=2", "evaluation.every=2", "objective.queue.size=32"]
    assert train(read_recipe(Path(name), overrides=[*here(shards, tiny_chinese_clip), *few]), tmp_path, device="cpu").finished
    first, second = (line for line in read_log(tmp_path) if "loss" in line)
    assert PRETRAINING[name] < first.keys()
    assert "pooled.info_nce" not in first
    assert second["queue"] > 0              # the first step has filled it


@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith(("clip4clip_", "dmae_"))])
def test_the_embeddings_stay_as_they_are_where_clip4clips_script_keeps_them(name):
    assert read_recipe(Path(name)).optimiser.frozen == Frozen(text="embeddings", vision="embeddings")


def test_hard_samples_come_in_stages_of_a_seventh_of_the_run():
    matching = read_recipe(Path("pretrain_hscl")).objective.matching
    assert matching.mining == "nearest"
    assert matching.curriculum == Curriculum(every=None, rate=0.15)      # None = a seventh of all steps
    assert matching.easy_floor == 0.2


def test_the_command_states_what_a_recipe_amounts_to(shards, tiny_chinese_clip, tmp_path):
    command = [sys.executable, "-m", "serving.cli.main", "train", "cnvid_vatex_zh", "-o", str(tmp_path / "run"), "--dry-run"]
    command += [word for override in here(shards, tiny_chinese_clip) for word in ("--set", override)]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["steps"] == 25_000
    assert not (tmp_path / "run").exists()
