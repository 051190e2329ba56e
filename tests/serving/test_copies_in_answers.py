"""Copies of a video on every way to an answer: the command line, HTTP, the client, and the tools of an assistant."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from retrieval.library import Library
from serving.api.app import create_app
from serving.api.schemas import SearchAnswer
from serving.api.service import Service
from serving.api.settings import ServeSettings
from serving.cli.main import app
from serving.client import Copy, answers
from serving.mcp import mcp_server
from tests.retrieval.search.test_engine import clip, put


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video and two copies with words alike, and another video."""
    path = tmp_path_factory.mktemp("copies") / "library"
    with Library.open(path, write=True, create=True) as library:
        for number, title in enumerate(("小狗追球", "小狗追球全集", "小狗追球的完整录像搬运")):
            put(library, f"v{number}", title=title, clips=[clip(0, 8000, 0, tilts=(0.02 * number, 0.0))])
        put(library, "other", title="小狗追球", clips=[clip(0, 8000, 1)])
    return path


@pytest.fixture(scope="module")
def service(library, tmp_path_factory):
    settings = ServeSettings(library=library, media_cache=tmp_path_factory.mktemp("cache"), jobs=False)
    with TestClient(create_app(Service(settings)), base_url="http://127.0.0.1:8000", client=("127.0.0.1", 5000)) as started:
        yield started


def names(found: dict) -> dict[str, list[str]]:
    return {hit["name"]: [copy["name"] for copy in hit["copies"]] for hit in found["hits"]}


def searched(library: Path, *options: str) -> str:
    result = CliRunner().invoke(app, ["search", "小狗追球", "-l", str(library), *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command_line_says_how_many_copies_a_video_has_and_json_which(library):
    assert searched(library).count("v0.mp4  +2 copies\n") == 1
    hits = json.loads(searched(library, "--json"))["hits"]
    assert [len(hit["copies"]) for hit in hits] == [2, 0]
    assert hits[0]["copies"][0]["path"] == "/v/v1.mp4"
    assert searched(library, "--all-copies").count(".mp4\n") == 4


def test_the_service_tells_of_copies_by_name_and_shows_them_apart_when_asked(service):
    found = service.get("/api/v1/search", params={"q": "小狗追球"}).json()
    SearchAnswer.model_validate(found)
    assert names(found) == {"v0.mp4": ["v1.mp4", "v2.mp4"], "other.mp4": []}
    assert "/v/" not in json.dumps(found)
    apart = service.get("/api/v1/search", params={"q": "小狗追球", "collapse": False}).json()
    assert len(names(apart)) == 4


def test_what_looks_alike_is_told_in_the_same_way(service):
    other = next(one for one in service.get("/api/v1/videos").json()["videos"] if one["name"] == "other.mp4")["video"]
    for collapse, hits in ((True, 1), (False, 3)):
        found = service.get(f"/api/v1/videos/{other}/similar", params={"collapse": collapse}).json()
        by_span = service.post("/api/v1/search/by-example", json={"video": other, "collapse": collapse}).json()
        assert len(found["hits"]) == len(by_span["hits"]) == hits


def test_the_client_has_typed_copies_and_understands_a_service_that_knows_none(service):
    told = service.get("/api/v1/search", params={"q": "小狗追球"}).json()
    hit = answers.answer(told).hits[0]
    assert next((type(copy), copy.name, copy.title) for copy in hit.copies) == (Copy, "v1.mp4", "小狗追球全集")
    for one in told["hits"]:
        del one["copies"]
    assert answers.answer(told).hits[0].copies == []


def test_an_assistant_is_told_of_copies(library):
    with Library.open(library) as opened:
        server = mcp_server(opened, model="none")

        def hits(**options) -> list[dict]:
            return asyncio.run(server.call_tool("search", {"query": "小狗追球", **options})).structured_content["hits"]

        assert [copy["file"] for copy in hits()[0]["copies"]] == ["v1.mp4", "v2.mp4"]
        assert len(hits(all_copies=True)) == 4
