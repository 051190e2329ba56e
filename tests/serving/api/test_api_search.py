"""Searching over HTTP: the same answers as on the command line, in the shape that the document promises."""

from __future__ import annotations

import pytest

from retrieval.library import Library
from retrieval.library.backends import Named
from serving.api.schemas import SearchAnswer
from tests.retrieval.library.vector_backends import PlainStore


def test_a_search_answers_in_the_promised_shape_with_marks_and_media_and_without_any_path(client, filled, ids):
    answer = client.get("/api/v1/search", params={"q": "放风筝", "k": 3}).json()
    SearchAnswer.model_validate(answer)
    hit = answer["hits"][0]
    assert (hit["name"], hit["video"]) == ("公园.mp4", ids["公园.mp4"])
    subtitle = next(match for match in hit["channels"] if match["name"] == "subtitle")
    assert [subtitle["text"][start:end] for start, end in subtitle["marks"]] == ["放风筝"]
    assert str(filled) not in str(answer)
    assert set(answer["took_ms"]) == {"encode", "lexical", "recall", "rank", "fuse", "diversify", "moments", "total"}
    assert client.get(hit["poster"]).status_code == 200


def test_marks_point_into_the_text_as_it_was_written(client):
    answer = client.get("/api/v1/search", params={"q": "风筝", "channel": "subtitle"}).json()
    texts = {match["text"]: match["marks"] for hit in answer["hits"] for m in hit["moments"] for match in m["channels"]}
    assert texts["風箏飛得好高 3<4&"] == [[0, 2]]


def test_what_the_threshold_hides_is_counted_and_shown_when_asked_for(client):
    asked = {"q": "我想看一下的时候我们怎么办", "channel": ["title", "subtitle"]}
    plain = client.get("/api/v1/search", params=asked).json()
    assert (plain["hits"], plain["hidden"]) == ([], 1)
    shown = client.get("/api/v1/search", params={**asked, "hidden": True}).json()
    assert [(hit["name"], hit["below_threshold"]) for hit in shown["hits"]] == [("公园.mp4", True)]
    answered = client.get("/api/v1/search", params={"q": "放风筝", "channel": "subtitle", "hidden": True}).json()
    assert "below_threshold" not in answered["hits"][0]


def test_get_and_post_and_several_queries_at_once_answer_alike(client):
    def found(answer: dict) -> list[tuple]:
        return [(hit["video"], hit["score"]) for hit in answer["hits"]]

    one = client.get("/api/v1/search", params={"q": "城市夜景"}).json()
    posted = client.post("/api/v1/search", json={"q": "城市夜景"}).json()
    several = client.post("/api/v1/search", json={"queries": ["城市夜景", "风筝"]}).json()["answers"]
    assert found(one) == found(posted) == found(several[0])
    assert several[1]["query"] == "风筝"


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"longer": 1.5}, {"公园.mp4", "小猫 <b>.mp4"}),
        ({"shorter": 1.5}, {"city.mp4"}),
        ({"path": "*/city.mp4"}, {"city.mp4"}),
        ({"channel": ["title"]}, {"city.mp4"}),
        ({"until": "1971-01-01"}, set()),
        ({"until": "1971年1月1日"}, set()),
        ({"since": "1.1.1971", "longer": 3}, {"公园.mp4"}),
    ],
)
def test_filters_narrow_the_answer(client, filters, names):
    answer = client.get("/api/v1/search", params={"q": "城市夜景", **filters}).json()
    assert {hit["name"] for hit in answer["hits"]} == names


def test_a_path_that_goes_up_and_down_again_is_the_same_folder(client, filled):
    asked = {"q": "城市夜景", "path": f"{filled}/library/../videos"}
    assert len(client.get("/api/v1/search", params=asked).json()["hits"]) == 3


@pytest.mark.parametrize("path", ["/api/v1/search", "/api/v1/search/by-example"])
def test_a_length_that_no_number_holds_is_refused_in_a_body_too(client, ids, path):
    what = '"q": "猫"' if path.endswith("search") else f'"video": "{ids["city.mp4"]}"'
    body = f"{{{what}, \"longer\": 1e400}}"
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["message"].split(":")[0]) == (422, "longer")


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"q": ""}, 400),
        ({"q": "x" * 2001}, 422),
        ({"q": "猫", "k": 0}, 422),
        ({"q": "猫", "channel": "smell"}, 422),
        ({"q": "猫", "since": "yesterday"}, 422),
        ({"q": "猫", "longer": 9, "shorter": 1}, 400),
        ({"q": "猫", "path": "relative"}, 400),
        ({"q": "猫", "unheard": 1}, 422),
        ({"q": "猫", "longer": "nan"}, 422),
        ({"q": "猫", "longer": "inf"}, 422),
        ({"q": "猫", "shorter": "1e400"}, 422),
        ({"q": "猫", "since": "3/4/2024"}, 422),
    ],
)
def test_a_bad_request_is_told_in_one_sentence_with_its_id(client, parameters, status):
    answer = client.get("/api/v1/search", params=parameters)
    error = answer.json()["error"]
    assert answer.status_code == status
    assert error["message"].endswith(".")
    assert "\n" not in error["message"]
    assert error["request_id"] == answer.headers["X-Request-Id"]


def test_moments_of_one_video_come_by_time_with_a_curve_over_its_frames(client, ids):
    answer = client.get(f"/api/v1/videos/{ids['公园.mp4']}/moments", params={"q": "风筝"}).json()
    starts = [moment["start_ms"] for moment in answer["moments"]]
    assert starts == sorted(starts)
    assert 500 in starts
    assert 2500 in starts
    times = [time for time, _ in answer["saliency"]]
    assert times == sorted(times)
    assert times
    assert all(-1 <= score <= 1 for _, score in answer["saliency"])
    without = client.get(f"/api/v1/videos/{ids['公园.mp4']}/moments", params={"q": "风筝 -狗"}).json()
    assert without["saliency"] == answer["saliency"]


def test_similar_videos_are_all_but_the_video_itself(client, ids):
    answer = client.get(f"/api/v1/videos/{ids['city.mp4']}/similar").json()
    assert {hit["name"] for hit in answer["hits"]} == {"公园.mp4", "小猫 <b>.mp4"}


def test_while_the_store_of_the_vectors_is_away_words_answer_and_pictures_say_when_to_come_again(serve, filled, monkeypatch):
    store = PlainStore()
    with Library.open(filled / "library") as library:
        library.push_vectors(store, name="films")
    monkeypatch.setattr("serving.vectors.open_store", lambda address: Named(store, "films"))
    client = serve(filled / "library", vectors="qdrant:http://elsewhere:6333", jobs=False)
    answer = client.get("/api/v1/search", params={"q": "放风筝"}).json()
    assert {match["name"] for match in answer["hits"][0]["channels"]} >= {"subtitle", "visual"}

    store.failing = True
    answer = client.get("/api/v1/search", params={"q": "放风筝"}).json()
    assert answer["hits"][0]["name"] == "公园.mp4"
    assert answer["notices"] == ["Vectors were not searched, words were: a plain store cannot be reached."]
    assert answer["notices_zh"] == ["没有查画面和语义，只查了文字：a plain store cannot be reached."]
    similar = client.get(f"/api/v1/videos/{answer['hits'][0]['video']}/similar")
    assert (similar.status_code, similar.json()["error"]["kind"], similar.headers["Retry-After"]) == (503, "vectors", "5")
    seen = client.get("/api/v1/search", params={"q": "放风筝", "channel": "visual"})
    assert (seen.status_code, seen.json()["error"]["kind"]) == (503, "vectors")
