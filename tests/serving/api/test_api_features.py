"""Vectors in and out, and searching with pictures: the same numbers as the model and the library give."""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import asdict, astuple, replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from setuptools.config.pyprojecttoml import read_configuration

from retrieval.encoders import load_encoder
from retrieval.library import Library
from retrieval.records import Generation
from retrieval.video import VideoReader, at_times
from serving.api import exporting
from serving.api.models import Engines


def test_texts_become_the_vectors_that_the_model_makes(client, tiny_chinese_clip):
    answer = client.post("/api/v1/embed", json={"texts": ["小猫", "城市"]}).json()
    expected = load_encoder(str(tiny_chinese_clip), device="cpu").encode_texts(["小猫", "城市"]).pooled
    np.testing.assert_allclose(answer["vectors"], expected, atol=1e-6)
    assert answer["generation"]["dimension"] == expected.shape[1]
    assert client.post("/api/v1/embed", json={"texts": [" "]}).status_code == 400


def exported(client, **asked):
    answer = client.get("/api/v1/export/vectors", params=asked)
    assert answer.status_code == 200, answer.text
    return io.BytesIO(answer.content)


def test_the_vectors_of_all_clips_can_be_taken_away_with_what_each_is_of(client, filled):
    with Library.open(filled / "library") as library:
        ids = library.video_ids()
        vectors = library.clip_vectors(ids)
        expected = np.concatenate([vectors[video_id] for video_id in ids])
        clips = [(video_id, *astuple(clip)[1:4]) for video_id in ids for clip in library.clips(video_id)]
        generation = asdict(library.generation())
    np.testing.assert_allclose(np.load(exported(client)), expected, atol=1e-3)
    taken = np.load(exported(client, format="npz"))
    assert taken["vectors"].dtype == np.float16
    np.testing.assert_allclose(taken["vectors"], expected, atol=1e-3)
    columns = (taken["video"].astype(str), taken["start_ms"], taken["end_ms"], taken["keyframe_ms"])
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == clips
    assert json.loads(str(taken["generation"])) == generation
    table = pq.read_table(exported(client, format="parquet")).to_pydict()
    np.testing.assert_allclose(np.array(table["vector"]), expected, atol=1e-6)
    assert list(zip(table["video"], table["start_ms"], table["end_ms"], table["keyframe_ms"], strict=True)) == clips
    assert list(table) == ["video", "start_ms", "end_ms", "keyframe_ms", "vector"]


@pytest.fixture
def meant(copied):
    """The library with vectors of all texts but one, and of another generation that is not searched; these by text."""
    vectors = {}
    with Library.open(copied, write=True) as library:
        rows = [row for video_id in library.video_ids() for row in library.evidence(video_id)][1:]
        for number, row in enumerate(rows):
            vectors[row.text] = np.eye(1, 24, number % 24, dtype=np.float32)[0]
        library.put_text_vectors(SENTENCES, {row.id: vectors[row.text] for row in rows})
        other = Generation(encoder="other", revision="1", preprocessing="sentence", dimension=4)
        library.put_text_vectors(other, {row.id: np.eye(4, dtype=np.float32)[0] for row in rows})
    return copied, vectors


SENTENCES = Generation(encoder="sentences", revision="1", preprocessing="sentence", dimension=24)


@pytest.mark.parametrize("videos_at_once", [1, 200])
def test_the_vectors_of_all_texts_can_be_taken_away_with_the_texts(serve, meant, monkeypatch, videos_at_once):
    asked, rows_of = [], Library.text_rows
    monkeypatch.setattr(exporting, "_VIDEOS_AT_ONCE", videos_at_once)
    monkeypatch.setattr(exporting, "_SPOOLED_BYTES", 64)
    monkeypatch.setattr(Library, "text_rows", lambda self, gen, ids: asked.append(len(ids)) or rows_of(self, gen, ids))
    library, vectors = meant
    client = serve(library, jobs=False, model="none")
    taken = np.load(exported(client, format="npz", of="texts"))
    assert max(asked) == min(videos_at_once, 3)
    whole, ends = taken["text_utf8"].tobytes(), np.cumsum(taken["text_bytes"])
    texts = [whole[end - size : end].decode() for end, size in zip(ends, taken["text_bytes"], strict=True)]
    assert sorted(texts) == sorted(vectors)
    np.testing.assert_array_equal(taken["vectors"], [vectors[text] for text in texts])
    place = texts.index("我们去公园放风筝")
    assert (taken["kind"][place], taken["start_ms"][place], taken["end_ms"][place]) == (b"subtitle", 500, 1500)
    assert json.loads(str(taken["generation"])) == asdict(SENTENCES)
    np.testing.assert_array_equal(np.load(exported(client, of="texts")), taken["vectors"])
    table = pq.read_table(exported(client, of="texts", format="parquet")).to_pydict()
    assert table["text"] == texts
    assert table["video"] == taken["video"].astype(str).tolist()
    np.testing.assert_array_equal(table["vector"], taken["vectors"])


