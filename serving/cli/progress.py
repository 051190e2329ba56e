"""How far a command is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from serving.cli.terminal import clock
from serving.ingest.report import FileOutcome

_LINE_SECONDS = 10.0


class AddProgress:
    """Context manager; give its methods to `add_videos`."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("adding", total=None, rate="")
        self._started = self._last_line = time.monotonic()
        self._total = self._done = 0
        self._seconds_read = 0.0
        self._positions: dict[Path, float] = {}

    def __enter__(self) -> AddProgress:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def begin(self, files: int) -> None:
        self._total = files
        self._started = self._last_line = time.monotonic()
        self._bar.update(self._task, total=files)

    def position(self, path: Path, position_ms: int, duration_ms: int) -> None:
        self._seconds_read += max(position_ms / 1000 - self._positions.get(path, 0.0), 0.0)
        self._positions[path] = position_ms / 1000
        self._show(f"{path.name} {clock(position_ms)}/{clock(duration_ms)}")

    def finished(self, outcome: FileOutcome) -> None:
        self._done += 1
        self._positions.pop(Path(outcome.path), None)
        self._show(Path(outcome.path).name)

    def _show(self, description: str) -> None:
        now = time.monotonic()
        elapsed = max(now - self._started, 1e-3)
        rate = f"{self._done / elapsed:.1f} files/s, {self._seconds_read / elapsed:.1f}× real time"
        self._bar.update(self._task, completed=self._done, description=description[-48:], rate=rate)
        if not self._console.is_terminal and now - self._last_line >= _LINE_SECONDS:
            self._last_line = now
            left = (self._total - self._done) * elapsed / self._done if self._done else None
            tail = f", about {clock(int(left * 1000))} left" if left is not None else ""
            print(f"{self._done} of {self._total} files, {rate}{tail}", file=sys.stderr, flush=True)


@contextmanager
def counted(what: str) -> Iterator[Callable[[int, int], None]]:
    """A function that takes how many are done and how many there are, and shows it: a bar, or a line now and then."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("left"), TimeRemainingColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    task = bar.add_task(what, total=None)
    last_line = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal last_line
        bar.update(task, completed=done, total=total)
        if not console.is_terminal and time.monotonic() - last_line >= _LINE_SECONDS:
            last_line = time.monotonic()
            print(f"{done} of {total} {what}", file=sys.stderr, flush=True)

    with bar:
        yield show
