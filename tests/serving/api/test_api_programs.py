"""Ways in for programs: the client against a real service, and the tools of an assistant over a real pipe."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from email.utils import formatdate
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from mcp import ClientSession, StdioServerParameters, stdio_client
from PIL import Image
from setuptools.config.pyprojecttoml import read_configuration
from typer.testing import CliRunner

from retrieval.errors import InputError
from retrieval.library import Library
from retrieval.search.confidence import Calibration, mark_of
from retrieval.video import VideoReader, at_times
from serving.api.app import create_app
from serving.api.keys import Keys
from serving.api.service import Service
from serving.api.settings import ServeSettings
from serving.cli.main import app
from serving.client import Client, GenerationState, Match, ServiceError
from serving.client.connection import Connection
from serving.ingest.run import AddOptions, add_videos
from tests.videos import write_video


@contextmanager
def serving(library: Path, cache: Path, **settings) -> Iterator[str]:
    """A service over TCP in a thread; its address."""
    settings = ServeSettings(library=library, media_cache=cache, on_screen_text=False, **settings)
    server = uvicorn.Server(uvicorn.Config(create_app(Service(settings)), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def address(copied, tmp_path):
    with serving(copied, tmp_path / "cache", model="none") as started:
        yield started


@pytest.fixture
def seeing(copied, tmp_path):
    """The address of a service with the library's own model, which does no jobs."""
    with serving(copied, tmp_path / "cache", jobs=False) as started:
        yield started


def test_the_client_searches_adds_waits_and_removes(address, filled):
    client = Client(address)
    (hit,) = client.search("放风筝", k=3, channel=["subtitle"]).hits
    assert (hit.name, hit.start_ms, hit.end_ms) == ("公园.mp4", 500, 1500)
    assert client.moments(hit.video, "放风筝")[0].start_ms == 500
    assert len(list(client.videos())) == 3
    assert client.transcript(hit.video)[0]["text"] == "我们去公园放风筝"
    done = client.wait(client.add([str(filled / "videos")]))
    assert (done.state, done.done) == ("done", 3)
    client.remove(hit.video)
    assert client.search("放风筝", channel=["subtitle"]).hits == []
    assert client.library()["videos"] == 2


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_the_client_walks_over_all_videos_that_stay_though_the_last_of_a_page_is_removed(address, monkeypatch, order):
    client = Client(address)
    every = [video["name"] for video in client.videos(order=order)]
    get = client._get
    monkeypatch.setattr(client, "_get", lambda path: get(path.replace("limit=200", "limit=2")))
    walked = client.videos(order=order)
    first, last_of_page = next(walked), next(walked)
    client.remove(last_of_page["video"])
    assert [first["name"], last_of_page["name"], *(video["name"] for video in walked)] == every


def calibrated(library: Path) -> None:
    with Library.open(library, write=True) as opened:
        Calibration(made_with=mark_of(opened), clips=opened.status().clips, best={}).save(opened)


def test_the_client_tells_whether_anything_answers_and_what_is_below_the_threshold(copied, address):
    calibrated(copied)
    client = Client(address)
    found = client.search("放风筝", channel=["subtitle"])
    assert found.answered is True
    assert found.hits[0].below_threshold is False
    first, *_ = found.hits[0].moments[0].channels
    assert isinstance(first, Match)
    assert first.text[slice(*first.marks[0])] == "放风筝"
    below = client.search("我想看一下的时候我们怎么办", channel=["title", "subtitle"], hidden=True)
    assert below.answered is False
    assert [hit.below_threshold for hit in below.hits] == [True]


def test_the_client_asks_several_queries_at_once_with_days_as_filters(address):
    client = Client(address)
    kites, city = client.search_many(["放风筝", "城市夜景"], k=1, until=date.today())
    assert (kites.hits[0].name, city.hits[0].name) == ("公园.mp4", "city.mp4")
    (nothing,) = client.search_many(["放风筝"], since=date.today() + timedelta(days=2))
    assert nothing.hits == []


