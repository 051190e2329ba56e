"""How far training is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from serving.cli.terminal import clock, printable, say

if TYPE_CHECKING:
    from training.trainer import StepReport

_LINE_SECONDS = 15.0


class TrainingProgress:
    """Context manager; give its `step` to `train`."""

    def __init__(self, *, visible: bool = True) -> None:
        self._console = Console(stderr=True)
        self._visible = visible
        self._bar = Progress(
            TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(), TextColumn("left {task.fields[left]}"), console=self._console, transient=True,
            disable=not (visible and self._console.is_terminal),
        )  # fmt: skip
        self._task = self._bar.add_task("training", total=None, figures="", left="")
        self._last_line = time.monotonic()

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def step(self, done: StepReport) -> None:
        if not self._visible:
            return
        for sample in done.bad:
            say(printable(sample.message))
        figures = f"loss {done.terms['loss']:.3f}, {done.clips_per_second:.0f} clips/s"
        if done.validation is not None:
            figures += f", R@sum {done.validation['r_sum']:.1f}"
        left = clock(int(done.seconds_left * 1000))
        self._bar.update(self._task, total=done.of_steps, completed=done.step, figures=figures, left=left)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last_line >= _LINE_SECONDS:
            self._last_line = now
            print(f"step {done.step} of {done.of_steps}, {figures}, about {left} left", file=sys.stderr, flush=True)
