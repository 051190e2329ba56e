"""How the library is, counted no oftener than it changes; queries read by an exported text encoder."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from retrieval.encoders.onnx.exporting import export_text_encoder
from retrieval.errors import InputError
from retrieval.library import Library, LibraryStatus
from retrieval.records import Clip, Generation, Location, Video
from serving.api import models
from serving.api.running import serve as serve_until_ended
from serving.api.settings import ServeSettings
from serving.models import place_key, remembered_model
from tests.sentence_models import ConceptModel


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A 1 for each time that a library is counted."""
    counts: list[int] = []
    status = Library.status

    def counting(self: Library) -> LibraryStatus:
        counts.append(1)
        return status(self)

    monkeypatch.setattr(Library, "status", counting)
    return counts


def test_the_library_is_counted_once_for_each_edition(serve, copied, counted):
    client = serve(copied)
    before = client.get("/api/v1/library").json()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: client.get("/api/v1/library"), range(16)))
    client.get("/metrics")
    assert len(counted) == 1
    video = client.get("/api/v1/videos").json()["videos"][0]["video"]
    assert client.delete(f"/api/v1/videos/{video}").status_code == 200
    after = client.get("/api/v1/library").json()
    assert after["videos"] == before["videos"] - 1
    assert after["edition"] != before["edition"]
    assert len(counted) == 2


def test_pages_go_on_behind_a_place_or_a_video_and_say_so_where_that_video_is_gone(serve, copied):
    client = serve(copied)

    def page(**asked: object) -> dict[str, Any]:
        return client.get("/api/v1/videos", params={"limit": 2, **asked}).json()

    first = page()
    removed = first["videos"][-1]["video"]
    rest = page(after=first["next"])
    assert len(rest["videos"]) == 1
    assert rest["next"] is None
    assert page(after=removed) == rest
    client.delete(f"/api/v1/videos/{removed}")
    assert page(after=first["next"]) == rest
    gone = client.get("/api/v1/videos", params={"after": removed})
    assert (gone.status_code, gone.json()["error"]["kind"]) == (410, "gone")
    for nonsense in ("-1", "9" * 19, "x", ""):
        assert client.get("/api/v1/videos", params={"after": nonsense}).status_code == 422


def test_figures_for_prometheus_do_not_wait_for_a_count_at_every_change(serve, copied, monkeypatch):
    client, slow = serve(copied), threading.Event()
    status = Library.status

    def counting(self: Library) -> LibraryStatus:
        slow.wait(0.5)
        return status(self)

    monkeypatch.setattr(Library, "status", counting)
    assert "wenshi_videos 3.0" in client.get("/metrics").text
    video = client.get("/api/v1/videos").json()["videos"][0]["video"]
    client.delete(f"/api/v1/videos/{video}")
    assert "wenshi_videos 3.0" in client.get("/metrics").text
    assert client.get("/api/v1/library").json()["videos"] == 2
    assert "wenshi_videos 2.0" in client.get("/metrics").text


def test_an_exported_text_encoder_reads_queries_and_the_model_reads_what_is_added(
    serve, copied, tiny_chinese_clip, tmp_path
):
    export_text_encoder(str(tiny_chinese_clip), tmp_path / "onnx", queries=["小猫", "城市", "公园里放风筝"])
    exported, plain = serve(copied, text_encoder=str(tmp_path / "onnx")), serve(copied)
    asked = {"q": "城市夜景", "channel": "visual"}
    answers = [client.get("/api/v1/search", params=asked).json() for client in (exported, plain)]
    scores = [[match["score"] for hit in answer["hits"] for match in hit["channels"]] for answer in answers]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)
    assert scores[0]
    assert exported.get("/api/v1/library").json()["notices"] == []
    video = exported.get("/api/v1/videos").json()["videos"][0]["video"]
    assert exported.get(f"/api/v1/videos/{video}/similar").json()["hits"]


@pytest.fixture
def two_generations(copied: Path) -> Path:
    """The library with one clip more, of another generation of vectors."""
    with Library.open(copied, write=True) as library:
        dimension = library.generation().dimension
        vector = np.eye(1, dimension, dtype=np.float32)[0]
        clip = Clip(start_ms=0, end_ms=900, keyframe_ms=0, frame_times_ms=(0,), vector=vector, frame_vectors=vector[None])
        video = Video(
            id="0" * 64, size_bytes=1, duration_ms=900, width=2, height=2, frames_per_second=10.0, container="mp4",
            codec="h264", has_audio=False,
        )  # fmt: skip
        library.put(
            video, Location(path="/v/other.mp4", size_bytes=1, modified_ns=1), evidence=(), location_evidence=(), clips=[clip],
            generation=Generation(encoder="other", revision="2", preprocessing="p", dimension=dimension), examined={},
        )  # fmt: skip
    return copied


def test_another_generation_can_be_searched_and_the_first_again(serve, two_generations):
    client = serve(two_generations)
    first, other = sorted(client.get("/api/v1/generations").json()["generations"], key=lambda one: not one["active"])
    name = {key: other[key] for key in ("encoder", "revision", "preprocessing", "dimension")}
    refused = client.post("/api/v1/generations/activate", json={"generation": name})
    assert refused.status_code == 409
    assert "partial=true" in refused.json()["error"]["message"]
    answer = client.post("/api/v1/generations/activate", json={"generation": name, "model": "elsewhere", "partial": True})
    assert answer.status_code == 200, answer.text
    gone = answer.json()
    assert gone["active"] == name
    assert gone["previous"]["encoder"] == first["encoder"]
    assert any("visual channel is off" in notice for notice in client.get("/api/v1/library").json()["notices"])
    back = {"generation": gone["previous"], "model": gone["previous_model"], "partial": True}
    assert client.post("/api/v1/generations/activate", json=back).json()["active"] == gone["previous"]
    assert client.get("/api/v1/library").json()["notices"] == []
    unknown = {"generation": {**name, "revision": "3"}}
    assert client.post("/api/v1/generations/activate", json=unknown).status_code == 400


