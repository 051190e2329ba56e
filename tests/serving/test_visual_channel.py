"""A library with a model: vectors are written while adding and searched from the command line. Real processes, a tiny model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
import pytest

from retrieval.encoders import load_encoder, pool_frames, read_generation
from retrieval.library import Library
from retrieval.search import SearchEngine, SearchSettings
from retrieval.video import VideoReader, at_times
from serving.demo.measuring import library_scores
from serving.ingest.pool import PoolSettings, ReaderPool
from serving.ingest.run import AddOptions, add_videos
from tests.videos import write_video


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    return [write_video(folder / f"{i}.mp4", seconds=6, shots=2, seed=i) for i in range(3)]


@pytest.fixture(scope="module")
def library(clips: list[Path], tiny_chinese_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("library") / "here"
    report = add_videos(directory, clips, AddOptions(model=str(tiny_chinese_clip), on_screen_text=False))
    assert report.counts == {"added": 3, "updated": 0, "unchanged": 0, "failed": 0}
    return directory


def search(library: Path, *arguments: str) -> tuple[dict, str]:
    command = [sys.executable, "-m", "serving.cli.main", "search", *arguments, "-l", str(library), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_every_clip_has_the_vectors_of_its_own_frames(library, clips, tiny_chinese_clip):
    encoder = load_encoder(str(tiny_chinese_clip), device="cpu")
    with Library.open(library) as opened:
        assert opened.generation() == encoder.generation
        for location in opened.locations():
            stored = opened.clips(location.video_id)
            assert stored, "no clip"
            vectors = opened.clip_vectors([location.video_id])[location.video_id]
            for clip, vector in zip(stored, vectors, strict=True):
                times, frame_vectors = opened.frame_vectors([clip.id])[clip.id]
                assert times == clip.frame_times_ms
                with VideoReader(location.path) as reader:
                    geometry = encoder.geometry
                    pictures = np.stack(
                        [
                            frame.rgb(height=geometry.height, width=geometry.width, fit=geometry.fit)
                            for frame in at_times(reader, times)
                        ]
                    )
                again = encoder.encode_frames(pictures)
                np.testing.assert_allclose(frame_vectors, again, atol=2e-3)  # kept as fp16
                np.testing.assert_allclose(vector, pool_frames(again), atol=2e-3)


def test_a_search_names_the_visual_channel_its_clip_and_its_best_frame(library):
    answer, errors = search(library, "一只狗在草地上追球", "-k", "3", "--all-copies")
    assert errors == ""
    assert len(answer["hits"]) == 3
    for hit in answer["hits"]:
        (channel,) = hit["channels"]
        assert channel["name"] == "visual"
        moment = hit["moments"][0]
        assert moment["start_ms"] <= moment["best_ms"] <= moment["end_ms"] <= hit["duration_ms"]
    ranks = [hit["channels"][0]["rank"] for hit in answer["hits"]]
    assert ranks[0] == 1


def test_without_a_second_ranking_the_order_is_that_of_the_cosines(library, tiny_chinese_clip):
    encoder = load_encoder(str(tiny_chinese_clip), device="cpu")
    text = encoder.encode_texts(["红色的汽车"]).pooled[0]
    with Library.open(library) as opened:
        vectors = opened.clip_vectors(opened.video_ids())
        # A random model takes all noise for nearly the same picture: copies must neither step back nor be folded.
        settings = SearchSettings(diversity=0, collapse=False, rerank=0)
        result = SearchEngine(opened, encoder=encoder, settings=settings).search("红色的汽车")
    best = {video: float((rows @ text).max()) for video, rows in vectors.items()}
    assert [hit.video_id for hit in result.hits] == sorted(best, key=lambda video: -best[video])


def test_the_first_clips_are_ranked_again_by_words_and_frames(library, tiny_chinese_clip):
    encoder = load_encoder(str(tiny_chinese_clip), device="cpu")
    with Library.open(library) as opened:
        ids = opened.video_ids()
        scores = library_scores(opened, ids, ["红色的汽车"], encoder=encoder).reranked[0]
        settings = SearchSettings(diversity=0, collapse=False)
        result = SearchEngine(opened, encoder=encoder, settings=settings).search("红色的汽车")
    best = dict(zip(ids, scores, strict=True))
    assert [hit.video_id for hit in result.hits] == sorted(best, key=lambda video: -best[video])


def test_without_its_model_a_library_still_answers_and_says_why_once(library, clips, tiny_chinese_clip, tmp_path):
    answer, errors = search(library, "0", "--model", "none")
    assert errors == ""
    assert [Path(hit["path"]).name for hit in answer["hits"]] == ["0.mp4"]
    moved = shutil.move(tiny_chinese_clip, tmp_path / "moved")
    try:
        answer, errors = search(library, "1")
    finally:
        shutil.move(moved, tiny_chinese_clip)
    assert [Path(hit["path"]).name for hit in answer["hits"]] == ["1.mp4"]
    assert errors.count("visual channel is off") == 1


def test_another_model_is_refused_before_anything_is_written(library, clips, tiny_model, tmp_path):
    other = tiny_model("clip")
    command = [
        sys.executable,
        "-m",
        "serving.cli.main",
        "add",
        str(clips[0]),
        "-l",
        str(library),
        "--model",
        str(other),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.strip().count("\n") == 0
    assert "add with the same model" in done.stderr


def test_a_text_library_gets_its_vectors_from_a_later_add(clips, tiny_chinese_clip, tmp_path):
    directory = tmp_path / "library"
    add_videos(directory, clips[:1], AddOptions(model="none", on_screen_text=False))
    report = add_videos(directory, clips[:1], AddOptions(model=str(tiny_chinese_clip), on_screen_text=False))
    assert report.counts["updated"] == 1
    with Library.open(directory) as opened:
        assert opened.status().generations[0].share == 1.0
    again = add_videos(directory, clips[:1], AddOptions(model="none", on_screen_text=False))
    assert again.counts["unchanged"] == 1
    with Library.open(directory) as opened:
        assert opened.status().generations[0].share == 1.0


def test_an_encoder_that_dies_once_costs_nothing(clips, tiny_chinese_clip, tmp_path, monkeypatch):
    struck = []
    encode = ReaderPool.encode

    def strike_once(pool: ReaderPool, job: int, position: int, clip: object) -> None:
        if not struck:
            assert pool._encoder is not None
            pid = pool._encoder.child._process.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            struck.append(pid)
        encode(pool, job, position, clip)  # type: ignore[arg-type]

    monkeypatch.setattr(ReaderPool, "encode", strike_once)
    report = add_videos(tmp_path / "library", clips, AddOptions(model=str(tiny_chinese_clip), on_screen_text=False))
    assert struck
    assert report.counts == {"added": 3, "updated": 0, "unchanged": 0, "failed": 0}
    with Library.open(tmp_path / "library") as opened:
        assert opened.status().generations[0].share == 1.0
        assert opened.check() == []


def test_shared_memory_is_given_back(clips, tmp_path, tiny_chinese_clip):
    model = str(tiny_chinese_clip)
    with ReaderPool(PoolSettings(model=model, generation=read_generation(model), on_screen_text=False)) as pool:
        pool.read(1, clips[0])
        slots = pool._readers[0].slots
        assert slots is not None
        SharedMemory(slots.layout.name).close()
    with pytest.raises(FileNotFoundError):
        SharedMemory(slots.layout.name)
