"""A client of the service for Python programs. Needs nothing but the standard library.

    from serving.client import Client

    with_key = Client("http://127.0.0.1:8000", key="wenshi_...")
    for hit in with_key.search("一只狗在草地上追球", k=5).hits:
        print(hit.title, hit.start_ms, hit.end_ms)
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from retrieval.errors import WenshiError

_T = TypeVar("_T")


class ServiceError(WenshiError):
    """The service refused or cannot be reached. `status` is 0 when it did not answer; `kind` as in the API."""

    def __init__(self, status: int, kind: str, message: str, request_id: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.request_id = request_id


@dataclass(frozen=True)
class Moment:
    start_ms: int
    end_ms: int
    best_ms: int
    score: float
    channels: list[dict[str, Any]]


@dataclass(frozen=True)
class Hit:
    """`poster`, `sprite` and `source` are addresses on the service."""

    video: str
    name: str
    title: str
    score: float
    confidence: str | None
    start_ms: int
    end_ms: int
    duration_ms: int
    poster: str
    sprite: str
    source: str
    moments: list[Moment]
    channels: list[dict[str, Any]]


@dataclass(frozen=True)
class Answer:
    query: str
    hits: list[Hit]
    hidden: int
    notices: list[str]
    took_ms: dict[str, float]
    request_id: str


@dataclass(frozen=True)
class Job:
    job: str
    kind: str
    state: str
    done: int
    total: int
    failed: list[dict[str, str]]
    message: str | None

    @property
    def ended(self) -> bool:
        return self.state in ("done", "failed", "stopped")


class Client:
    """Asks one service; every call raises ServiceError. Unknown fields of newer services are left out.

    busy_seconds: how long a call waits and asks again while the service says that too much is asked.
    """

    def __init__(self, address: str, *, key: str | None = None, seconds: float = 60.0, busy_seconds: float = 30.0) -> None:
        self._address = address.rstrip("/")
        self._key = key
        self._seconds = seconds
        self._busy_seconds = busy_seconds

    def search(self, text: str, *, k: int = 20, **filters: Any) -> Answer:
        """The `k` best videos. filters: channel, path, tag, longer, shorter, since, until, video, hidden, moments,
        diversity, rank_ms, recall.
        """
        return _answer(self._call("POST", "/search", {"q": text, "k": k, **filters}))

    def similar(self, video: str, *, k: int = 20) -> Answer:
        """Videos that look like one of the library."""
        return _answer(self._call("GET", f"/videos/{video}/similar?k={k}"))

    def moments(self, video: str, text: str) -> list[Moment]:
        """Every span of a video that answers, by time."""
        answer = self._call("GET", f"/videos/{video}/moments?q={urllib.parse.quote(text)}")
        return [_row(Moment, moment) for moment in answer["moments"]]

    def videos(self, *, order: str = "newest") -> Iterator[dict[str, Any]]:
        """Every video of the library."""
        after = ""
        while True:
            page = self._call("GET", f"/videos?limit=200&order={order}{after}")
            yield from page["videos"]
            if page["next"] is None:
                return
            after = f"&after={page['next']}"

    def transcript(self, video: str) -> list[dict[str, Any]]:
        """What is said and shown as text, by time."""
        lines: list[dict[str, Any]] = self._call("GET", f"/videos/{video}/transcript")["lines"]
        return lines

    def add(self, paths: Sequence[str]) -> Job:
        """Add files or folders of the service's disk, in the background."""
        return self.job(self._call("POST", "/videos", {"paths": list(paths)})["job"])

    def job(self, job: str) -> Job:
        return _row(Job, self._call("GET", f"/jobs/{job}"))

    def wait(self, job: Job, *, every_seconds: float = 0.5) -> Job:
        """The job when it has ended."""
        while not job.ended:
            time.sleep(every_seconds)
            job = self.job(job.job)
        return job

    def remove(self, video: str) -> None:
        """Forget a video; its file stays."""
        self._call("DELETE", f"/videos/{video}")

    def library(self) -> dict[str, Any]:
        """What the library holds."""
        return self._call("GET", "/library")

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Unit vectors of texts in the space of the library's clips."""
        vectors: list[list[float]] = self._call("POST", "/embed", {"texts": list(texts)})["vectors"]
        return vectors

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        until = time.monotonic() + self._busy_seconds
        while True:
            try:
                return self._once(method, path, body)
            except _Busy as busy:
                if time.monotonic() + busy.seconds > until:
                    raise busy.error from None
                time.sleep(busy.seconds)

    def _once(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        request = urllib.request.Request(f"{self._address}/api/v1{path}", method=method)
        request.add_header("Accept", "application/json")
        if self._key is not None:
            request.add_header("Authorization", f"Bearer {self._key}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=self._seconds) as answer:
                answered: dict[str, Any] = json.loads(answer.read())
                return answered
        except urllib.error.HTTPError as error:
            refusal = _refusal(error)
            if error.code == 429:
                raise _Busy(refusal, float(error.headers.get("Retry-After", 1))) from None
            raise refusal from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise ServiceError(0, "unreachable", f"The service at {self._address} does not answer: {error}.") from None


class _Busy(Exception):
    def __init__(self, error: ServiceError, seconds: float) -> None:
        super().__init__(str(error))
        self.error = error
        self.seconds = seconds


def _refusal(error: urllib.error.HTTPError) -> ServiceError:
    try:
        told = json.loads(error.read())["error"]
        return ServiceError(error.code, told["kind"], told["message"], told["request_id"])
    except (ValueError, KeyError, TypeError, OSError):
        return ServiceError(error.code, "unknown", f"The service answered with status {error.code}.")


def _answer(row: dict[str, Any]) -> Answer:
    hits = [{**hit, "moments": [_row(Moment, moment) for moment in hit["moments"]]} for hit in row["hits"]]
    return _row(Answer, {**row, "hits": [_row(Hit, hit) for hit in hits]})


def _row(kind: type[_T], row: dict[str, Any]) -> _T:
    return kind(**{field.name: row[field.name] for field in fields(kind)})  # type: ignore[arg-type]
