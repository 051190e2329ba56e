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
from training.recipe_file import packaged_recipe, read_recipe

RECIPES = (
    "clip4clip_msrvtt", "clip4clip_didemo", "dmae_msrvtt", "cnvid_vatex_zh", "snp_s3_msrvtt", "chinese_clip_vatex_zh",
)  # fmt: skip


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


def test_the_command_states_what_a_recipe_amounts_to(shards, tiny_chinese_clip, tmp_path):
    command = [sys.executable, "-m", "serving.cli.main", "train", "cnvid_vatex_zh", "-o", str(tmp_path / "run"), "--dry-run"]
    command += [word for override in here(shards, tiny_chinese_clip) for word in ("--set", override)]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["steps"] == 25_000
    assert not (tmp_path / "run").exists()
