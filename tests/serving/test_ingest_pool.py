"""Readers that hang, crash or grow cost their file and nothing else. Real processes, real signals."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from serving.ingest.messages import Failed, Finished, Identified, Progress
from serving.ingest.pool import PoolSettings, ReaderPool
from tests.videos import write_video


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("pool") / "clip.mp4", seconds=2)


def outcome(pool: ReaderPool, job: int, *, on_identified=lambda: None) -> Finished | Failed:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for message in pool.receive():
            if isinstance(message, Identified) and message.job == job:
                on_identified()
                pool.proceed(job, wanted=True)
            elif isinstance(message, (Finished, Failed)) and message.job == job:
                return message
            else:
                assert not isinstance(message, Progress) or message.job == job
    raise AssertionError("no outcome")


def reader_process(pool: ReaderPool) -> int:
    pid = pool._readers[0].child._process.pid
    assert pid is not None
    return pid


def settings(**changes: float) -> PoolSettings:
    return PoolSettings(on_screen_text=False, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("blow", "limits", "kind"),
    [
        (signal.SIGSTOP, {"stall_seconds": 1.5}, "timeout"),
        (signal.SIGSEGV, {}, "crashed"),
        (signal.SIGKILL, {}, "crashed"),
    ],
)
def test_a_reader_that_hangs_or_crashes_costs_one_file_and_is_replaced(clip, blow, limits, kind):
    with ReaderPool(settings(**limits)) as pool:
        pool.read(1, clip)
        failed = outcome(pool, 1, on_identified=lambda: os.kill(reader_process(pool), blow))
        assert isinstance(failed, Failed)
        assert failed.kind == kind
        assert str(clip) in failed.message
        pool.read(2, clip)
        assert isinstance(outcome(pool, 2), Finished)


def test_a_reader_that_grows_past_its_limit_is_ended(clip):
    with ReaderPool(settings()) as pool:
        # The limit is lowered under what a running reader holds, as if the file had made it grow.
        def shrink_limit() -> None:
            pool.settings = settings(memory_bytes=1 << 20)
            os.kill(reader_process(pool), signal.SIGSTOP)  # it must not finish before it is looked at

        pool.read(1, clip)
        failed = outcome(pool, 1, on_identified=shrink_limit)
        assert isinstance(failed, Failed)
        assert failed.kind == "memory"


def test_unreadable_files_are_typed_and_the_same_reader_goes_on(clip, tmp_path):
    empty, text, cut = tmp_path / "empty.mp4", tmp_path / "text.mp4", tmp_path / "cut.mp4"
    empty.write_bytes(b"")
    text.write_text("no video " * 100)
    cut.write_bytes(clip.read_bytes()[:200])
    with ReaderPool(settings()) as pool:
        kinds = []
        for job, path in enumerate((empty, text, cut, tmp_path / "missing.mp4"), start=1):
            pool.read(job, path)
            before = reader_process(pool)
            message = outcome(pool, job)
            assert isinstance(message, Failed)
            assert str(path) in message.message
            kinds.append(message.kind)
        assert kinds[0] == "empty"
        assert kinds[3] == "missing"
        assert set(kinds[1:3]) <= {"not_a_video", "corrupt"}
        pool.read(9, clip)
        assert isinstance(outcome(pool, 9), Finished)
        assert reader_process(pool) == before


def test_no_process_starts_before_there_is_a_file_to_read():
    with ReaderPool(settings(readers=2)) as pool:
        assert pool.has_idle_reader
        assert not pool.started


def test_children_leave_when_the_pool_closes(clip):
    with ReaderPool(settings(readers=2)) as pool:
        pool.read(1, clip)
        pids = [reader.child._process.pid for reader in pool._readers]
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
