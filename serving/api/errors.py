"""What a failed request is answered with: a kind that programs can rely on and one sentence for people."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from retrieval.errors import BackendError, InputError, LibraryError, ModelError, VideoError, WenshiError

log = logging.getLogger("wenshi.serve")


class ApiError(WenshiError):
    """An answer that is no success; `kind` is a stable word, `headers` go with it."""

    def __init__(self, status: int, kind: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.headers = dict(headers or {})


def not_found(message: str) -> ApiError:
    return ApiError(404, "not_found", message)


def error_response(
    status: int, kind: str, message: str, *, request_id: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    body = {"error": {"kind": kind, "message": message, "request_id": request_id}}
    return JSONResponse(body, status_code=status, headers=dict(headers or {}))


def install(app: FastAPI, *, library: Path) -> None:
    """Make every error of Wenshi, of Starlette and of pydantic an answer of one form."""

    @app.exception_handler(WenshiError)
    async def known(request: Request, error: WenshiError) -> JSONResponse:
        status, kind, headers = _meaning(error)
        message = str(error).replace(str(library), library.name)        # where it lies is nobody's business
        if status >= 500:
            log.warning("%s %s: %s", request.state.request_id, kind, error)
        return error_response(status, kind, message, request_id=request.state.request_id, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return error_response(422, "invalid", _what_is_invalid(error), request_id=request.state.request_id)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        within = api_error_in(error)        # such as of a body that grew too long while it was parsed
        if within is not None:
            return await known(request, within)
        kind = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
        message = {
            404: "There is nothing at this address.",
            405: f"{request.method} is not possible at this address.",
        }.get(error.status_code) or str(error.detail) or HTTPStatus(error.status_code).phrase
        return error_response(
            error.status_code, kind, message, request_id=request.state.request_id, headers=error.headers
        )


def api_error_in(error: BaseException | None) -> ApiError | None:
    """The ApiError that an error is, or that is among its causes: what was called in between may have wrapped it."""
    while error is not None:
        if isinstance(error, ApiError):
            return error
        if isinstance(error, WenshiError):      # that of the guard: the library cannot be asked for its keys
            return ApiError(503, "unavailable", "The service cannot answer at present.")
        error = error.__cause__ or error.__context__
    return None


def _meaning(error: WenshiError) -> tuple[int, str, Mapping[str, str]]:
    if isinstance(error, ApiError):
        return error.status, error.kind, error.headers
    if isinstance(error, InputError):
        return 400, "input", {}
    if isinstance(error, VideoError):
        return 422, error.kind, {}
    if isinstance(error, LibraryError):
        return 503, "library", {"Retry-After": "5"}
    if isinstance(error, ModelError):
        return 503, "model", {}
    if isinstance(error, BackendError):
        return 503, "vectors", {"Retry-After": "5"}
    return 400, "refused", {}


def _what_is_invalid(error: RequestValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("query", "body", "path")) or "the request"
    return f"{where[:200]}: {first['msg']}."
