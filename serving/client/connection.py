"""Requests to the service: what is sent, what is refused, and asking again while it has too much to do."""

from __future__ import annotations

import http.client
import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, Any, TypeVar

from retrieval.errors import InputError, WenshiError

_BLOCK = 1 << 18
_T = TypeVar("_T")


class ServiceError(WenshiError):
    """The service refused or cannot be reached. `status` is 0 when it did not answer; `kind` as in the API."""

    def __init__(self, status: int, kind: str, message: str, request_id: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.request_id = request_id


@dataclass(frozen=True)
class Body:
    """What is sent; `blocks` gives it from its beginning, once for each time that is asked."""

    content_type: str
    length: int
    blocks: Callable[[], Iterator[bytes]]


def json_body(content: Mapping[str, Any]) -> Body:
    """Days and paths are sent as their text."""
    sent = json.dumps(content, default=str).encode()
    return Body("application/json", len(sent), lambda: iter([sent]))


def file_body(path: Path, values: Mapping[str, str]) -> Body:
    """A form with a file, read while it is sent. InputError when it cannot be read."""
    boundary = secrets.token_hex(16)
    named = f"--{boundary}\r\nContent-Disposition: form-data; name="
    parts = [f'{named}"{name}"\r\n\r\n{value}\r\n' for name, value in values.items()]
    parts.append(f'{named}"file"; filename="example"\r\nContent-Type: application/octet-stream\r\n\r\n')
    head = "".join(parts).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    try:
        with path.open("rb") as file:
            length = file.seek(0, 2)
    except OSError as error:
        raise InputError(f"The file {path} cannot be read: {error.strerror}.") from error

    def blocks() -> Iterator[bytes]:
        yield head
        with path.open("rb") as file:
            yield from iter(lambda: file.read(_BLOCK), b"")
        yield tail

    return Body(f"multipart/form-data; boundary={boundary}", len(head) + length + len(tail), blocks)


@contextmanager
def written_file(path: str | Path) -> Iterator[None]:
    """What the disk refuses in the block is an InputError: it is not the service that does."""
    try:
        yield
    except OSError as error:
        raise InputError(f"The file {path} cannot be written: {error.strerror or error}.") from error


class Connection:
    """One service and the key for it; every call raises ServiceError."""

    def __init__(self, address: str, *, key: str | None, seconds: float, busy_seconds: float) -> None:
        self._address = address.rstrip("/")
        self._key = key
        self._seconds = seconds
        self._busy_seconds = busy_seconds

    def json(self, method: str, path: str, body: Body | None = None) -> dict[str, Any]:
        """What is answered, {} for nothing."""
        answered: dict[str, Any] = self._asked(method, path, body, lambda answer: json.loads(answer.read() or b"{}"))
        return answered

    def copy(self, path: str, file: IO[bytes]) -> None:
        """Write what is answered into a file, a block at a time. InputError when it cannot be written."""

        def written(answer: http.client.HTTPResponse) -> None:
            while block := answer.read(_BLOCK):
                with written_file(file.name):
                    file.write(block)

        self._asked("GET", path, None, written)

    def _asked(self, method: str, path: str, body: Body | None, read: Callable[[http.client.HTTPResponse], _T]) -> _T:
        until = time.monotonic() + self._busy_seconds
        while True:
            try:
                return self._once(method, path, body, read)
            except _Busy as busy:
                if time.monotonic() + busy.seconds > until:
                    raise busy.error from None
                time.sleep(busy.seconds)

    def _once(self, method: str, path: str, body: Body | None, read: Callable[[http.client.HTTPResponse], _T]) -> _T:
        request = urllib.request.Request(f"{self._address}/api/v1{path}", method=method)
        request.add_header("Accept", "application/json")
        if self._key is not None:
            request.add_unredirected_header("Authorization", f"Bearer {self._key}")
        if body is not None:
            request.data = body.blocks()
            request.add_header("Content-Type", body.content_type)
            request.add_header("Content-Length", str(body.length))
        try:
            with urllib.request.urlopen(request, timeout=self._seconds) as answer:
                return read(answer)
        except urllib.error.HTTPError as error:
            refusal = _refusal(error)
            if error.code == 429:
                raise _Busy(refusal, _seconds_until(error.headers.get("Retry-After"))) from None
            raise refusal from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise ServiceError(0, "unreachable", f"The service at {self._address} does not answer: {error}.") from None


class _Busy(Exception):
    def __init__(self, error: ServiceError, seconds: float) -> None:
        super().__init__(str(error))
        self.error = error
        self.seconds = seconds


def _seconds_until(told: str | None) -> float:
    """What a Retry-After says, in seconds or as a date (RFC 9110, 10.2.3); a second where it says nothing that can be read."""
    if told is None:
        return 1.0
    if told.strip().isdecimal():
        return float(told)
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 1.0


def _refusal(error: urllib.error.HTTPError) -> ServiceError:
    try:
        told = json.loads(error.read())["error"]
        return ServiceError(error.code, told["kind"], told["message"], told["request_id"])
    except (ValueError, KeyError, TypeError, OSError):
        return ServiceError(error.code, "unknown", f"The service answered with status {error.code}.")