def test_the_client_searches_with_a_picture_and_with_a_clip(seeing, filled, tmp_path):
    with VideoReader(filled / "videos" / "city.mp4") as reader:
        (frame,) = at_times(reader, [500])
    Image.fromarray(frame.rgb()).save(tmp_path / "picture.png")
    client = Client(seeing)
    for file in (tmp_path / "picture.png", filled / "videos" / "city.mp4"):
        found = client.search_by_file(file, k=3)
        assert found.answered is None
        assert max(found.hits, key=lambda hit: hit.channels[0].score).name == "city.mp4"
    assert len(client.search_by_file(str(tmp_path / "picture.png"), k=1).hits) == 1
    with pytest.raises(InputError, match=r"no\.png cannot be read"):
        client.search_by_file(tmp_path / "no.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ServiceError) as error:
        client.search_by_file(tmp_path / "text.png")
    assert error.value.status == 422


def test_the_client_has_copies_shown_apart_when_it_searches_with_a_file_or_a_video(copied, tmp_path):
    videos = [write_video(tmp_path / f"{title}.mp4", seconds=1, seed=4, title=title) for title in ("one", "again")]
    add_videos(copied, videos, AddOptions(on_screen_text=False))
    with serving(copied, tmp_path / "cache", jobs=False) as address:
        client = Client(address)
        city = next(one["video"] for one in client.videos() if one["name"] == "city.mp4")
        for find in (partial(client.search_by_file, videos[0]), partial(client.similar, city)):
            assert any(hit.copies for hit in find().hits)
            apart = find(collapse=False).hits
            assert {"one.mp4", "again.mp4"} <= {hit.name for hit in apart}
            assert not any(hit.copies for hit in apart)


def test_the_client_takes_the_vectors_away_or_leaves_no_file(seeing, filled, tmp_path):
    (tmp_path / "out").mkdir()
    Client(seeing).export_vectors(tmp_path / "out" / "clips.npy", format="npy")
    with Library.open(filled / "library") as library:
        count = sum(len(library.clips(video_id)) for video_id in library.video_ids())
    assert len(np.load(tmp_path / "out" / "clips.npy")) == count
    with pytest.raises(ServiceError):
        Client(seeing).export_vectors(tmp_path / "out" / "texts.npz", of="texts")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["clips.npy"]
    with pytest.raises(InputError, match=r"nowhere/clips\.npz cannot be written: No such"):
        Client(seeing).export_vectors(tmp_path / "nowhere" / "clips.npz")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
def test_the_client_tells_a_full_disk_from_a_service_that_does_not_answer(seeing, tmp_path):
    (tmp_path / ".clips.npz.part").symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"clips\.npz cannot be written: No space left"):
        Client(seeing).export_vectors(tmp_path / "clips.npz")
    assert list(tmp_path.glob(".*")) == []
    service = Connection(seeing, key=None, seconds=60, busy_seconds=0)
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(InputError, match=r"/dev/full cannot be written"):
        service.copy("/export/vectors?format=npz", full)


def test_the_client_goes_to_another_generation_and_back(copied, address):
    client = Client(address)
    (now,) = client.generations()
    assert (now.channel, now.share, now.active) == ("visual", 1.0, True)
    there = client.activate(now, model="elsewhere")
    assert (there.active, there.previous) == (there.previous, there.active)
    assert isinstance(now, GenerationState)
    with Library.open(copied) as library:
        assert library.setting("model") == "elsewhere"
    client.activate(there.previous, model=there.previous_model)
    with Library.open(copied) as library:
        assert library.setting("model") == there.previous_model


def test_the_client_keeps_queries_and_stops_jobs(copied, tmp_path, filled):
    with serving(copied, tmp_path / "cache", model="none", jobs=False) as address:
        client = Client(address)
        saved = client.save_query("风筝")
        assert client.saved_queries() == [saved]
        assert (saved.q, saved.webhook) == ("风筝", None)
        client.forget_query(saved.id)
        assert client.saved_queries() == []
        with pytest.raises(ServiceError, match="no such saved query"):
            client.forget_query(saved.id)
        waiting = client.add([str(filled / "videos")])
        assert waiting.state == "waiting"
        assert client.cancel(waiting.job).state == "stopped"


