"""Persistent spawned children that may hang, crash or grow, and a parent that notices."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

import psutil

_SPAWN = multiprocessing.get_context("spawn")  # a fork after torch or OpenMP threads started can hang


@dataclass(frozen=True)
class Ended:
    """A child is gone, or had to be ended. `kind`: crashed, timeout, memory; `reason` continues "the process that read it"."""

    kind: str
    reason: str


class Child:
    """One process with a pipe. `deadline` is the monotonic time by which it must have said something, None = no matter.

    parent: whether it may start processes of its own; whoever started it must see to its end then.
    """

    def __init__(self, target: Callable[..., None], *arguments: Any, name: str, parent: bool = False) -> None:
        self.connection, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=target, args=(theirs, *arguments), name=name, daemon=not parent)
        with _without_interrupts():
            self._process.start()
        theirs.close()
        self.deadline: float | None = None
        self._ended: Ended | None = None

    def send(self, message: Any) -> None:
        """A message to a child that is gone is dropped: its end is reported by `receive`."""
        try:
            self.connection.send(message)
        except OSError:
            return

    def receive(self) -> Any | Ended:
        """The next message that is there; `Ended` when there will be no more."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            return self._ended or self._how_it_ended()

    @property
    def alive(self) -> bool:
        return not self.connection.closed and self._process.is_alive()

    def overdue(self, now: float) -> bool:
        """Whether its deadline passed in silence: what it said is in the pipe even when the parent was late to look."""
        return self.deadline is not None and now > self.deadline and not self.connection.poll()

    def resident_bytes(self) -> int:
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except (psutil.Error, ValueError):
            return 0

    def ask_to_end(self) -> None:
        """Send it SIGTERM."""
        self._process.terminate()

    def ends_within(self, seconds: float) -> bool:
        """Wait for its end, at most so long; whether it has ended."""
        self._process.join(timeout=max(0.0, seconds))
        return not self._process.is_alive()

    def end(self, ended: Ended) -> None:
        """End it now. Its last messages are dropped; `receive` reports `ended`.

        A process that hangs in a dead disk cannot be ended at once: it is left behind.
        """
        self._ended = ended
        self._process.kill()
        self._process.join(timeout=5.0)
        self.connection.close()

    def _how_it_ended(self) -> Ended:
        self._process.join(timeout=5.0)
        code = self._process.exitcode
        if code is not None and code < 0:
            return Ended("crashed", f"was ended by signal {_signal_name(-code)}")
        return Ended("crashed", f"ended with exit status {code}")


def wait_for_children(children: Sequence[Child], *, seconds: float) -> list[Child]:
    """The children that have something to receive, after at most `seconds`."""
    closed = [child for child in children if child.connection.closed]
    if closed:
        return closed
    by_connection: dict[Connection, Child] = {child.connection: child for child in children}
    ready = wait(list(by_connection), timeout=seconds)
    return [by_connection[connection] for connection in ready if isinstance(connection, Connection)]


def end_overdue_and_oversized(children: Sequence[Child], *, memory_bytes: int | None) -> None:
    """End children that said nothing until their deadline or hold more memory than allowed (None: any amount)."""
    now = time.monotonic()
    for child in children:
        if child.connection.closed:
            continue
        if child.overdue(now):
            child.end(Ended("timeout", "gave no sign of progress in time and was ended"))
        elif memory_bytes is not None and child.resident_bytes() > memory_bytes:
            child.end(Ended("memory", f"took more than {memory_bytes / 2**30:.1f} GiB of memory and was ended"))


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Children start with Ctrl-C blocked: until they have told themselves to ignore it, it would end them with a traceback."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
