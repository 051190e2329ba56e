"""How far a corpus build is: a bar on a terminal, a line now and then elsewhere, and what failed so far."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from data_pipeline.building.status import Progress, ProgressFile
from data_pipeline.corpus.measured import MeasuredVideo
from serving.cli.terminal import clock, printable, say

_LINE_SECONDS = 10.0


class BuildProgress:
    """Context manager; `begin` takes how many videos are waiting, `expect` how many more are found, `done` each as it ends.

    `expect` and `done` may be called from any thread.
    """

    def __init__(self, directory: Path) -> None:
        self._file = ProgressFile(directory)
        self._console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}"),
            console=self._console, transient=True, disable=not self._console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("videos", total=None, told="")
        self._last_line = time.monotonic()
        self._lock = threading.Lock()

    def __enter__(self) -> BuildProgress:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()
        self._file.__exit__()

    def begin(self, expected: int) -> None:
        self._file.begin(expected)
        self._bar.update(self._task, total=expected or None)

    def expect(self, more: int) -> None:
        self._file.expect(more)

    def done(self, video: MeasuredVideo) -> None:
        now = self._file.done(video)
        with self._lock:
            self._bar.update(
                self._task, completed=now.done, total=max(now.expected, now.done), told=told(now),
                description=printable(Path(video.path or "").name)[-40:],
            )
            if not self._console.is_terminal and time.monotonic() - self._last_line >= _LINE_SECONDS:
                self._last_line = time.monotonic()
                say(f"{now.done:,} of {max(now.expected, now.done):,} videos, {told(now)}")


def told(progress: Progress) -> str:
    """Rate, time left and what failed, in a few words."""
    left = progress.seconds_left
    parts = [f"{progress.rate * 3600:,.0f} videos/h"]
    if left is not None:
        parts.append(f"about {clock(round(left * 1000))} left")
    if progress.failed:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in progress.reasons.items())
        parts.append(f"{progress.failed:,} failed ({kinds})")
    return ", ".join(parts)
