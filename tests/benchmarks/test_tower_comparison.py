"""The comparison of towers: questions that only motion answers, and a job file that no kill makes wrong."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import tower_comparison as comparison
from benchmarks.methods.job import Finished, append_finished
from benchmarks.tower_comparison import ROWS, Asked, Settings, digest, finished, motion_groups
from data_pipeline.miniature.truth import condition_of, satisfies

FIGURES = {
    "motion": 150.0, "overall": 40.0, "motion_reranked": 160.0, "first_loss": 9.0, "last_loss": 8.0, "parameters": 5,
    "cpu_seconds": 60.0,
}  # fmt: skip


def test_clips_and_captions_of_a_group_differ_in_the_motion_alone():
    asked = motion_groups(3, seed=5, seen=frozenset())
    assert set(asked.text_group) == {0, 1, 2}
    for group in range(3):
        scenes = [scene for scene, own in zip(asked.scenes, asked.scene_group, strict=True) if own == group]
        assert len(scenes) >= 10
        assert len({scene.actors[0].motion for scene in scenes}) == len(scenes)
        alike = {replace(scene, name="x", actors=(replace(scene.actors[0], motion="still"),)) for scene in scenes}
        assert len(alike) == 1
    assert len(set(asked.texts)) == len(asked.texts)
    for text, scene in enumerate(asked.scenes):
        assert asked.relevant[text] == {i for i, one in enumerate(asked.scenes) if satisfies(one, condition_of(scene))}


def test_scenes_of_the_training_are_not_asked():
    asked = motion_groups(1, seed=5, seen=frozenset())
    seen = frozenset({condition_of(asked.scenes[3])})
    assert motion_groups(1, seed=5, seen=seen).scenes == asked.scenes[:3] + asked.scenes[4:]


def test_a_group_is_ranked_by_itself():
    asked = Asked(
        texts=("a", "b", "c", "d"), scenes=(), relevant=(frozenset({0}), frozenset({1, 2}), frozenset({2}), frozenset({3})),
        text_group=(0, 0, 1, 1), scene_group=(0, 0, 1, 1),
    )  # fmt: skip
    similarity = np.eye(4, dtype=np.float32)
    similarity[:2, 2:] = similarity[2:, :2] = 9.0       # would win if groups were not kept apart
    assert comparison.r_sum_within_groups(similarity, asked) == pytest.approx(300)
    similarity[2:, 2:] = similarity[2:, :1:-1]          # the second group the wrong way round: first ranks lost
    assert comparison.r_sum_within_groups(similarity, asked) == pytest.approx(250)


def test_a_later_call_does_only_what_is_missing(tmp_path, monkeypatch, capsys):
    ran: list[tuple[str, int]] = []

    def run(name: str, *, seed: int, output: Any, **rest: Any) -> dict[str, Any]:
        ran.append((name, seed))
        output.mkdir()
        return FIGURES

    monkeypatch.setattr(comparison, "run", run)
    monkeypatch.setattr(comparison, "worker_pool", ThreadPoolExecutor)
    monkeypatch.setattr(comparison, "draw_world", lambda directory, settings: None)
    jobs = tmp_path / "runs.jsonl"
    for seed, settings in ((0, Settings()), (1, Settings(steps=7))):    # the second is of other settings
        append_finished(jobs, Finished(row="grid", seed=seed, settings=digest("grid", settings), figures=FIGURES))
    with jobs.open("a") as file:
        file.write('{"row": "inflated", "se')                 # a kill in the middle of a line
    call = ["x", "--directory", str(tmp_path), "--rows", "grid", "inflated", "--seeds", "2"]
    monkeypatch.setattr("sys.argv", call)
    assert comparison.main() == 0
    assert ran == [("inflated", 0), ("grid", 1), ("inflated", 1)]
    assert comparison.main() == 0
    assert len(ran) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["runs.jsonl"]     # nothing of the runs themselves stays
    assert "| early fusion: grid of frames (`grid`) | 2 | 150.0 ± 0.0 | 40.0 ± 0.0 |" in capsys.readouterr().out
    assert len(finished(jobs, Settings())) == 4


def test_every_row_has_a_recipe_and_a_key_of_its_own(tmp_path):
    for row in ROWS.values():
        recipe = comparison.recipe_for(row, seed=1, settings=Settings(), shards=tmp_path)
        assert (recipe.model.video.tower, recipe.model.temporal.aggregation) == (row.tower, row.aggregation)
        assert recipe.data.frames.at(0) == (1 if row.one_frame else Settings().frames)
    assert len({digest(name, Settings()) for name in ROWS}) == len(ROWS)


def test_the_training_page_holds_the_table_of_the_committed_runs():
    runs = Path(comparison.__file__).parent / "towers" / "runs.jsonl"
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8").splitlines()
    printed = comparison.table(finished(runs, Settings())).splitlines()
    assert len(printed) == 2 + len(ROWS)
    assert [line for line in printed if line not in page] == []
