"""A process of a build that may be lost: started when it is needed, watched while it works, and replaced after its end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.isolation.child import live_and_die_with_parent
from data_pipeline.isolation.processes import Child, Ended, end_overdue_and_oversized, wait_for_children
from retrieval.errors import WenshiError

_START_SECONDS = 600.0      # to import libraries and load models
_LOOK_SECONDS = 0.25

Stopping = Callable[[], bool]       # asked now and then whether the work is to be given up


class Stopped(WenshiError):
    """The work was given up because somebody asked for it."""

    def __init__(self) -> None:
        super().__init__("The build was stopped; the same command goes on from there.")


@dataclass(frozen=True)
class Ready:
    """A process has loaded what it needs; `facts` are what the parent has to know of that."""

    facts: Any


@dataclass(frozen=True)
class Refused:
    """The whole build cannot go on, whatever the next video is; `kind` is that of a CorpusError, "" for another error."""

    kind: str
    message: str

    @property
    def error(self) -> WenshiError:
        return CorpusError(self.kind, self.message) if self.kind else WenshiError(self.message)


class IsolatedProcess:
    """start: gives a child whose first word is Ready or Refused; purpose continues "The process that".

    memory_bytes: what it may take beyond what it held when it was ready.
    """

    def __init__(
        self, start: Callable[[], Child], *, purpose: str, memory_bytes: int, stopped: Stopping = lambda: False
    ) -> None:
        self._start = start
        self._purpose = purpose
        self._memory_bytes = memory_bytes
        self._stopped = stopped
        self._child: Child | None = None
        self._allowed_bytes: int | None = None
        self._facts: Any = None

    @property
    def facts(self) -> Any:
        """What it said when it was ready; it is started if it is not there. Raises WenshiError when it cannot be, Stopped.

        To be asked before a question: one that was lost while nobody asked it (to the system, for its memory) is replaced,
        and the next question has no blame for it.
        """
        if self._child is not None and not self._child.alive:
            self.close()
        self._started()
        return self._facts

    def send(self, message: Any) -> None:
        """Started as for `facts`; a message to one that is lost is dropped, and `receive` tells."""
        self._started().send(message)

    def receive(self, *, deadline: float) -> Any | Ended:
        """Its next word; Ended where it is gone, silent until `deadline` (monotonic) or too large, and then it is closed.

        Raises Stopped, and what a Refused says.
        """
        child = self._started()
        child.deadline = deadline
        message = self._next_message(child)
        child.deadline = None
        if isinstance(message, Ended):
            self.close()
        if isinstance(message, Refused):
            raise message.error
        return message

    def close(self) -> None:
        if self._child is not None:
            self._child.end(Ended("crashed", "was ended"))
            self._child = None

    def _started(self) -> Child:
        if self._child is not None:
            return self._child
        self._child, self._allowed_bytes = self._start(), None
        message = self.receive(deadline=time.monotonic() + _START_SECONDS)
        if isinstance(message, Ended):
            raise WenshiError(f"The process that {self._purpose} could not start: it {message.reason}.")
        assert isinstance(message, Ready)
        self._facts = message.facts
        self._allowed_bytes = self._child.resident_bytes() + self._memory_bytes
        return self._child

    def _next_message(self, child: Child) -> object:
        while True:
            if self._stopped():
                self.close()
                raise Stopped
            end_overdue_and_oversized([child], memory_bytes=self._allowed_bytes)
            if wait_for_children([child], seconds=_LOOK_SECONDS):
                return child.receive()


@contextmanager
def serving(connection: Connection) -> Iterator[None]:
    """What an isolated process does inside it: until the parent hangs up, or something ends the whole build."""
    live_and_die_with_parent()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            yield
        except WenshiError as error:
            connection.send(Refused(error.kind if isinstance(error, CorpusError) else "", str(error)))
