"""HTTP connections that nobody can hold for nothing."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 512
_UNREAD_LOOKS = 3           # at a connection whose client reads nothing, before it is ended


def bounded(*, wait_seconds: float) -> type[H11Protocol]:
    """The protocol of connections that wait at most `wait_seconds` for the whole head of a request."""
    return type("Bounded", (_Bounded,), {"wait_seconds": wait_seconds})


class _Bounded(H11Protocol):
    """uvicorn's own ends a connection that is silent after an answer, but neither one that never asks nor one that stops in
    the middle of a head, nor one that does not read what it asked for. When all connections are taken, the one that waited
    longest for a head makes room."""

    wait_seconds: float

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.waits_since = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._unsent = 0            # bytes at the last look
        self._unread_looks = 0

    @property
    def waits(self) -> bool:
        """Whether no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) >= MOST_CONNECTIONS:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()

    def on_response_complete(self) -> None:
        self._await_head()
        super().on_response_complete()

    def _await_head(self) -> None:
        self.waits_since = time.monotonic()
        self._unread_looks = 0
        self._look_later()

    def _look_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._unsent = self.transport.get_write_buffer_size()
        self._timer = self.loop.call_later(self.wait_seconds, self._look)

    def _look(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent:      # whoever still reads is given the time for it
            self._unread_looks = self._unread_looks + 1 if unsent == self._unsent else 0
            is_late = self._unread_looks >= _UNREAD_LOOKS
        else:
            is_late = self.waits
        if is_late:
            self.transport.abort()
        else:
            self._look_later()

    def _make_room(self) -> None:
        waiting = [other for other in self.connections if isinstance(other, _Bounded) and other.waits and other is not self]
        if waiting:
            longest = min(waiting, key=lambda other: other.waits_since)
            self.connections.discard(longest)       # at once: many may come before it is told that it ended
            longest.transport.abort()