def test_an_export_of_what_is_not_there_says_what_is_missing(client, monkeypatch):
    refused = client.get("/api/v1/export/vectors", params={"of": "texts"})
    assert (refused.status_code, refused.json()["error"]["kind"]) == (409, "no_model")
    assert "No sentence model" in refused.json()["error"]["message"]
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused = client.get("/api/v1/export/vectors", params={"format": "parquet"})
    assert refused.status_code == 501
    extra = re.search(r"wenshi\[(\w+)\]", refused.json()["error"]["message"])[1]
    extras = read_configuration("pyproject.toml")["project"]["optional-dependencies"]
    assert any(package.startswith("pyarrow") for package in extras[extra])


def test_a_picture_of_a_video_finds_it(client, filled):
    with VideoReader(filled / "videos" / "city.mp4") as reader:
        (frame,) = at_times(reader, [500])
    picture = io.BytesIO()
    Image.fromarray(frame.rgb()).save(picture, "PNG")
    answer = client.post("/api/v1/search/by-example", files={"file": ("x.png", picture.getvalue(), "image/png")})
    assert answer.status_code == 200, answer.text
    hits = answer.json()["hits"]
    best = max(hits, key=lambda hit: hit["channels"][0]["score"])
    assert best["name"] == "city.mp4"
    assert best["channels"][0]["score"] > 0.999


def test_a_clip_of_a_video_finds_it(client, filled):
    content = (filled / "videos" / "city.mp4").read_bytes()
    hits = client.post("/api/v1/search/by-example", files={"file": ("x.mp4", content, "video/mp4")}).json()["hits"]
    assert max(hits, key=lambda hit: hit["channels"][0]["score"])["name"] == "city.mp4"


def test_a_span_of_a_video_finds_others(client, ids):
    asked = {"video": ids["公园.mp4"], "start_ms": 0, "end_ms": 1000}
    hits = client.post("/api/v1/search/by-example", json=asked).json()["hits"]
    assert {hit["name"] for hit in hits} == {"city.mp4", "小猫 <b>.mp4"}
    assert client.post("/api/v1/search/by-example", json={**asked, "end_ms": 0}).status_code == 400


EVERY = {"公园.mp4", "小猫 <b>.mp4", "city.mp4"}
FILTERS = [
    ({}, EVERY), ({"shorter": 1}, {"city.mp4"}), ({"longer": 3, "hidden": True}, {"公园.mp4"}),
    ({"path": ["*.mp4"], "longer": 2}, EVERY - {"city.mp4"}), ({"path": ["*/city.mp4", "*/公园.mp4"]}, {"city.mp4", "公园.mp4"}),
    ({"tag": ["没有"]}, set()), ({"since": "2999-01-01"}, set()), ({"channel": ["visual", "asr"], "until": "2999-01-01"}, EVERY),
]  # fmt: skip


@pytest.mark.parametrize(("filters", "expected"), FILTERS)
def test_filters_choose_what_may_answer_an_example_as_they_do_a_text(client, filled, ids, filters, expected):
    path = "/api/v1/search/by-example"
    files = {"file": ("x.mp4", (filled / "videos" / "city.mp4").read_bytes(), "video/mp4")}
    by_file = client.post(path, files=files, data=filters).json()
    assert {hit["name"] for hit in by_file["hits"]} == expected
    by_span = client.post(path, json={"video": ids["city.mp4"], **filters}).json()
    assert {hit["name"] for hit in by_span["hits"]} == expected - {"city.mp4"}
    by_text = client.get("/api/v1/search", params={"q": "夜景", **filters}).json()
    assert {hit["name"] for hit in by_text["hits"]} == expected


def test_an_example_is_answered_by_what_is_seen_or_it_is_said_that_it_may_not(client, filled, ids):
    def searches() -> str:
        return next((line for line in client.get("/metrics").text.splitlines() if 'seconds_count{stage="total"}' in line), "")

    before = searches()
    path, files = "/api/v1/search/by-example", {"file": ("x.mp4", (filled / "videos" / "city.mp4").read_bytes())}
    for answer in (
        client.post(path, files=files, data={"channel": "asr"}),
        client.post(path, json={"video": ids["city.mp4"], "channel": ["asr", "title"]}),
    ):
        assert answer.json()["hits"] == []
        assert "leave visual out" in answer.json()["notices"][0]
    assert searches() == before     # nothing was searched


