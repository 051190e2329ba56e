"""A small real library, and services over it: real files, a real small model, the real application."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from serving.api.app import create_app
from serving.api.service import Service
from serving.api.settings import ServeSettings
from serving.ingest.run import AddOptions, add_videos
from tests.videos import write_subtitles, write_video

Serve = Callable[..., TestClient]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, tiny_chinese_clip: Path) -> Path:
    """A folder with `videos` and the `library` of them; not to be changed by a test."""
    folder = tmp_path_factory.mktemp("served")
    videos = folder / "videos"
    videos.mkdir()
    write_video(videos / "公园.mp4", seconds=4, shots=2, seed=1, title="放风筝的下午")
    write_subtitles(videos / "公园.zh.srt", [(500, 1500, "我们去公园放风筝"), (2500, 3500, "風箏飛得好高 3<4&")])
    write_video(videos / "小猫 <b>.mp4", seconds=2, seed=2)
    write_video(videos / "city.mp4", seconds=1, seed=3, title="城市夜景")
    report = add_videos(folder / "library", [videos], AddOptions(model=str(tiny_chinese_clip), on_screen_text=False))
    assert report.counts["added"] == 3
    return folder


@pytest.fixture
def copied(filled: Path, tmp_path: Path) -> Path:
    """The same, to be changed: the library knows the files of `filled`."""
    shutil.copytree(filled / "library", tmp_path / "library")
    return tmp_path / "library"


@pytest.fixture
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Start a service over a library; settings by name."""
    clients: list[TestClient] = []

    def start(library: Path, **settings: Any) -> TestClient:
        settings = {"media_cache": tmp_path_factory.mktemp("cache"), "media_at_once": 1, "on_screen_text": False, **settings}
        service = Service(ServeSettings(library=library, **settings))
        client = TestClient(create_app(service), base_url="http://127.0.0.1:8000", client=("127.0.0.1", 5000))
        clients.append(client.__enter__())
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture(scope="module")
def client(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service over the library that is not to be changed, for one file of tests."""
    cache = tmp_path_factory.mktemp("cache")
    settings = ServeSettings(library=filled / "library", media_cache=cache, media_at_once=1, jobs=False, burst=100_000)
    with TestClient(
        create_app(Service(settings)), base_url="http://127.0.0.1:8000", client=("127.0.0.1", 5000)
    ) as started:
        yield started


@pytest.fixture(scope="module")
def ids(client: TestClient) -> dict[str, str]:
    """Video ids by file name."""
    return {video["name"]: video["video"] for video in client.get("/api/v1/videos").json()["videos"]}
