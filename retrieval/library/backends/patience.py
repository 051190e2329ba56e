"""Waiting for a store that may never answer, until who waits is told to go."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from time import monotonic
from typing import TypeVar

from retrieval.errors import BackendError

Answer = TypeVar("Answer")
_LOOK_SECONDS = 0.1


class Patience:
    """Asks in threads of their own: no client lets go of a call that it has begun. Safe to use from several threads."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._ends_at: float | None = None

    def end(self, seconds: float) -> None:
        """Whoever waits, or will, waits no longer than so long from now."""
        ends_at = monotonic() + seconds
        self._ends_at = ends_at if self._ends_at is None else min(self._ends_at, ends_at)

    def ask(self, call: Callable[[], Answer]) -> Answer:
        """What `call` returns or raises; BackendError when the time is over before that."""
        future: Future[Answer] = Future()
        threading.Thread(target=_answer, args=(future, call), name="wenshi-store", daemon=True).start()
        while not wait([future], timeout=_LOOK_SECONDS).done:
            if self._ends_at is not None and monotonic() >= self._ends_at:
                raise BackendError(f"{self._name} did not answer before the end.")
        return future.result()


def _answer(future: Future[Answer], call: Callable[[], Answer]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:      # for who waits, and nobody else
        future.set_exception(error)
