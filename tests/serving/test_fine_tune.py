"""`wenshi fine-tune`: a table of captions and a folder of videos become a model, measured before and after."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from data_pipeline.captioned import read_captioned
from retrieval.errors import InputError
from retrieval.evaluation.metrics import two_way_metrics
from serving.cli.main import app
from tests.training.training_world import clip, small_recipe, write_world
from tests.videos import write_pictures
from training.gain import gain
from training.recipe_file import read_recipe
from training.trainer import train

VIDEOS = 26
FAST = ("--set", "adapters.rank=2", "--set", "schedule.epochs=1")


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A model that knows colours a little."""
    folder = tmp_path_factory.mktemp("start")
    train(small_recipe(write_world(folder / "shards", train=64), "schedule.steps=40"), folder / "run")
    return folder / "run/model"


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """Videos of squares, one of them no video, and a table with two captions for each and one line too many."""
    folder = tmp_path_factory.mktemp("mine")
    rows = []
    (folder / "squares").mkdir()
    for number in range(VIDEOS):
        sample = clip(number, split="train")
        name = f"squares/{number:02d}.mp4"
        write_pictures(folder / name, sample.frames)
        rows += [(name, text["text"]) for text in sample.texts[:2]]
    (folder / "squares/00.mp4").write_bytes(b"no video")
    with (folder / "mine.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "caption"), *rows, ("squares/none.mp4", "一只狗"), ("squares/01.mp4", "")])
    return folder


def run(mine, start, output, *more):
    return CliRunner().invoke(app, [
        "fine-tune", "--captions", str(mine / "mine.csv"), "--videos", str(mine / "squares"), "--model", str(start),
        "-o", str(output), "--validation-share", "0.3", "--set", "precision=fp32", "--set", "data.workers=1", *more,
    ])  # fmt: skip


def test_one_command_reads_trains_and_says_what_it_was_worth(mine, start, tmp_path):
    found = run(mine, start, tmp_path, "--set", "schedule.epochs=3", "--set", "adapters.rank=2", "--json")
    assert found.exit_code == 0, found.output
    result = json.loads(found.stdout)
    assert result["finished"]
    assert (result["videos"], result["failed"]) == (VIDEOS - 1, 1)
    assert "none.mp4" in found.stderr
    assert "line 55 has no caption" in found.stderr
    assert "00.mp4" in found.stderr
    figure = result["gain"]["text_to_video.r5"]
    assert figure["before_interval"][0] <= figure["before"] <= figure["before_interval"][1]
    assert figure["difference"] == pytest.approx(figure["after"] - figure["before"])
    assert result["gain"]["clips"] in (7, 8)
    assert Path(result["model"], "model.safetensors").is_file()
    # Again it has nothing left to do, and says the same in words.
    stamp = (tmp_path / "corpus/shards/frames-000000.tar").stat().st_mtime_ns
    again = run(mine, start, tmp_path, "--set", "schedule.epochs=3", "--set", "adapters.rank=2")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "corpus/shards/frames-000000.tar").stat().st_mtime_ns == stamp
    assert "these are few clips, so the intervals are wide" in again.stdout
    assert again.stdout.count("difference") == 6


def test_a_dry_run_states_time_memory_and_disk_and_leaves_nothing(mine, start, tmp_path):
    found = run(mine, start, tmp_path / "out", "--set", "adapters.rank=2", "--dry-run", "--json")
    assert found.exit_code == 0, found.output
    assert not (tmp_path / "out").exists()
    said = json.loads(found.stdout)
    assert (said["train"], said["validation"], said["batch"], said["steps"]) == (18, 8, 18, 10)
    assert said["training_hours"] > 0
    assert said["reading_seconds"] > 0
    assert said["frames_bytes"] > 10_000
    more = run(mine, start, tmp_path / "out", "--set", "adapters=null", "--dry-run", "--json")
    full = json.loads(more.stdout)["run"]
    assert full["memory_bytes"] > said["run"]["memory_bytes"]
    assert full["disk_bytes"] > said["run"]["disk_bytes"]
    spoken = run(mine, start, tmp_path / "out", "--set", "adapters.rank=2", "--dry-run")
    for word in ("memory: about", "disk: about", "time: about", "weights:"):
        assert word in spoken.stdout


