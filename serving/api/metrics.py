"""What Prometheus is told. A registry of our own, so that several services can live in one process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

# Names the folder of files in which several processes count together. The package looks for it when it is imported.
SHARED_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_LATEST: Literal["mostrecent"] = "mostrecent"       # of several processes that look at one library
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counts requests, times the stages of searches, and says how the library and the queue of jobs are."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "wenshi_requests_total", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self._request_seconds = Histogram(
            "wenshi_request_seconds", "Time to the first byte of the answer.", ["route"], buckets=_SECONDS, registry=registry
        )
        self._stage_seconds = Histogram(
            "wenshi_search_stage_seconds", "Time of a search in each stage.", ["stage"], buckets=_SECONDS, registry=registry
        )
        self._refused = Counter("wenshi_refused_total", "Requests refused, by reason.", ["kind"], registry=registry)
        self.videos = Gauge("wenshi_videos", "Videos in the library.", registry=registry, multiprocess_mode=_LATEST)
        self.clips = Gauge("wenshi_clips", "Clips in the library.", registry=registry, multiprocess_mode=_LATEST)
        self.jobs = Gauge("wenshi_jobs", "Jobs by state.", ["state"], registry=registry, multiprocess_mode=_LATEST)

    def answered(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """`route` is the pattern of the address: an address itself would make a new series for each video."""
        self._requests.labels(route, method, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)
        if status in (401, 403, 408, 413, 421, 429):
            self._refused.labels(str(status)).inc()

    def searched(self, took_ms: Mapping[str, float]) -> None:
        for stage, milliseconds in took_ms.items():
            self._stage_seconds.labels(stage).observe(milliseconds / 1000)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """A stage that the engine does not time: what is done within the block."""
        began = time.perf_counter()
        yield
        self.searched({stage: 1000 * (time.perf_counter() - began)})

    def text(self) -> bytes:
        """The exposition format; of all processes that answer at this address together."""
        if SHARED_VARIABLE not in os.environ:
            return generate_latest(self._registry)
        all_of_them = CollectorRegistry()
        MultiProcessCollector(all_of_them)
        return generate_latest(all_of_them)
