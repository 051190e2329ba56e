"""The comparison of methods: runs are done once, and gains are paired by seed."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from benchmarks.methods import job
from benchmarks.methods.job import Finished, elsewhere, of_rows, read_finished, run_all, settings_of
from benchmarks.methods.rows import LARGE, ROWS, SMALL, Gain, Row, recipe
from benchmarks.methods.statistics import mean_of
from benchmarks.methods.table import paired_gain, table_of
from benchmarks.methods.world import digest_of_drawn
from data_pipeline.corpus.samples import PictureFormat
from data_pipeline.corpus.shards import write_shards
from tests.training.training_world import clip

PLAIN, OTHER = Row(name="plain"), Row(name="other", changes=("objective.pooled.mil_nce=0.5",), gains=(Gain(over="plain"),))
FIGURES = {
    "test.r_sum": 100.0, "test.text_to_video.r1": 10.0, "composition.r_sum": 90.0, "test.swap.attribute": 60.0,
    "test.swap.verb": 50.0, "test.swap.relation": 50.0, "cpu_seconds": 9.0,
}  # fmt: skip


@pytest.fixture
def runs(monkeypatch):
    """The runs that were asked for, each done at once."""
    asked = []

    def one(row, seed, world, scale, device):
        asked.append((row.name, seed))
        if len(asked) == 3:
            raise RuntimeError("ended")
        gain = 10.0 * seed + (5.0 if row.name == "other" else 0.0)
        return Finished(
            row=row.name, seed=seed, settings=settings_of(row), figures={**FIGURES, "test.r_sum": 100.0 + gain}
        )

    monkeypatch.setattr(job, "_one", one)
    monkeypatch.setattr(job, "worker_pool", ThreadPoolExecutor)
    monkeypatch.setattr(job, "tag_words", lambda world: None)
    return asked


def test_what_was_done_before_an_end_is_not_done_again(tmp_path, runs):
    path = tmp_path / "results.jsonl"
    with pytest.raises(RuntimeError, match="ended"):
        list(run_all([PLAIN, OTHER], seeds=2, world=tmp_path, path=path, processes=1))
    with path.open("a") as file:
        file.write('{"row": "plain", "se')      # as a kill leaves it
    before = list(runs)
    list(run_all([PLAIN, OTHER], seeds=2, world=tmp_path, path=path, processes=1))
    again = runs[len(before) :]
    assert ("plain", 1) in again
    assert ("plain", 0) not in again
    assert ("other", 0) not in again
    assert [len(of_rows(read_finished(path), [PLAIN, OTHER])[name]) for name in ("plain", "other")] == [2, 2]


def test_a_run_that_was_going_when_another_failed_is_written_down(tmp_path, monkeypatch):
    failed = Event()

    def one(row, seed, world, scale, device):
        if row.name == "plain":
            failed.set()
            raise RuntimeError("ended")
        assert failed.wait(5)
        return Finished(row=row.name, seed=seed, settings=settings_of(row), figures=FIGURES)

    monkeypatch.setattr(job, "_one", one)
    monkeypatch.setattr(job, "worker_pool", ThreadPoolExecutor)
    monkeypatch.setattr(job, "tag_words", lambda world: None)
    path = tmp_path / "results.jsonl"
    with pytest.raises(RuntimeError, match="ended"):
        list(run_all([OTHER, PLAIN], seeds=1, world=tmp_path, path=path, processes=2))
    assert [run.row for run in read_finished(path)] == ["other"]


def test_a_gain_is_paired_by_seed(tmp_path, runs):
    runs += [None] * 3
    path = tmp_path / "results.jsonl"
    list(run_all([PLAIN, OTHER], seeds=3, world=tmp_path, path=path, processes=1))
    found = of_rows(read_finished(path), [PLAIN, OTHER])
    gain = paired_gain("other", "plain", found, "test.r_sum")
    assert (gain.value, gain.half_width, gain.n) == (pytest.approx(5), pytest.approx(0, abs=1e-9), 3)
    table = table_of([PLAIN, OTHER], found)
    assert "| other | 3 | 115.0 ± 24.8 |" in table
    assert "| other | plain | +5.0 ± 0.0 | better | - |" in table


def test_runs_of_other_settings_do_not_count(tmp_path):
    path = tmp_path / "results.jsonl"
    line = {"row": "plain", "seed": 0, "settings": settings_of(PLAIN), "figures": FIGURES}
    path.write_text("".join(json.dumps(one) + "\n" for one in (line, {**line, "seed": 1, "settings": "another"})))
    assert list(of_rows(read_finished(path), [PLAIN])["plain"]) == [0]


def test_runs_in_a_world_that_was_drawn_otherwise_do_not_count(tmp_path, runs, monkeypatch):
    runs += [None] * 3
    path = tmp_path / "results.jsonl"
    for world in ("with a font", "without"):
        monkeypatch.setattr(job.world_module, "digest_of_drawn", lambda directory, drawn=world: drawn)
        list(run_all([PLAIN], seeds=2, world=tmp_path, path=path, processes=1))
    assert runs[3:] == [("plain", 0), ("plain", 1)] * 2
    list(run_all([PLAIN], seeds=3, world=tmp_path, path=path, processes=1))
    assert runs[7:] == [("plain", 2)]
    found = read_finished(path)
    assert list(of_rows(found, [PLAIN])["plain"]) == [0, 1, 2]
    assert list(of_rows(found, [PLAIN], world="with a font")["plain"]) == [0, 1]


def test_a_world_is_known_by_what_a_training_sees(tmp_path):
    drawn = [clip(number, split="train") for number in range(3)]
    other_pixel, other_text = drawn[1].frames.copy(), {**drawn[1].texts[0], "text": "另一句"}
    other_pixel[0, :8, :8] = 255

    def digest(name, **changes):
        write_shards([drawn[0], replace(drawn[1], **changes), drawn[2]], tmp_path / name, form=PictureFormat(height=32, width=32))
        return digest_of_drawn(tmp_path / name)

    plain = digest("plain")
    assert digest("labelled", dirt="weak") == plain
    others = digest("pixel", frames=other_pixel), digest("text", texts=(other_text,)), digest("split", split="test")
    assert len({plain, *others, digest_of_drawn(tmp_path)}) == 5


def test_runs_of_an_unknown_world_stay_shown_until_another_has_more_rows(tmp_path):
    path = tmp_path / "results.jsonl"

    def add(row, seed, **world):
        job.append_finished(path, Finished(row=row.name, seed=seed, settings=settings_of(row), figures=FIGURES, **world))

    def shown():
        found = read_finished(path)
        return {name: list(seeds) for name, seeds in of_rows(found, [PLAIN, OTHER]).items()}, elsewhere(found, [PLAIN, OTHER])

    add(PLAIN, 0), add(OTHER, 0), add(PLAIN, 0, world="drawn"), add(PLAIN, 1, world="drawn"), add(PLAIN, 2, world="drawn")
    assert shown() == ({"plain": [0], "other": [0]}, "3 of the world drawn")
    add(OTHER, 1, world="drawn")
    assert shown() == ({"plain": [0, 1, 2], "other": [1]}, "2 of an unknown world")


@pytest.mark.parametrize(("scale", "results"), [(SMALL, "results.jsonl"), (LARGE, "results-large.jsonl")])
def test_the_page_of_the_methods_holds_the_tables_of_both_scales(scale, results):
    printed = table_of(ROWS, of_rows(read_finished(Path(job.__file__).parent / results), ROWS, scale))
    page = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
    missing = [line for line in printed.splitlines() if line not in page.splitlines()]
    assert not missing, f"print it with python -m benchmarks.methods --scale {scale.name} --table-only"


def test_the_mean_of_few_values_has_the_interval_of_students_t():
    found = mean_of([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.value == 3
    assert found.half_width == pytest.approx(2.776 * math.sqrt(2.5 / 5), rel=1e-4)
    assert mean_of([2.0, 2.1, 2.2]).excludes_zero
    assert not mean_of([-1.0, 3.0, 1.0]).excludes_zero


def test_every_row_is_a_recipe_and_is_against_another_row(tmp_path):
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    for row in ROWS:
        assert recipe(row, seed=1, world=tmp_path).seed == 1
        assert {gain.over for gain in row.gains} <= set(names)
