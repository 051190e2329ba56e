"""`wenshi search` with filters, over a library that was put by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from retrieval.errors import InputError
from retrieval.library import Library, VideoFilter
from retrieval.records import Clip, Evidence, Generation, Location, Video
from retrieval.search import SearchEngine
from serving.cli.main import app

GENERATION = Generation(encoder="made", revision="1", preprocessing="none", dimension=8)


def put(library, number, *, path, title, seconds, tag):
    video = Video(
        id=f"{number:064x}", size_bytes=1, duration_ms=seconds * 1000, width=2, height=2, frames_per_second=25.0,
        container="mp4", codec="h264", has_audio=False,
    )  # fmt: skip
    vector = np.zeros(8, np.float32)
    vector[number] = 1.0
    library.put(
        video, Location(path=path, size_bytes=1, modified_ns=0, details={"date": f"202{number}-05-01"}),
        evidence=[Evidence(kind="tag", text=tag, start_ms=0, end_ms=1000, source="metadata")],
        location_evidence=[Evidence(kind="title", text=title, start_ms=0, end_ms=1000, source="manifest")],
        clips=[Clip(start_ms=0, end_ms=1000, keyframe_ms=0, frame_times_ms=(0,), vector=vector)],
        generation=GENERATION, examined={},
    )  # fmt: skip


@pytest.fixture
def directory(tmp_path):
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        put(library, 1, path="/v/home/one.mp4", title="小狗追球", seconds=5, tag="宠物")
        put(library, 2, path="/v/home/two.mp4", title="小狗睡觉", seconds=30, tag="宠物")
        put(library, 3, path="/v/park/three.mp4", title="小狗跑步", seconds=90, tag="公园")
    return tmp_path / "library"


def found(directory, *options) -> set[str]:
    result = CliRunner().invoke(app, ["search", "小狗", "--library", str(directory), "--json", *options])
    assert result.exit_code == 0, result.output
    return {hit["path"].rsplit("/", 1)[1] for hit in json.loads(result.stdout)["hits"]}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ((), {"one.mp4", "two.mp4", "three.mp4"}),
        (("--path", "/v/home"), {"one.mp4", "two.mp4"}),
        (("--path", "/v/park/../home"), {"one.mp4", "two.mp4"}),
        (("--path", "*/three.mp4", "--path", "/v/home/one.mp4"), {"one.mp4", "three.mp4"}),
        (("--tag", "公園"), {"three.mp4"}),
        (("--longer", "10"), {"two.mp4", "three.mp4"}),
        (("--longer", "10", "--shorter", "60"), {"two.mp4"}),
        (("--since", "2022-05-01"), {"two.mp4", "three.mp4"}),
        (("--until", "2022-04-30"), {"one.mp4"}),
        (("--until", "2022 年 4 月 30 日"), {"one.mp4"}),
        (("--since", "15.05.2021", "--until", "5/15/2022"), {"two.mp4"}),
        (("--video", f"{2:064x}"), {"two.mp4"}),
        (("--tag", "nothing"), set()),
    ],
)
def test_only_videos_that_pass_the_filter_are_found(directory, options, names):
    assert found(directory, *options) == names


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--since", "May"), "2024-03-01"), (("--until", "2024"), "2024-03-01"), (("--since", "3/4/2024"), "2024-03-01"),
        (("--since", "2024-02-02", "--until", "2024-02-01"), "No day"),
        (("--longer", "inf"), "does not last"), (("--shorter", "1e400"), "does not last"),
        (("--longer", "1e300"), "does not last"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_in_one_sentence(directory, options, word):
    result = CliRunner().invoke(app, ["search", "小狗", "--library", str(directory), *options])
    assert isinstance(result.exception, InputError)
    assert word in str(result.exception)


def test_a_path_is_read_from_where_one_stands(directory, monkeypatch, tmp_path):
    with Library.open(directory, write=True) as library:
        put(library, 4, path=str(tmp_path / "v" / "four.mp4"), title="小狗游泳", seconds=5, tag="水")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert found(directory, "--path", "../v") == found(directory, "--path", "../v/*.mp4") == {"four.mp4"}


def test_clips_are_filtered_too(directory):
    with Library.open(directory) as library:
        vector = np.eye(8, dtype=np.float32)[1:4].sum(axis=0)
        hits = library.search_clips(vector, limit=10, where=VideoFilter(longest_ms=40_000))
        assert {hit.video_id for hit in hits} == {f"{1:064x}", f"{2:064x}"}
        result = SearchEngine(library).search("小狗", where=VideoFilter(paths=("/v/park",)))
        assert [hit.video_id for hit in result.hits] == [f"{3:064x}"]
