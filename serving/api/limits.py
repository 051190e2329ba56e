"""How much one caller may ask, and how much is done at once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from serving.api.errors import ApiError

_CALLERS = 10_000           # remembered at once; the one that was silent longest is forgotten first


class RateLimit:
    """A token bucket for each caller: `rate` requests a second in the long run, `burst` at once. Thread-safe."""

    def __init__(self, *, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()    # tokens left, and when that was

    def take(self, caller: str) -> float:
        """0 when the request may go on, else the seconds until one may."""
        now = self._clock()
        with self._lock:
            tokens, then = self._buckets.pop(caller, (float(self._burst), now))
            tokens = min(float(self._burst), tokens + (now - then) * self._rate)
            allowed = tokens >= 1
            self._buckets[caller] = (tokens - 1 if allowed else tokens, now)
            if len(self._buckets) > _CALLERS:
                self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / self._rate


class Gate:
    """Lets `at_once` threads in, `waiting` more wait for up to `seconds`, and all others are sent away. Thread-safe."""

    def __init__(self, *, at_once: int, waiting: int, seconds: float) -> None:
        self._places = threading.Semaphore(at_once)
        self._present = threading.Semaphore(at_once + waiting)
        self._seconds = seconds

    @contextmanager
    def entered(self) -> Iterator[None]:
        """ApiError 429 when there is no place."""
        if not self._present.acquire(blocking=False):
            raise _busy()
        try:
            if not self._places.acquire(timeout=self._seconds):
                raise _busy()
            try:
                yield
            finally:
                self._places.release()
        finally:
            self._present.release()


def _busy() -> ApiError:
    return ApiError(429, "busy", "Too much is asked at this moment: try again in a second.", headers={"Retry-After": "1"})
