"""Vectors in and out, and searching with pictures: the same numbers as the model and the library give."""

from __future__ import annotations

import io

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from retrieval.encoders import load_encoder
from retrieval.library import Library
from retrieval.video import VideoReader, at_times


def test_texts_become_the_vectors_that_the_model_makes(client, tiny_chinese_clip):
    answer = client.post("/api/v1/embed", json={"texts": ["小猫", "城市"]}).json()
    expected = load_encoder(str(tiny_chinese_clip), device="cpu").encode_texts(["小猫", "城市"]).pooled
    np.testing.assert_allclose(answer["vectors"], expected, atol=1e-6)
    assert answer["generation"]["dimension"] == expected.shape[1]
    assert client.post("/api/v1/embed", json={"texts": [" "]}).status_code == 400


def test_the_vectors_of_all_clips_can_be_taken_away(client, filled):
    with Library.open(filled / "library") as library:
        ids = library.video_ids()
        vectors = library.clip_vectors(ids)
        expected = np.concatenate([vectors[video_id] for video_id in ids])
    answer = client.get("/api/v1/export/vectors")
    np.testing.assert_allclose(np.load(io.BytesIO(answer.content)), expected, atol=1e-3)
    table = pq.read_table(io.BytesIO(client.get("/api/v1/export/vectors?format=parquet").content)).to_pydict()
    np.testing.assert_allclose(np.array(table["vector"]), expected, atol=1e-6)
    assert list(dict.fromkeys(table["video"])) == ids


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
    path, files = "/api/v1/search/by-example", {"file": ("x.mp4", (filled / "videos" / "city.mp4").read_bytes())}
    for answer in (
        client.post(path, files=files, data={"channel": "asr"}),
        client.post(path, json={"video": ids["city.mp4"], "channel": ["asr", "title"]}),
    ):
        assert answer.json()["hits"] == []
        assert "leave visual out" in answer.json()["notices"][0]


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


def test_a_library_without_a_model_says_so_and_still_answers(filled, serve):
    client = serve(filled / "library", jobs=False, model="none")
    assert client.get("/api/v1/search", params={"q": "风筝"}).json()["hits"][0]["name"] == "公园.mp4"
    assert client.post("/api/v1/embed", json={"texts": ["x"]}).status_code == 409
    assert client.post("/api/v1/search/by-example", files={"file": ("x", b"x", "image/png")}).status_code == 409