def test_the_client_shows_its_key_to_nobody_that_the_service_sends_it_to():
    shown = {}

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self):
            shown[self.path] = self.headers.get("Authorization")
            is_asked = self.path.startswith("/api")
            self.send_response(302 if is_asked else 200)
            if is_asked:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, format, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        Client(f"http://127.0.0.1:{server.server_port}", key="secret").library()
        server.shutdown()
    assert shown == {"/api/v1/library": "Bearer secret", "/elsewhere": None}


@pytest.mark.parametrize("told", ["date", "0", "soon", None])
def test_the_client_asks_again_when_the_service_says_so_in_whatever_way(told):
    asked = []

    class Busy(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(time.monotonic())
            self.send_response(429 if len(asked) == 1 else 200)
            if told is not None and len(asked) == 1:
                self.send_header("Retry-After", formatdate(time.time() + 2, usegmt=True) if told == "date" else told)
            self.end_headers()

        def log_message(self, format, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        Client(f"http://127.0.0.1:{server.server_port}").library()
        server.shutdown()
    waited = asked[1] - asked[0]
    assert waited < 0.5 if told == "0" else 0.9 < waited < 5


def test_the_types_of_the_client_are_packaged():
    packaged = read_configuration("pyproject.toml")["tool"]["setuptools"]["package-data"]
    for package in ("serving", "retrieval"):
        assert "py.typed" in packaged[package]
        assert Path(package, "py.typed").exists()


def test_the_client_tells_what_the_service_refuses(address, copied):
    with pytest.raises(ServiceError) as error:
        Client(address).search("")
    assert (error.value.status, error.value.kind) == (400, "input")
    assert error.value.request_id
    _, shown = Keys(copied).add("read")
    with pytest.raises(ServiceError) as error:
        Client(address).library()
    assert error.value.status == 401
    assert Client(address, key=shown).library()["role"] == "read"
    with pytest.raises(ServiceError) as error:
        Client("http://127.0.0.1:9", seconds=1).library()
    assert error.value.kind == "unreachable"


def test_an_assistant_finds_videos_and_moments(copied):
    calibrated(copied)
    tomorrow = str(date.today() + timedelta(days=2))
    filters = (
        {"path": ["*/公园.mp4"]}, {"path": ["*/city.mp4"]}, {"tag": ["狗"]}, {"longer": 3.5}, {"shorter": 3},
        {"since": tomorrow}, {"until": tomorrow},
    )  # fmt: skip

    async def ask():
        command = StdioServerParameters(
            command=sys.executable, env={**os.environ},
            args=["-m", "serving.cli.main", "mcp", "-l", str(copied), "--model", "none"],
        )  # fmt: skip
        async with stdio_client(command) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            names = {tool.name for tool in (await session.list_tools()).tools}
            found = json.loads((await session.call_tool("search", {"query": "放风筝"})).content[0].text)
            asked = {"video": found["hits"][0]["video"], "query": "放风筝"}
            moments = json.loads((await session.call_tool("moments", asked)).content[0].text)
            refused = await session.call_tool("search", {"query": "放风筝", "longer": 3, "shorter": 2})
            filtered = [
                json.loads((await session.call_tool("search", {"query": "放风筝", **one})).content[0].text) for one in filters
            ]
            return names, found, moments, filtered, refused

    names, found, moments, filtered, refused = asyncio.run(ask())
    assert names == {"search", "moments"}
    assert found["hits"][0]["file"] == "公园.mp4"
    assert found["answered"] is True
    files = [[hit["file"] for hit in one["hits"]] for one in filtered]
    assert files == [["公园.mp4"], [], [], ["公园.mp4"], [], [], ["公园.mp4"]]
    assert filtered[1]["answered"] is False
    assert refused.is_error
    assert "No video lasts at least 3000 ms" in refused.content[0].text
    assert 500 in [moment["start_ms"] for moment in moments["moments"]]


def test_an_assistant_may_ask_a_store_of_vectors_too(filled):
    refused = CliRunner().invoke(app, ["mcp", "-l", str(filled / "library"), "--vectors", "faiss:x"])
    assert "names no vector store" in str(refused.exception)
