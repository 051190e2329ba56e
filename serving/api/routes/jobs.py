"""Adding and removing videos, and the jobs that do it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from retrieval.errors import InputError
from serving.api.errors import ApiError, not_found
from serving.api.schemas import (
    AddRequest,
    Job,
    Jobs,
    JobStarted,
    Removed,
    VideoId,
)
from serving.api.service import Service, only_admin

_MOST_FILES = 20
_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": AddRequest.model_json_schema()},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
            }
        },
    },
}


def routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["jobs"])

    @router.post("/videos", status_code=202, response_model=JobStarted, openapi_extra={"requestBody": _BODY})
    async def add(request: Request) -> dict[str, str]:
        """Add files or folders of the server's disk, or uploaded files, in the background."""
        only_admin(request)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            return {"job": await _add_uploads(service, request)}
        if kind != "application/json":
            raise ApiError(415, "content_type", "Send application/json with paths, or multipart/form-data with files.")
        try:
            asked = AddRequest.model_validate_json(await request.body())
        except ValidationError as error:
            raise RequestValidationError(error.errors()) from error
        return {"job": await run_in_threadpool(_add_paths, service, asked.paths)}

    @router.delete("/videos/{video_id}", response_model=Removed)
    def remove(request: Request, video_id: VideoId) -> dict[str, Any]:
        """Forget a video with all its paths. Its file stays, unless it was uploaded."""
        only_admin(request)
        stored = service.video(video_id)
        with service.writer.opened() as library:
            removed = library.remove(video_id)
        for location in stored.locations:
            service.uploads.drop(Path(location.path))
        service.store.dismiss(location for location in stored.locations if os.path.lexists(location.path))
        return {"videos": list(removed.video_ids), "paths": len(removed.paths)}

    @router.get("/jobs", response_model=Jobs)
    def jobs() -> dict[str, Any]:
        """The latest jobs, newest first."""
        return {"jobs": service.store.all()}

    @router.get("/jobs/{job}", response_model=Job)
    def job(job: str) -> dict[str, Any]:
        return _job(service, job)

    @router.post("/jobs/{job}/cancel", response_model=Job)
    def cancel(request: Request, job: str) -> dict[str, Any]:
        """Stop a job; what it has added stays."""
        only_admin(request)
        _job(service, job)
        service.store.cancel(job)
        found = _job(service, job)
        if found["state"] == "stopped":
            service.uploads.settle(service.store.uploaded(job))
        return found

    return router


def _job(service: Service, job: str) -> dict[str, Any]:
    found = service.store.job(job)
    if found is None:
        raise not_found("There is no such job.")
    return found


def _add_paths(service: Service, paths: Sequence[str]) -> str:
    for path in paths:
        if "\0" in path or not Path(path).is_absolute():
            raise InputError(f"The path {path[:100]!r} is not absolute.")
        if not _is_there(path):
            raise InputError(f"There is no file or folder {path[:200]!r} on the server.")
    return service.ask_job("add", {"paths": list(paths)})


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


async def _add_uploads(service: Service, request: Request) -> str:
    async with request.form(max_files=_MOST_FILES, max_fields=_MOST_FILES) as form:
        files = [file for file in form.getlist("file") if not isinstance(file, str)]
        if not files:
            raise InputError("The form has no file: send one or more in the field `file`.")
        return await run_in_threadpool(_keep_uploads, service, files)


def _keep_uploads(service: Service, files: Sequence[UploadFile]) -> str:
    kept: list[Path] = []
    try:
        with service.making.entered():
            for file in files:
                kept.append(service.uploads.keep(file.filename or "video", file.file, file.size or 0))
    except BaseException:
        service.uploads.settle(list(map(str, kept)))
        raise
    paths = list(map(str, kept))
    return service.ask_job("add", {"paths": paths, "uploaded": paths})
