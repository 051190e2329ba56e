"""Ways in for programs: the client against a real service, and the tools of an assistant over a real pipe."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time

import pytest
import uvicorn
from mcp import ClientSession, StdioServerParameters, stdio_client
from typer.testing import CliRunner

from serving.api.app import create_app
from serving.api.keys import Keys
from serving.api.service import Service
from serving.api.settings import ServeSettings
from serving.cli.main import app
from serving.client import Client, ServiceError


@pytest.fixture
def address(copied, tmp_path):
    """A service over TCP in a thread."""
    settings = ServeSettings(library=copied, media_cache=tmp_path / "cache", model="none", on_screen_text=False)
    server = uvicorn.Server(uvicorn.Config(create_app(Service(settings)), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


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


def test_an_assistant_finds_videos_and_moments(filled):
    async def ask():
        command = StdioServerParameters(
            command=sys.executable, env={**os.environ},
            args=["-m", "serving.cli.main", "mcp", "-l", str(filled / "library"), "--model", "none"],
        )  # fmt: skip
        async with stdio_client(command) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            names = {tool.name for tool in (await session.list_tools()).tools}
            found = json.loads((await session.call_tool("search", {"query": "放风筝"})).content[0].text)
            asked = {"video": found["hits"][0]["video"], "query": "放风筝"}
            moments = json.loads((await session.call_tool("moments", asked)).content[0].text)
            return names, found, moments

    names, found, moments = asyncio.run(ask())
    assert names == {"search", "moments"}
    assert found["hits"][0]["file"] == "公园.mp4"
    assert 500 in [moment["start_ms"] for moment in moments["moments"]]


def test_an_assistant_may_ask_a_store_of_vectors_too(filled):
    refused = CliRunner().invoke(app, ["mcp", "-l", str(filled / "library"), "--vectors", "faiss:x"])
    assert "names no vector store" in str(refused.exception)
