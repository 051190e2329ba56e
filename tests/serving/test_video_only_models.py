"""Models that see clips as a whole, from the file to the answer: texts by X-CLIP, likeness by VideoMAE and TimeSformer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from retrieval.encoders import load_clip_encoder, load_encoder
from retrieval.library import Library
from retrieval.video import VideoReader, at_times
from serving.ingest.run import AddOptions, add_videos
from tests.clip_checkpoints import build_timesformer, build_videomae, build_xclip
from tests.videos import write_video


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two videos of two shots, and the first of them again, smaller."""
    folder = tmp_path_factory.mktemp("videos")
    first, other = (write_video(folder / f"{i}.mp4", seconds=4, shots=2, seed=i) for i in range(2))
    return [first, other, write_video(folder / "again.mp4", seconds=4, shots=2, seed=0, frames_per_second=8)]


def _added(library: Path, files: list[Path], model: Path) -> Path:
    report = add_videos(library, files, AddOptions(model=str(model), on_screen_text=False))
    assert report.counts["added"] == len(files), report
    return library


def _search(library: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "serving.cli.main", "search", *arguments, "-l", str(library), "--json"]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_xclip_answers_a_text_with_clips(files, tmp_path):
    model = build_xclip(tmp_path / "xclip")
    library = _added(tmp_path / "library", files, model)

    answer = _search(library, "a red car")

    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    hits = json.loads(answer.stdout)["hits"]
    assert {channel["name"] for hit in hits for channel in hit["channels"]} == {"visual"}
    with Library.open(library) as opened:
        assert opened.generation() == load_encoder(str(model), device="cpu").generation


@pytest.mark.parametrize("build", [build_videomae, build_timesformer])
def test_without_a_text_side_a_clip_finds_its_like_and_a_text_is_told_why_not(build, files, tmp_path):
    model = build(tmp_path / "model")
    library = _added(tmp_path / "library", files, model)
    encoder = load_clip_encoder(str(model), device="cpu")

    with Library.open(library) as opened:
        by_name = {Path(location.path).name: location.video_id for location in opened.locations()}
        own = opened.clips(by_name["0.mp4"])[0]
        with VideoReader(files[0]) as reader:
            g = encoder.geometry
            frames = at_times(reader, own.frame_times_ms)
            pictures = np.stack([frame.rgb(height=g.height, width=g.width, fit=g.fit) for frame in frames])
        vector = encoder.encode_clips(pictures[None], frame_mask=np.ones((1, len(pictures)), dtype=bool)).pooled[0]
        stored = opened.clip_vectors([by_name["0.mp4"]])[by_name["0.mp4"]][0]
        nearest = [hit.video_id for hit in opened.search_clips(vector, limit=3)]
    np.testing.assert_allclose(stored, vector, atol=2e-3)  # kept as fp16
    assert nearest[0] == by_name["0.mp4"]
    assert by_name["again.mp4"] in nearest[:2]

    asked, unasked = _search(library, "0", "--model", str(model)), _search(library, "0")
    assert asked.returncode != 0
    assert "sees videos but reads no text" in asked.stderr
    assert "Traceback" not in asked.stderr
    assert unasked.returncode == 0
    assert "The visual channel is off: The model model sees videos but reads no text" in unasked.stderr
    assert [Path(hit["path"]).name for hit in json.loads(unasked.stdout)["hits"]] == ["0.mp4"]
