"""Silent and slow clients, by real sockets: whatever they do, others are answered."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.responses import StreamingResponse

from retrieval.library import Library
from retrieval.library.backends import Named
from serving.api.connections import MOST_CONNECTIONS
from serving.api.jobs.store import HandedOn, JobStore
from serving.api.running import server_of
from serving.api.service import Service
from serving.api.settings import ServeSettings
from tests.retrieval.library.vector_backends import PlainStore

HALF_A_HEAD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
BODY_TO_COME = (
    b"POST /api/v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
)


@contextmanager
def listening(library: Path, cache: Path, **settings: Any) -> Iterator[int]:
    """A service over real sockets in a thread of its own; its port."""
    service = Service(ServeSettings(library=library, media_cache=cache, media_at_once=1, **{"jobs": False, **settings}))
    server = server_of(service)
    with socket.create_server(("127.0.0.1", 0), backlog=MOST_CONNECTIONS) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(timeout=30)


def connected(port: int, said: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(said)
    return client


def closed_after(client: socket.socket) -> float:
    began = time.monotonic()
    with suppress(ConnectionResetError):
        while client.recv(1 << 16):
            pass
    return time.monotonic() - began


def test_a_connection_that_asks_nothing_or_stops_in_a_head_is_ended(filled, tmp_path):
    with listening(filled / "library", tmp_path, head_seconds=0.5) as port:
        for said in (b"", HALF_A_HEAD, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + HALF_A_HEAD):
            with connected(port, said) as client:
                assert 0.2 < closed_after(client) < 5


def test_a_head_that_comes_drop_by_drop_is_ended_too(filled, tmp_path):
    with listening(filled / "library", tmp_path, head_seconds=0.5) as port, connected(port, HALF_A_HEAD) as client:
        began = time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() - began < 10:
                client.sendall(b"x")
                time.sleep(0.05)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("drop", [b"", b"x"])
def test_a_body_that_stops_or_comes_drop_by_drop_is_refused(filled, tmp_path, drop):
    with listening(filled / "library", tmp_path, receive_seconds=0.5) as port, connected(port, BODY_TO_COME) as client:
        client.settimeout(0.05)
        answer, began = b"", time.monotonic()
        while b"too_slow" not in answer and time.monotonic() - began < 5:
            try:
                client.sendall(drop)
                answer += client.recv(1 << 16)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408")


def test_a_client_that_does_not_read_its_answer_is_ended_and_one_that_reads_slowly_is_not(filled, tmp_path, monkeypatch):
    monkeypatch.setattr("serving.api.routes.media._in_ranges", _endless)
    with listening(filled / "library", tmp_path, head_seconds=0.2) as port, ExitStack() as stack:
        video = httpx.get(f"http://127.0.0.1:{port}/api/v1/videos").json()["videos"][0]["video"]
        asked = f"GET /media/{video}/file HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        stalled, slow = (stack.enter_context(connected(port, asked)) for _ in range(2))
        for _ in range(30):
            assert slow.recv(1 << 19)
            time.sleep(0.1)
        read, most = 0, 1 << 26         # more than lies in buffers
        with suppress(ConnectionError):
            while read < most and (block := stalled.recv(1 << 20)):
                read += len(block)
        assert 0 < read < most


def _endless(request, file, *_, check):
    file.close()
    return StreamingResponse(b"x" * (1 << 18) for _ in range(1 << 14))


def test_as_many_silent_connections_as_there_may_be_shut_nobody_out(filled, tmp_path):
    with listening(filled / "library", tmp_path) as port, ExitStack() as stack:
        silent = [stack.enter_context(connected(port, HALF_A_HEAD if n % 2 else b"")) for n in range(MOST_CONNECTIONS + 50)]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            assert [client.get("/healthz").status_code for _ in range(3)] == [200] * 3
            silent += [stack.enter_context(connected(port)) for _ in range(20)]
            assert client.get("/api/v1/search", params={"q": "风筝"}).status_code == 200
        silent[0].settimeout(5)
        assert silent[0].recv(1) == b""     # the one that waited longest made room


def test_a_service_ends_soon_while_a_request_and_a_saved_query_wait_for_a_silent_store(copied, tmp_path, monkeypatch):
    store, silence, asked = PlainStore(), threading.Event(), []
    monkeypatch.setattr("serving.vectors.open_store", lambda address: Named(store, "films"))
    with Library.open(copied) as library:
        library.push_vectors(store, name="films")
        identity, _ = library.edition()
    with closing(JobStore(copied)) as jobs:
        jobs.save_query("放风筝", None)
        jobs.hand_on(HandedOn(identity, 0))

    def search(*_: object, **__: object) -> list[tuple[int, float]]:
        asked.append(1)
        if len(asked) > 1:          # the first comes as the service starts
            silence.wait(60)
        return []

    store.search = search
    answers: list[httpx.Response] = []
    with listening(copied, tmp_path, jobs=True, vectors="qdrant:http://elsewhere:6333") as port:
        url = f"http://127.0.0.1:{port}/api/v1/search?q=放风筝"
        asking = threading.Thread(target=lambda: answers.append(httpx.get(url, timeout=60)), daemon=True)
        asking.start()
        deadline = time.monotonic() + 20
        while len(asked) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        began = time.monotonic()
    took = time.monotonic() - began
    asking.join(timeout=10)
    silence.set()
    assert len(asked) == 3
    assert took < 8                 # a second and a half for the store, the rest for a machine with much else to do
    assert answers[0].status_code == 200
    assert any("did not answer before the end" in notice for notice in answers[0].json()["notices"])
    assert [hit["name"] for hit in answers[0].json()["hits"]] == ["公园.mp4"]
