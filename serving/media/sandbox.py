"""A few child processes that open other people's files for the service, with bounds on time, memory and files."""

from __future__ import annotations

import contextlib
import ctypes
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from data_pipeline.isolation.child import live_and_die_with_parent
from data_pipeline.isolation.processes import Child, Ended, end_overdue_and_oversized, wait_for_children
from retrieval.errors import VideoError, WenshiError

_START_SECONDS = 60.0       # to import its libraries, on a busy machine
_LOOK_SECONDS = 0.2         # between two looks at how much memory it takes
_WRITTEN_BYTES = 2 << 30    # the longest file that it can write
_OPEN_FILES = 64
_NO_NEW_PRIVILEGES = 38     # PR_SET_NO_NEW_PRIVS


@dataclass(frozen=True)
class _Task:
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    named: dict[str, Any]


@dataclass(frozen=True)
class _Refused:
    error: WenshiError


class Sandbox:
    """Runs functions of importable modules in children, `children` at once. Thread-safe.

    A child that is late, too large or crashed is ended, and the next call starts another.
    """

    def __init__(self, *, children: int, seconds: float, memory_bytes: int) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._places: queue.LifoQueue[Child | None] = queue.LifoQueue()
        self._closed = threading.Event()
        for _ in range(children):
            self._places.put(None)

    def run(self, function: Callable[..., Any], *arguments: Any, seconds: float | None = None, **named: Any) -> Any:
        """What the function returns in a child, after at most `seconds` (None: those of the sandbox).

        Raises what it raises of WenshiError; VideoError timeout, memory or crashed when it did not come to an end.
        """
        child = self._places.get()
        try:
            if child is None:
                child = self._started()
            answer = self._ask(child, _Task(function, arguments, named), self._seconds if seconds is None else seconds)
        except BaseException:
            self._end(child)
            child = None
            raise
        finally:
            self._places.put(child)
        if isinstance(answer, _Refused):
            raise answer.error
        return answer

    def close(self) -> None:
        """End the children that are idle; the others end with this process."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._end(self._places.get_nowait())

    def _started(self) -> Child:
        child = Child(_serve, self._memory_bytes, name="wenshi-media")
        child.deadline = time.monotonic() + _START_SECONDS
        self._wait(child)
        if isinstance(said := child.receive(), Ended):
            raise VideoError(said.kind, f"The process that reads videos {said.reason}.")
        return child

    def _ask(self, child: Child, task: _Task, seconds: float) -> Any:
        child.deadline = time.monotonic() + seconds
        child.send(task)
        self._wait(child)
        answer = child.receive()
        if isinstance(answer, Ended):
            raise VideoError(answer.kind, f"The process that read this file {answer.reason}.")
        return answer

    def _wait(self, child: Child) -> None:
        while not wait_for_children([child], seconds=_LOOK_SECONDS):
            end_overdue_and_oversized([child], memory_bytes=self._memory_bytes)

    def _end(self, child: Child | None) -> None:
        if child is not None and not child.connection.closed:
            child.end(Ended("crashed", "was ended"))


def _serve(connection: Connection, memory_bytes: int) -> None:
    """Do tasks until the parent hangs up."""
    live_and_die_with_parent()
    import serving.media.cutting
    import serving.media.pictures  # noqa: F401  what tasks need is there before the bounds are

    _bound(memory_bytes)
    connection.send(True)
    with contextlib.suppress(EOFError, OSError):
        while True:
            connection.send(_done(connection.recv()))


def _done(task: _Task) -> Any:
    try:
        return task.function(*task.arguments, **task.named)
    except WenshiError as error:
        return _Refused(error)
    except MemoryError:
        return _Refused(VideoError("memory", "This file needs more memory than it may take."))
    except Exception as error:
        return _Refused(VideoError("corrupt", f"This file cannot be read ({type(error).__name__})."))


def _bound(memory_bytes: int) -> None:
    """What a decoder that was taken over could still do is made small; what the system does not know is left out."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        def lower(what: int, most: int) -> None:
            hard = resource.getrlimit(what)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(what, (most, most))

        lower(resource.RLIMIT_CORE, 0)
        lower(resource.RLIMIT_FSIZE, _WRITTEN_BYTES)
        lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
        if sys.platform == "linux":
            lower(resource.RLIMIT_AS, 2 * memory_bytes)     # of addresses; the parent looks at what is really held
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