def test_going_to_vectors_whose_model_nobody_knows_forgets_the_model_of_the_others(serve, two_generations):
    client = serve(two_generations)
    other = next(one for one in client.get("/api/v1/generations").json()["generations"] if not one["active"])
    name = {key: other[key] for key in ("encoder", "revision", "preprocessing", "dimension")}
    before = client.get("/api/v1/library").json()["model"]
    gone = client.post("/api/v1/generations/activate", json={"generation": name, "partial": True}).json()
    status = client.get("/api/v1/library").json()
    assert status["model"] is None
    assert any("say with --model where other is" in notice for notice in status["notices"])
    assert "画面通道已关闭：请用 --model 指明 other 在哪里。" in client.get("/api/v1/search?q=夜").json()["notices_zh"]
    client.post("/api/v1/generations/activate", json={"generation": gone["previous"], "partial": True})
    assert client.get("/api/v1/library").json()["model"] == before


def test_the_model_of_what_is_searched_is_found_when_the_last_vector_of_the_one_before_goes(two_generations):
    with Library.open(two_generations, write=True) as library:
        (other,) = (row.generation for row in library.status().generations if not row.active)
        library.set_setting(place_key(other), "elsewhere")
        for video_id in library.video_ids():
            if video_id != "0" * 64:
                library.remove(video_id)
        assert library.generation() == other
        assert remembered_model(library) == "elsewhere"


def test_the_vectors_before_are_searched_while_the_model_of_another_generation_is_loaded(serve, two_generations, monkeypatch):
    client, may_load, load = serve(two_generations), threading.Event(), models.text_encoder_for

    def slow(library: Library, asked: str | None) -> Any:
        assert may_load.wait(60)
        return load(library, asked)

    def answer() -> list[tuple[str, list[tuple[str, float]]]]:
        hits = client.get("/api/v1/search", params={"q": "城市夜景"}).json()["hits"]
        return [(hit["name"], [(match["name"], match["score"]) for match in hit["channels"]]) for hit in hits]

    before = answer()
    assert any(channel == "visual" for _, channels in before for channel, _ in channels)
    monkeypatch.setattr(models, "text_encoder_for", slow)
    with Library.open(two_generations, write=True) as library:
        (other,) = (row.generation for row in library.status().generations if not row.active)
        library.activate(other, settings={"model": "elsewhere"})
    try:
        for _ in range(3):
            assert answer() == before
        assert client.get("/api/v1/search", params={"q": "城市夜景"}).json()["notices"] == []
    finally:
        may_load.set()
    deadline = time.monotonic() + 60
    while not any("elsewhere" in notice for notice in client.get("/api/v1/library").json()["notices"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not any(channel == "visual" for _, channels in answer() for channel, _ in channels)


def test_a_generation_of_clip_vectors_is_built_by_a_job_and_swapped_with_no_model_named(serve, copied, tiny_model):
    client, path = serve(copied), "/api/v1/generations"
    both = client.post(f"{path}/build", json={"sentences": "concepts", "model": "other"})
    assert both.status_code == 400
    assert "at a time" in both.json()["error"]["message"]
    assert client.post(f"{path}/build", json={"model": "none"}).status_code == 400
    failed = ended(client, client.post(f"{path}/build", json={"model": "/nowhere"}).json()["job"])
    assert failed["state"] == "failed"
    assert "/nowhere" in failed["message"]
    state = ended(client, client.post(f"{path}/build", json={"model": str(tiny_model("clip"))}).json()["job"])
    assert (state["state"], state["done"], state["total"], state["failed"]) == ("done", 3, 3, [])
    first, other = client.get(path).json()["generations"]
    assert (first["active"], other["active"], other["share"]) == (True, False, 1)
    names = [{key: one[key] for key in ("encoder", "revision", "preprocessing", "dimension")} for one in (first, other)]
    for name in reversed(names):
        assert client.post(f"{path}/activate", json={"generation": name}).status_code == 200
        found = client.get("/api/v1/search", params={"q": "a dog", "channel": "visual"}).json()
        assert len(found["hits"]) == 3
        assert client.get("/api/v1/library").json()["notices"] == []


def ended(client: TestClient, job: str) -> dict[str, Any]:
    """A job when it is no longer waiting or running."""
    deadline = time.monotonic() + 120
    while (state := client.get(f"/api/v1/jobs/{job}").json())["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return dict(state)


def test_a_generation_of_text_vectors_is_built_by_a_job(serve, copied, monkeypatch):
    monkeypatch.setattr("retrieval.encoders.load_sentence_encoder", lambda name: ConceptModel())
    client = serve(copied)
    assert client.post("/api/v1/generations/build", json={}).status_code == 400
    job = client.post("/api/v1/generations/build", json={"sentences": "concepts"}).json()["job"]
    state = ended(client, job)
    assert state["state"] == "done", state
    (built,) = (row for row in client.get("/api/v1/generations").json()["generations"] if row["channel"] == "meaning")
    assert built["active"]
    assert built["share"] == 1


def test_a_taken_port_is_told_before_any_model_is_loaded(copied):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = ServeSettings(library=copied, model="/nowhere", port=taken.getsockname()[1])
        with pytest.raises(InputError, match="choose another with --port"):
            serve_until_ended(settings, ready=print, note=print)
