"""Several processes that answer at one address."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from retrieval.errors import InputError
from serving.api import workers as workers_module
from serving.api.running import answer, serve
from serving.api.settings import ServeSettings
from serving.api.workers import _look, _Place, _Port
from tests.serving.api.running import running
from tests.videos import write_video

SEARCHES = re.compile(r'^wenshi_requests_total\{method="GET",route="/search",status="200"\} (\d+)', re.MULTILINE)


def wait_until(holds: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def workers_of(process: subprocess.Popen[str]) -> set[int]:
    return {child.pid for child in psutil.Process(process.pid).children() if is_worker(child)}


def is_worker(child: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(child.cmdline())
    except psutil.NoSuchProcess:        # or one that has ended and is not waited for yet
        return False


def has_ended(pid: int) -> bool:
    """Whether its sockets are closed: a process that is ending loses its command line before them."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def searched(address: str) -> int:
    """How many searches all workers together have counted."""
    found = SEARCHES.search(httpx.get(f"{address}metrics").text)
    return int(found[1]) if found else 0


def search(address: str) -> list[str]:
    """By a connection of its own, so by any of the workers."""
    answer = httpx.get(f"{address}api/v1/search", params={"q": "风筝"}, timeout=30)
    assert answer.status_code == 200
    return [hit["name"] for hit in answer.json()["hits"]]


def test_workers_answer_together_are_replaced_and_end_together(copied):
    with running(copied, "--workers", "3") as (process, address):
        first = workers_of(process)
        assert len(first) == 3
        for _ in range(30):
            assert search(address)[0] == "公园.mp4"
        assert searched(address) == 30
        os.kill(min(first), signal.SIGKILL)
        wait_until(lambda: has_ended(min(first)))
        for _ in range(10):             # nobody waits for the one that is gone
            assert search(address)[0] == "公园.mp4"
        wait_until(lambda: len(workers_of(process)) == 3)
        assert searched(address) == 40
        last = workers_of(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert not any(psutil.pid_exists(pid) for pid in last)


def test_a_video_that_one_worker_takes_is_added_and_found_by_all(copied, tmp_path):
    write_video(tmp_path / "new.mp4", seed=7, title="海边的日落")
    with running(copied, "--workers", "2") as (_, address):
        started = httpx.post(f"{address}api/v1/videos", json={"paths": [str(tmp_path / "new.mp4")]})
        assert started.status_code == 202
        job = f"{address}api/v1/jobs/{started.json()['job']}"
        wait_until(lambda: httpx.get(job).json()["state"] == "done", 60)
        for _ in range(8):
            answer = httpx.get(f"{address}api/v1/search", params={"q": "日落"})
            assert [hit["name"] for hit in answer.json()["hits"]] == ["new.mp4"]


def test_a_service_that_is_killed_leaves_the_port_to_the_next_and_no_counters(copied, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with running(copied, "--workers", "2") as (process, address):
        workers = workers_of(process)
        assert len(list(tmp_path.glob("wenshi-counters-*"))) == 1
        process.kill()
        process.wait()
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in workers))
    assert list(tmp_path.glob("wenshi-counters-*")) == []
    port = address.rstrip("/").rsplit(":", 1)[1]
    with running(copied, "--workers", "2", "--port", port) as (_, again):
        assert again == address
        assert search(again)[0] == "公园.mp4"
        wait_until(lambda: not any(psutil.pid_exists(pid) for pid in workers))


@pytest.mark.parametrize("folder", ["nothing", "empty"])
def test_what_keeps_workers_from_starting_is_one_sentence(tmp_path: Path, folder):
    (tmp_path / "empty").mkdir()
    ended = subprocess.run(
        [sys.executable, "-m", "serving.cli.main", "serve", "-l", str(tmp_path / folder), "--port", "0", "--workers", "2"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 1
    assert re.fullmatch(rf"wenshi: {tmp_path / folder} .*make one with.*\n", ended.stderr)


def test_a_port_is_not_shared_with_another_service(copied):
    with running(copied, "--workers", "2") as (_, address):
        port = address.rstrip("/").rsplit(":", 1)[1]
        for workers in ("1", "2"):
            other = subprocess.run(
                [sys.executable, "-m", "serving.cli.main", "serve", "-l", str(copied), "--port", port, "--workers", workers],
                capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            assert other.returncode == 1
            assert "Another program does" in other.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_is_not_shared_with_a_service_that_starts_before_the_workers_are_ready(tmp_path, workers):
    first = socket.create_server(("127.0.0.1", 0))
    with _Port(first) as port, port.socket() as listening:
        settings = ServeSettings(library=tmp_path, port=listening.getsockname()[1])
        with pytest.raises(InputError, match="Another program does"):
            serve(settings, workers=workers, ready=print, note=print)


def test_a_system_that_has_no_room_for_another_worker_ends_nothing_and_is_asked_again_later(tmp_path, monkeypatch):
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(workers_module, "Child", refused)
    monkeypatch.setattr(workers_module, "_PAUSE_SECONDS", 5.0)
    monkeypatch.setattr(workers_module, "_LOOK_SECONDS", 0.01)
    notes: list[str] = []
    with _Port(socket.create_server(("127.0.0.1", 0))) as port:
        place = _Place(answer, ServeSettings(library=tmp_path), port, 0)
        for _ in range(3):
            _look([place], notes.append)
    assert notes == ["A worker could not start: Cannot allocate memory."]
