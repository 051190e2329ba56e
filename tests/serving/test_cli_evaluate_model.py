"""A model on a benchmark from the command line: real files, a small real model, one that cannot be read."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from retrieval.encoders import load_encoder
from retrieval.errors import InputError
from retrieval.evaluation.benchmarks import read_msvd, read_vatex
from retrieval.evaluation.scoring import encode_videos
from retrieval.video import VideoReader, uniform
from tests.retrieval.evaluation.published_layouts import write_msvd
from tests.videos import write_video


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "serving.cli.main", "evaluate", "model", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmark")
    for number in range(3):
        write_video(folder / f"v{number}.mp4", seconds=2, shots=1, seed=number)
    (folder / "broken.mp4").write_bytes(b"this is no video")
    rows = [{"video": f"v{number}.mp4", "texts": [f"第{number}个", "大家"[number % 2]]} for number in range(3)]
    rows.append({"video": "broken.mp4", "texts": ["坏的"]})
    file = folder / "mine.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


def test_scores_are_the_models_own_and_an_unreadable_video_is_named(benchmark, tiny_chinese_clip, tmp_path):
    (tmp_path / "bank.txt").write_text("红车\n\n一只猫\n", encoding="utf-8")
    bank = ["--query-bank", str(tmp_path / "bank.txt"), "--query-bank-temperature", "0.1"]
    kept = ["-o", str(tmp_path / "run"), "--json"]
    done = run(str(tiny_chinese_clip), "--benchmark", str(benchmark), "--frames", "4", *bank, *kept)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert "3 of 4 videos present" in result["protocol"]
    assert any("broken" in notice for notice in result["notices"])
    (normed,) = result["post_processed_results"]
    assert (normed["post_processing"], normed["direction"]) == ("qb_norm", "text_to_video")
    assert normed["note"].startswith("2 bank queries, temperature 0.1;")
    encoder = load_encoder(str(tiny_chinese_clip), device="cpu")
    geometry = encoder.geometry
    clips = []
    for number in range(3):
        with VideoReader(benchmark.parent / f"v{number}.mp4") as reader:
            frames = uniform(reader, 4)
            clips.append(np.stack([frame.rgb(height=geometry.height, width=geometry.width) for frame in frames]))
    pooled = encoder.encode_clips(np.stack(clips), frame_mask=np.ones((3, 4), bool)).pooled
    scores = encoder.encode_texts(["第0个"]).pooled[0] @ pooled.T
    asked = [json.loads(line) for line in (tmp_path / "run" / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    (first,) = (row for row in asked if row["text"] == "第0个")
    assert first["relevant"] == ["v0.mp4"]
    assert set(first["top"]) == {"v0.mp4", "v1.mp4", "v2.mp4"}
    fine = encoder.encode_clips(np.stack(clips), frame_mask=np.ones((3, 4), bool)).frames
    words = encoder.encode_texts(["第0个"])
    similarity = np.einsum("ld,bvd->blv", words.words[0], fine)
    token_wise = (similarity.max(axis=2).mean(axis=1) + similarity.max(axis=1).mean(axis=1)) / 2
    assert first["top"][0] == f"v{int((scores + token_wise).argmax())}.mp4"
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "data:image/jpeg" in page


def test_a_published_benchmark_is_measured_from_its_lists_beside_the_videos(tiny_chinese_clip, tmp_path):
    write_msvd(tmp_path)
    for number, name in enumerate(("-4wsuPCjDBc_5_15", "klteYv1Uv9A_27_33")):
        write_video(tmp_path / f"{name}.avi", seconds=1, seed=number)
    command = [sys.executable, "-m", "serving.cli.main", "evaluate", "--benchmark", "MSVD", "--videos", str(tmp_path)]
    command += ["--model", str(tiny_chinese_clip), "--frames", "3", "-o", str(tmp_path / "run"), "--breakdown"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "MSVD test, all captions: 3 queries, 2 videos" in done.stdout
    assert "pooled/video_to_grouped_text" in done.stdout
    assert "reranked/text_to_video by length\n  queries     R@1    R@10      MnR\n" in done.stdout
    assert re.search(r"^ +\d+( +\d+\.\d){3}  with noun$", done.stdout, re.MULTILINE)
    kept = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert kept["protocol"] == "MSVD test, all captions"
    assert kept["split_hash"] == read_msvd(tmp_path).split_hash
    assert kept["facts"]["frames"] == 3
    assert kept["facts"]["decoder"].startswith("PyAV")
    assert kept["facts"]["model_revision"]
    assert any("670 and 27,763 were published" in notice for notice in kept["notices"])


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--benchmark", "msrvtt-9k"], "msrvtt-1k-A"),
        (["--benchmark", "vatex-zh"], "--data"),
        (["--benchmark", "didemo"], "train_, val_, test_data.json"),
        (["--benchmark", "didemo", "--videos", "tests"], "holds no test_data.json"),
        (["--benchmark", "nowhere.jsonl"], "nowhere.jsonl"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_sentence(arguments, word, tiny_chinese_clip):
    done = run(str(tiny_chinese_clip), *arguments)
    assert done.returncode == 1
    assert word in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_blank_text_is_named_before_any_video_is_read(tiny_chinese_clip, tmp_path):
    rows = [("a", ["一只猫", "\u200b"]), ("b", ["一只狗"]), ("gone", [" \u200b"])]
    content = [{"videoID": video, "enCap": texts, "chCap": texts} for video, texts in rows]
    (tmp_path / "vatex_validation_v1.0.json").write_text(json.dumps(content), encoding="utf-8")
    for name in ("a", "b"):
        (tmp_path / f"{name}.mp4").write_bytes(b"this is no video")
    wanted = read_vatex(tmp_path / "vatex_validation_v1.0.json", videos=tmp_path)
    with pytest.raises(InputError, match=r"VATEX .*the text of query a#1 \(of a\) is empty"):
        encode_videos(wanted, load_encoder(str(tiny_chinese_clip)), frames=2, progress=lambda *_: pytest.fail("a video was read"))
