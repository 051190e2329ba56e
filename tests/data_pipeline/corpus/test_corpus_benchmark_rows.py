"""The training side of a benchmark becomes shards: its own validation split or a part held out, no test video, all counted."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data_pipeline.corpus.benchmark_rows import benchmark_rows
from data_pipeline.corpus.shard_reader import ShardDataset, decode
from data_pipeline.corpus.video_clips import VideoClip, frames_of_video
from retrieval.errors import InputError
from tests.retrieval.evaluation.published_layouts import MSVD_CAPTIONS, write_didemo, write_msvd
from tests.retrieval.evaluation.test_evaluation_benchmarks import official
from tests.videos import write_video


@pytest.fixture
def msrvtt(tmp_path: Path) -> Path:
    """Twelve training videos, one of them in the official test split, and a test video of 1k-A."""
    ids = [f"video{number}" for number in range(12)]
    (tmp_path / "MSRVTT_JSFUSION_test.csv").write_text("key,vid_key,video_id,sentence\nret0,msr99,video99,a cat\n")
    (tmp_path / "MSRVTT_train.9k.csv").write_text("video_id\n" + "\n".join(ids) + "\n")
    splits = dict.fromkeys(ids, "train") | {"video11": "test", "video99": "test"}
    (tmp_path / "MSRVTT_data.json").write_text(official(splits, 2))
    for name in ids[:10]:
        (tmp_path / f"{name}.mp4").touch()
    return tmp_path


def test_where_there_is_no_validation_split_a_part_is_held_out_always_the_same(msrvtt):
    found = benchmark_rows("msrvtt-1ka", data=msrvtt, held_out=4)
    splits = {Path(row.path).stem: row.split for row in found.rows}
    assert set(splits) == {f"video{number}" for number in range(10)}
    assert found.missing == ("video10", "video11")
    held_out = {video for video, split in splits.items() if split == "validation"}
    assert 2 <= len(held_out) <= 4          # of four, those whose files are there
    again = benchmark_rows("msrvtt-1k-A", data=msrvtt, held_out=5)
    assert held_out <= {Path(row.path).stem for row in again.rows if row.split == "validation"}
    first = found.rows[0]
    assert [(text["text"], text["language"], text["kind"]) for text in first.texts] == [
        ("video0 caption 0", "en", "caption"), ("video0 caption 1", "en", "caption"),
    ]  # fmt: skip
    assert first.source == "MSR-VTT 1k-A, trained on 9k, train"


def test_what_cannot_be_a_training_set_is_said(msrvtt, tmp_path_factory):
    with pytest.raises(InputError, match="has 12 videos: 12 cannot be held out"):
        benchmark_rows("msrvtt-1k-A", data=msrvtt, held_out=12)
    with pytest.raises(InputError, match="none of 12 videos is there"):
        benchmark_rows("msrvtt-1k-A", data=msrvtt, videos=tmp_path_factory.mktemp("empty"), held_out=2)
    with pytest.raises(InputError, match="has no split 'train'"):
        benchmark_rows("cbvs-20k", data=msrvtt)


def test_no_test_video_is_learned_from(tmp_path):
    (write_msvd(tmp_path) / "val_list.txt").write_text("klteYv1Uv9A_27_33\n")
    with pytest.raises(InputError, match="1 test videos are listed for training or validation too, such as klteYv1Uv9A_27_33"):
        benchmark_rows("msvd", data=tmp_path)


def test_of_a_long_video_only_what_the_benchmark_looks_at_is_learned(tmp_path):
    write_didemo(tmp_path)
    rows = json.loads((tmp_path / "test_data.json").read_text())
    for split, number in (("train", 3), ("val", 1)):
        own = [{**rows[number], "video": f"{split}.avi"}]
        (tmp_path / f"{split}_data.json").write_text(json.dumps(own))
        (tmp_path / f"{split}.avi").touch()
    found = benchmark_rows("didemo", data=tmp_path)
    assert [(row.split, row.end_ms) for row in found.rows] == [("train", 30_000), ("validation", 30_000)]


def test_the_command_writes_shards_that_training_reads_and_counts_what_is_missing(tmp_path):
    write_msvd(tmp_path)
    (tmp_path / "train_list.txt").write_text("_0nX-El-ySo_83_93\ngone\nbroken\n")
    (tmp_path / "val_list.txt").write_text("-4wsuPCjDBc_5_15\n")
    (tmp_path / "test_list.txt").write_text("klteYv1Uv9A_27_33\n")
    captions = write_captions(tmp_path, "gone", "broken")
    write_video(tmp_path / "_0nX-El-ySo_83_93.avi", seconds=1, seed=1)
    write_video(tmp_path / "-4wsuPCjDBc_5_15.avi", seconds=1, seed=2)
    (tmp_path / "broken.avi").write_bytes(b"no video")
    command = [sys.executable, "-m", "serving.cli.main", "corpus", "benchmark", "msvd", "--data", str(tmp_path)]
    command += ["-o", str(tmp_path / "corpus"), "--frames", "3", "--side", "32", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["videos"], said["rows"], said["kept"], said["failed"]) == (4, 3, 2, 1)
    assert said["missing"] == ["gone"]
    assert said["reasons"] == {"not_a_video": 1}
    (sample,) = ShardDataset(said["shards"], split="train")
    assert [text["text"] for text in sample.texts] == [" ".join(words) for words in captions["_0nX-El-ySo_83_93"]]
    assert decode(sample).shape == (3, 32, 32, 3)
    assert len(ShardDataset(said["shards"], split="validation")) == 1


def write_captions(directory: Path, *more: str) -> dict[str, list[list[str]]]:
    captions = {**MSVD_CAPTIONS, **{video: [["a", "caption"]] for video in more}}
    (directory / "raw-captions.pkl").write_bytes(pickle.dumps(captions))
    return captions


def test_a_cropped_picture_is_the_middle_and_shards_of_before_stay_valid(tmp_path):
    path = write_video(tmp_path / "v.mp4", seconds=1, width=128, height=64)
    stretched, cropped = (frames_of_video(path, count=1, height=64, width=64, fit=fit).pictures[0] for fit in ("stretch", "crop"))
    whole = frames_of_video(path, count=1, height=64, width=128).pictures[0]
    np.testing.assert_array_equal(cropped, whole[:, 32:96])
    assert np.abs(stretched.astype(int) - cropped).max() > 10
    clip = VideoClip(id="a", path=str(path), video="a", texts=(), split="train")
    assert "fit" not in clip.fingerprint()
    other = VideoClip(id="a", path=str(path), video="a", texts=(), split="train", fit="crop")
    assert other.fingerprint() != clip.fingerprint()
