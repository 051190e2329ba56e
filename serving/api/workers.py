"""Several processes that answer at one address: Python keeps one core busy in each.

On Linux each has a socket of its own at the shared port, and the system deals new connections out among them; elsewhere they
share one. A worker that ends is replaced, and the connections that others have go on meanwhile.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import FrameType
from typing import Protocol

from data_pipeline.isolation.child import live_and_die_with_parent
from data_pipeline.isolation.processes import Child, Ended, wait_for_children
from retrieval.errors import InputError, WenshiError
from serving.api.metrics import SHARED_VARIABLE
from serving.api.settings import ServeSettings

_LOOK_SECONDS = 1.0
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 30.0      # before the next start, twice as long each time until one is ready
_END_SECONDS = 60.0         # longer than a worker gives the requests under way and the job that it does


class Answer(Protocol):
    """What a worker does until SIGTERM; importable by name, for it is called in another process."""

    def __call__(
        self, settings: ServeSettings, listening: socket.socket, *, ready: Callable[[str], None], note: Callable[[str], None]
    ) -> None: ...


@dataclass(frozen=True)
class _Ready:
    address: str


@dataclass(frozen=True)
class _Note:
    sentence: str


def serve_together(
    answer: Answer, settings: ServeSettings, listening: socket.socket, *, count: int, ready: Callable[[str], None],
    note: Callable[[str], None],
) -> None:
    """Let `count` workers answer until SIGTERM or Ctrl-C; requests under way are finished. The first does the jobs.

    listening: at the address; it is closed. `ready` is told the address when all are, and `note` what the first has to
    say before that, and of each worker that ended later. Raises what keeps a worker from its first start.
    """
    with _shared_counters(), _Port(listening) as port:
        places = [_Place(answer, settings, port, number) for number in range(count)]
        try:
            ready(_first_start(places, note))
            while True:
                _look(places, note)
        except KeyboardInterrupt:
            pass
        finally:
            _end(places)


class _Port:
    """A port that stays ours, and sockets that listen at it."""

    def __init__(self, first: socket.socket) -> None:
        self._first = first
        self._is_heard = False

    def __enter__(self) -> _Port:
        if _deals_out():
            # Nobody else had the port, or `first` would not have it; from now on only those who share it may.
            address = self._first.getsockname()
            self._first.close()
            self._first = _sharing(self._first.family, address)
        return self

    def __exit__(self, *_: object) -> None:
        self._first.close()

    def socket(self) -> socket.socket:
        """Another one, for a worker. The first listens at once: another service could share a port at which nobody does."""
        if not _deals_out():
            return self._first.dup()
        made = _sharing(self._first.family, self._first.getsockname())
        if not self._is_heard:
            made.listen()
            self._is_heard = True
        return made


def _deals_out() -> bool:
    """Whether the system spreads connections over the sockets of one port."""
    return sys.platform == "linux"


def _sharing(family: int, address: tuple[object, ...]) -> socket.socket:
    other = socket.socket(family, socket.SOCK_STREAM)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    other.bind(address)
    return other


class _Place:
    """Where one worker is, and after it the next. The first of all does the jobs and watches folders."""

    def __init__(self, answer: Answer, settings: ServeSettings, port: _Port, number: int) -> None:
        self._answer, self._port, self.number = answer, port, number
        self._settings = settings if number == 0 else settings.model_copy(update={"jobs": False})
        self._pause = _PAUSE_SECONDS
        self._starts_at = 0.0
        self.child: Child | None = None
        self.address: str | None = None

    def start_when_due(self) -> None:
        if self.child is None and time.monotonic() >= self._starts_at:
            with self._port.socket() as listening:      # the worker has a copy: when it ends, nothing waits for it here
                self.child = Child(
                    _work, self._answer, self._settings, listening, name=f"wenshi-worker-{self.number}", parent=True
                )

    def is_ready(self, address: str) -> None:
        self.address, self._pause = address, _PAUSE_SECONDS

    def has_ended(self) -> None:
        if self.child is not None:
            self.child.connection.close()
        self.child, self.address = None, None
        self._starts_at = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)


def _first_start(places: Sequence[_Place], note: Callable[[str], None]) -> str:
    """The address, when all are ready."""
    for place in places:
        place.start_when_due()
    while not all(place.address for place in places):
        for place, said in _said(places):
            if isinstance(said, WenshiError):
                raise said
            if isinstance(said, Ended):
                raise InputError(f"A worker of the service {said.reason} before it was ready: try it with one worker.")
            if isinstance(said, _Note) and place.number == 0:
                note(said.sentence)
            if isinstance(said, _Ready):
                place.is_ready(said.address)
    address = places[0].address
    assert address is not None
    return address


def _look(places: Sequence[_Place], note: Callable[[str], None]) -> None:
    """Note for a second who ends, and let others take their places."""
    for place in places:
        try:
            place.start_when_due()
        except OSError as error:        # such as no memory for another process now: the others answer meanwhile
            place.has_ended()
            note(f"A worker could not start: {error.strerror or error}.")
    for place, said in _said(places):
        if isinstance(said, WenshiError):
            note(f"A worker could not start: {said}")
        if isinstance(said, Ended):
            place.has_ended()
            note(f"A worker {said.reason}; another takes its place.")
        if isinstance(said, _Ready):
            place.is_ready(said.address)


def _said(places: Sequence[_Place]) -> Iterator[tuple[_Place, object]]:
    """What workers say within a second."""
    by_child = {place.child: place for place in places if place.child is not None}
    for child in wait_for_children(list(by_child), seconds=_LOOK_SECONDS):
        yield by_child[child], child.receive()


def _end(places: Sequence[_Place]) -> None:
    children = [place.child for place in places if place.child is not None]
    for child in children:
        child.ask_to_end()
    deadline = time.monotonic() + _END_SECONDS
    for child in children:
        if not child.ends_within(deadline - time.monotonic()):
            child.end(Ended("timeout", "did not end in time"))


@contextmanager
def _shared_counters() -> Iterator[None]:
    """A folder in which the workers count together: whichever is asked for the counters tells those of all."""
    with tempfile.TemporaryDirectory(prefix="wenshi-counters-") as folder:
        os.environ[SHARED_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[SHARED_VARIABLE]


def _work(connection: Connection, answer: Answer, settings: ServeSettings, listening: socket.socket) -> None:
    """Answer, and tell the parent what is to be told."""
    live_and_die_with_parent()
    threading.Thread(target=_end_at_hang_up, args=(connection,), daemon=True).start()
    with suppress(KeyboardInterrupt):       # SIGTERM may come at any time
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            answer(
                settings, listening, ready=lambda address: _tell(connection, _Ready(address)),
                note=lambda sentence: _tell(connection, _Note(sentence)),
            )  # fmt: skip
        except WenshiError as error:
            _tell(connection, error)
        except Exception as error:
            _tell(connection, InputError(f"Something unexpected went wrong in it: {type(error).__name__}: {error}."))


def _end_at_hang_up(connection: Connection) -> None:
    """End at once when the parent is gone: who starts the service again wants the port. What the parent would have cleared
    away then, each of the workers tries to: whichever is the last one leaves nothing."""
    with suppress(EOFError, OSError):
        connection.recv()       # nothing is ever sent
    shutil.rmtree(os.environ[SHARED_VARIABLE], ignore_errors=True)
    os._exit(1)


def _tell(connection: Connection, said: object) -> None:
    with suppress(OSError):
        connection.send(said)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