@pytest.mark.parametrize(("filters", "status", "named"), [
    ({"k": 0}, 422, "k"), ({"k": "many"}, 422, "k"), ({"longer": "-1"}, 422, "longer"), ({"since": "tomorrow"}, 422, "since"),
    ({"colour": "red"}, 422, "colour"), ({"channel": "smell"}, 422, "channel"), ({"longer": 5, "shorter": 2}, 400, "5000 ms"),
    ({"path": "videos"}, 400, "'videos'"),
])  # fmt: skip
def test_a_filter_that_makes_no_sense_is_refused_beside_an_example_too(client, ids, filters, status, named):
    path, files = "/api/v1/search/by-example", {"file": ("x.png", b"x", "image/png")}
    listed = {name: [value] if name in ("channel", "path") else value for name, value in filters.items()}
    for answer in (
        client.post(path, files=files, data=filters), client.post(path, json={"video": ids["city.mp4"], **listed}),
    ):
        assert answer.status_code == status
        assert named in answer.json()["error"]["message"]


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"#EXTM3U\n", b"GIF89a", b"\xff\xd8\xff\xe0" * 100])
def test_what_is_no_picture_is_refused(client, content):
    answer = client.post("/api/v1/search/by-example", files={"file": ("x", content, "image/png")})
    assert answer.status_code == 422
    assert "wenshi-example" not in answer.text


@pytest.mark.parametrize("side", [8_200, 20_000])
def test_a_picture_that_unpacks_to_too_much_is_refused(client, side):
    bomb = io.BytesIO()
    Image.new("1", (side, side)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 1 << 20
    answer = client.post("/api/v1/search/by-example", files={"file": ("x.png", bomb.getvalue(), "image/png")})
    assert answer.status_code == 422


def test_key_moments_are_structured_data_with_links_back(client, ids):
    answer = client.get(f"/api/v1/videos/{ids['公园.mp4']}/key-moments.jsonld", params={"q": "风筝"})
    assert answer.headers["content-type"] == "application/ld+json"
    data = answer.json()
    assert data["@type"] == "VideoObject"
    assert {"startOffset": 0.5, "endOffset": 1.5}.items() <= next(p for p in data["hasPart"] if "公园" in p["name"]).items()


def test_metrics_tell_of_stages_and_never_of_single_videos(client, ids):
    client.get("/api/v1/search", params={"q": "风筝"})
    client.get(f"/api/v1/videos/{ids['city.mp4']}")
    text = client.get("/metrics").text
    assert 'wenshi_search_stage_seconds_count{stage="lexical"}' in text
    assert '/videos/{video_id}"' in text
    assert ids["city.mp4"] not in text
    assert "wenshi_videos 3.0" in text


def test_metrics_tell_of_the_stages_of_moments_and_of_pictures_too(serve, filled, ids):
    def counts():
        lines = client.get("/metrics").text.splitlines()
        found = (re.match(r'wenshi_search_stage_seconds_count{stage="(\w+)"} (.+)', line) for line in lines)
        return {stage[1]: float(stage[2]) for stage in found if stage}

    client = serve(filled / "library", jobs=False)
    client.get(f"/api/v1/videos/{ids['公园.mp4']}/moments", params={"q": "风筝"})
    after_moments = counts()
    assert {"lexical", "encode", "moments", "saliency", "total"} <= set(after_moments)
    assert set(after_moments.values()) == {1.0}
    picture = io.BytesIO()
    Image.new("RGB", (32, 32)).save(picture, "PNG")
    client.post("/api/v1/search/by-example", files={"file": ("x.png", picture.getvalue(), "image/png")})
    assert counts()["encode_pictures"] == 1
    assert counts()["total"] == 2


def test_a_picture_that_another_model_read_than_is_searched_by_now_is_asked_for_again(filled, serve, monkeypatch):
    client = serve(filled / "library", jobs=False)
    taken = Engines.clip_encoder

    def swapped_after(engines: Engines):
        encoder = taken(engines)
        other = replace(encoder.generation, revision="another")
        monkeypatch.setattr(Library, "generation", lambda library: other)
        return encoder

    monkeypatch.setattr(Engines, "clip_encoder", swapped_after)
    picture = io.BytesIO()
    Image.new("RGB", (32, 32)).save(picture, "PNG")
    answer = client.post("/api/v1/search/by-example", files={"file": ("x.png", picture.getvalue(), "image/png")})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert "send the picture again" in answer.json()["error"]["message"]


def test_a_library_without_a_model_says_so_and_still_answers(filled, serve):
    client = serve(filled / "library", jobs=False, model="none")
    assert client.get("/api/v1/search", params={"q": "风筝"}).json()["hits"][0]["name"] == "公园.mp4"
    assert client.post("/api/v1/embed", json={"texts": ["x"]}).status_code == 409
    assert client.post("/api/v1/search/by-example", files={"file": ("x", b"x", "image/png")}).status_code == 409