@pytest.fixture
def few(start, tmp_path, monkeypatch):
    """A folder, which is the current one, with twelve videos of squares, a table of them and the model `20240101`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "squares").mkdir()
    rows = []
    for number in range(12):
        sample = clip(number, split="train")
        write_pictures(tmp_path / f"squares/{number:02d}.mp4", sample.frames)
        rows.append(f"squares/{number:02d}.mp4,{sample.texts[0]['text']}")
    (tmp_path / "mine.csv").write_text("\n".join(["path,caption", *rows]) + "\n", encoding="utf-8")
    shutil.copytree(start, tmp_path / "20240101")
    return tmp_path


def test_any_name_of_a_folder_is_a_name_and_a_relative_path_is_the_absolute_one(few):
    for output in ("try #2", "[a] b", few / "[a] b"):
        found = run(Path(), "20240101", output, *FAST)
        assert found.exit_code == 0, (found.output, found.exception)
    assert run(few, few / "20240101", "try #2", *FAST).exit_code == 0
    recipe = read_recipe(few / "[a] b/recipe.yaml")
    assert recipe.model.start == str(few / "20240101")
    assert recipe.data.train.shards == (str(few / "[a] b/corpus/shards"),)


def test_a_video_that_was_mended_is_trained_on_once_the_run_begins_anew(few):
    good = (few / "squares/03.mp4").read_bytes()
    (few / "squares/03.mp4").write_bytes(b"no video")
    first = run(few, "20240101", "out", *FAST, "--json")
    assert json.loads(first.stdout)["videos"] == 11
    (few / "squares/03.mp4").write_bytes(good)
    assert "begin anew with --restart" in str(run(few, "20240101", "out", *FAST).exception)
    again = run(few, "20240101", "out", *FAST, "--restart", "--json")
    assert again.exit_code == 0, again.exception
    assert (json.loads(again.stdout)["videos"], json.loads(again.stdout)["failed"]) == (12, 0)
    # Other captions of the same videos are another run as well.
    before = (few / "mine.csv").read_text(encoding="utf-8")
    (few / "mine.csv").write_text(before.replace("03.mp4,一个", "03.mp4,有一个"), encoding="utf-8")
    assert "other videos or captions" in str(run(few, "20240101", "out", *FAST).exception)
    assert "other videos or captions" in str(run(few, "20240101", "out", *FAST).exception)
    (few / "mine.csv").write_text(before, encoding="utf-8")
    assert run(few, "20240101", "out", *FAST).exit_code == 0


def test_a_restart_does_not_delete_the_model_that_it_begins_with(few):
    (few / "run").mkdir()
    (few / "20240101").rename(few / "run/model")
    for more in ((), ("--restart",)):
        found = run(few, few / "run/model", "run", *FAST, *more)
        assert isinstance(found.exception, InputError)
        assert "choose another --output" in str(found.exception)
    assert (few / "run/model/model.safetensors").is_file()
    assert not (few / "run/corpus").exists()        # told before all videos were read


def table(folder, *lines):
    (folder / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "t.csv"


def files(folder, count):
    paths = [folder / f"{number}.mp4" for number in range(count)]
    for path in paths:
        path.touch()
    return paths


def test_captions_of_one_video_come_together_and_a_video_is_in_one_split(tmp_path):
    lines = [f"{number}.mp4,{text}" for number in range(10) for text in ("一只狗", "a dog")]
    found = read_captioned(table(tmp_path, "path,caption", *lines), files(tmp_path, 10), validation_share=0.2)
    assert len(found.sources) == 10
    assert [text["language"] for text in found.sources[0].texts] == ["zh", "en"]
    assert (found.count("train"), found.count("validation")) == (8, 2)
    again = read_captioned(table(tmp_path, "path,caption", *reversed(lines)), files(tmp_path, 10), validation_share=0.2)
    assert {s.path: s.split for s in again.sources} == {s.path: s.split for s in found.sources}


def test_the_same_videos_are_held_back_however_the_paths_are_written(tmp_path, monkeypatch):
    (tmp_path / "v").mkdir()
    lines = [f"v/{number}.mp4,一只狗" for number in range(20)]
    listed, there = table(tmp_path, "path,caption", *lines), files(tmp_path / "v", 20)
    monkeypatch.chdir(tmp_path)
    relative = [path.relative_to(tmp_path) for path in there]
    held = {
        tuple(sorted(Path(s.path).name for s in found.sources if s.split == "validation"))
        for found in (read_captioned(*given, validation_share=0.2) for given in (
            (listed, there), (Path("t.csv"), there), (Path("t.csv"), relative), (Path("../") / tmp_path.name / "t.csv", there),
        ))
    }  # fmt: skip
    assert len(held) == 1


def test_a_split_column_decides(tmp_path):
    lines = [f"{number}.mp4,x,{'val' if number == 3 else 'train'}" for number in range(6)]
    found = read_captioned(table(tmp_path, "video,text,split", *lines), files(tmp_path, 6), validation_share=0.5)
    assert [Path(s.path).stem for s in found.sources if s.split == "validation"] == ["3"]
    with pytest.raises(InputError, match="the split 'test' is not known"):
        read_captioned(table(tmp_path, "video,text,split", "1.mp4,x,test"), files(tmp_path, 6), validation_share=0.5)


def test_two_splits_of_one_video_are_refused_with_the_line(tmp_path):
    lines = [f"{number}.mp4,x,{split}" for number in range(6) for split in ("val" if number == 3 else "train", "")]
    there = files(tmp_path, 6)
    assert read_captioned(table(tmp_path, "video,text,split", *lines), there, validation_share=0.5).count("validation") == 1
    lines.append("3.mp4,y,train")
    with pytest.raises(InputError, match=r"line 14 puts 3\.mp4 into train, but an earlier line into validation"):
        read_captioned(table(tmp_path, "video,text,split", *lines), there, validation_share=0.5)


def test_a_caption_of_which_nothing_is_left_is_a_line_that_cannot_be_used(tmp_path):
    lines = [f"{number}.mp4,一只狗" for number in range(6)] + ["2.mp4,\u200b"]
    found = read_captioned(table(tmp_path, "path,caption", *lines), files(tmp_path, 6), validation_share=0.5)
    assert all([text["text"] for text in source.texts] == ["一只狗"] for source in found.sources)
    (reason,) = found.unused
    assert "line 8 has no caption" in reason


def test_a_table_that_cannot_be_used_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(InputError, match="has no captions: name their column `caption`"):
        read_captioned(table(tmp_path, "path,words", "1.mp4,x"), files(tmp_path, 6), validation_share=0.5)
    with pytest.raises(InputError, match="has no column `file`"):
        read_captioned(table(tmp_path, "clip,words", "1.mp4,x"), files(tmp_path, 6), validation_share=0.5)
    with pytest.raises(InputError, match=r"gives captions to 1 of the 6 videos, but 4 are the fewest; .* 'z\.mp4'"):
        read_captioned(table(tmp_path, "path,caption", "1.mp4,x", "z.mp4,y"), files(tmp_path, 6), validation_share=0.5)


def test_the_gain_is_that_of_the_same_clips():
    generator = torch.Generator().manual_seed(4)
    before = torch.randn(30, 30, generator=generator)
    after = before + 3 * torch.eye(30)
    found = gain(two_way_metrics(before), two_way_metrics(after))
    first = found.recalls[0]
    assert first.change.a == pytest.approx(two_way_metrics(before).text_to_video.recall_at_1)
    assert first.change.b == pytest.approx(two_way_metrics(after).text_to_video.recall_at_1)
    assert first.change.low > 0
    assert "few clips" in found.sentences()[-1]
