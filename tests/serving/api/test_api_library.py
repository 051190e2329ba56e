"""How the library is, counted no oftener than it changes; queries read by an exported text encoder."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from retrieval.encoders.onnx.exporting import export_text_encoder
from retrieval.library import Library, LibraryStatus


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
