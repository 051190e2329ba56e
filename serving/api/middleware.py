"""Around every request: its id, the guard, a bound on its body, headers against misuse, and no traceback."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api.errors import ApiError, api_error_in, error_response, log
from serving.api.guard import Guard
from serving.api.metrics import Metrics

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_LEAST_BYTES_A_SECOND = 4096        # of a body, in the long run


class Around:
    """Plain ASGI: nothing that a route raises passes it, and the first byte of an answer is not held back."""

    def __init__(self, app: ASGIApp, *, guard: Guard, metrics: Metrics, silence_seconds: float) -> None:
        self._app = app
        self._guard = guard
        self._metrics = metrics
        self._silence_seconds = silence_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        began, status = time.perf_counter(), 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, request_id)
                self._metrics.answered(
                    route=_route(scope), method=_method(scope), status=status, seconds=time.perf_counter() - began
                )
            await send(message)

        try:
            await self._enter(scope, receive, send_on, request_id)
        except ClientDisconnect:
            return      # nobody waits for an answer
        except Exception as error:
            refusal = api_error_in(error)
            if refusal is None:
                log.exception("%s %s failed", request_id, _method(scope))
                refusal = ApiError(500, "internal", "Something went wrong here; the log of the service says what.")
            if status:      # half an answer is out already: all that can be done is to break it off
                raise
            answer = error_response(
                refusal.status, refusal.kind, str(refusal), request_id=request_id, headers=refusal.headers
            )
            await answer(scope, receive, send_on)

    async def _enter(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        headers, path = Headers(scope=scope), scope["path"]
        address = scope["client"][0] if scope.get("client") else "?"
        # Without a thread: it looks at the time of one file, which takes less than a change of threads.
        scope["state"]["caller"] = self._guard.admit(
            scope["method"], path, headers, scheme=scope["scheme"], address=address
        )
        most = self._guard.most_bytes(path)
        declared = headers.get("content-length", "")
        if declared and (not declared.isascii() or not declared.isdigit() or int(declared) > most):
            raise _too_long(most)
        await self._app(scope, _bounded(receive, most, self._silence_seconds), send)


def _bounded(receive: Receive, most: int, silence_seconds: float) -> Receive:
    """Refuses a body that grows past `most` bytes, stops for too long or comes drop by drop, while it is read."""
    read, waited, whole = 0, 0.0, False

    async def bounded() -> Message:
        nonlocal read, waited, whole
        if whole:           # what is waited for now is the end of the connection
            return await receive()
        began = time.monotonic()
        left = silence_seconds + read / _LEAST_BYTES_A_SECOND - waited
        try:
            message = await asyncio.wait_for(receive(), min(silence_seconds, left))
        except asyncio.TimeoutError:
            raise ApiError(
                408, "too_slow", "The request stopped before its end, or came too slowly.", headers={"Connection": "close"}
            ) from None
        waited += time.monotonic() - began
        if message["type"] == "http.request":
            read += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if read > most:
                raise _too_long(most)
        return message

    return bounded


def _too_long(most: int) -> ApiError:
    return ApiError(413, "too_large", f"The request is longer than {most} bytes.", headers={"Connection": "close"})


def _add_headers(message: Message, request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Request-Id"] = request_id
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)


def _route(scope: Scope) -> str:
    route: Any = scope.get("route")
    path = getattr(route, "path", None)
    return str(path) if path else "none"


def _method(scope: Scope) -> str:
    known = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
    return scope["method"] if scope["method"] in known else "other"
