"""Where a build is: what is committed, and, while it runs, what it said last."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from data_pipeline.building.build import Account, account
from data_pipeline.corpus.files import disk_errors
from data_pipeline.corpus.measured import MeasuredVideo

_FILE = "progress.json"
_EVERY_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A build under way. expected: videos that it will process, 0 = not known; reasons: failed videos by kind, so far."""

    process: int
    seconds: float
    expected: int
    done: int
    failed: int
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Videos a second."""
        return self.done / max(self.seconds, 1e-3)

    @property
    def seconds_left(self) -> float | None:
        if self.done == 0 or self.expected < self.done:
            return None
        return (self.expected - self.done) / self.rate


class ProgressFile:
    """Context manager: counts videos, from any thread, and keeps `progress.json` up to date while a build runs."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / _FILE
        self._lock = threading.Lock()
        self._started = self._written = time.monotonic()
        self._expected = self._done = 0
        self._reasons: Counter[str] = Counter()

    def __enter__(self) -> ProgressFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self._path.unlink(missing_ok=True)

    def begin(self, expected: int) -> None:
        self._expected = expected
        self._started = time.monotonic()
        self._write()

    def expect(self, more: int) -> None:
        """So many videos will be processed beside those that `begin` was told of."""
        with self._lock:
            self._expected += more

    def done(self, video: MeasuredVideo) -> Progress:
        """Count a video. Raises CorpusError (write)."""
        with self._lock:
            self._done += 1
            if video.status == "failed":
                self._reasons[video.error_kind or "unknown"] += 1
            if time.monotonic() - self._written >= _EVERY_SECONDS:
                self._write()
            return self.progress

    @property
    def progress(self) -> Progress:
        return Progress(
            process=os.getpid(), seconds=time.monotonic() - self._started, expected=self._expected, done=self._done,
            failed=self._reasons.total(), reasons=dict(self._reasons.most_common()),
        )

    def _write(self) -> None:
        self._written = time.monotonic()
        unfinished = self._path.with_name(f".{_FILE}.part")
        with disk_errors(self._path):
            unfinished.write_text(json.dumps(asdict(self.progress)), encoding="ascii")
            unfinished.replace(self._path)      # no sync: it is worth nothing after a power cut


def status(directory: Path) -> tuple[Account, Progress | None]:
    """What is committed of a corpus, and the build under way on this machine, None = there is none.

    Raises CorpusError (unreadable).
    """
    return account(directory), _progress(directory / _FILE)


def _progress(path: Path) -> Progress | None:
    try:
        found = Progress(**json.loads(path.read_text(encoding="ascii")))
    except (OSError, ValueError, TypeError):
        return None
    return found if psutil.pid_exists(found.process) else None
