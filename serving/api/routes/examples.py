"""Search by a picture or a clip that is sent, or by a span of a video of the library."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from numpy.typing import NDArray
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from retrieval.encoders import FrameGeometry
from retrieval.errors import InputError
from serving.api.errors import ApiError
from serving.api.routes.search import answered
from serving.api.routes.videos import similar_to
from serving.api.schemas import MOST_HITS, ExampleRequest, SearchAnswer
from serving.api.service import Service
from serving.media import pictures
from serving.media.files import named

_FRAMES = 8                 # of a clip that is sent
_CLIP_MS = 30_000           # of it that is looked at
_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": ExampleRequest.model_json_schema()},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary"}, "k": {"type": "integer"}},
            }
        },
    },
}


def routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["search"])

    @router.post(
        "/search/by-example", responses={200: {"model": SearchAnswer}}, openapi_extra={"requestBody": _BODY}
    )
    async def by_example(request: Request) -> JSONResponse:
        """Videos that look like a picture or clip that is sent, or like a span of a video of the library."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        request_id = request.state.request_id
        if kind == "multipart/form-data":
            async with request.form(max_files=1, max_fields=4) as form:
                file, count = form.get("file"), _count(form.get("k"))
                if not isinstance(file, UploadFile):
                    raise InputError("The form has no file: send a picture or a clip in the field `file`.")
                return JSONResponse(await run_in_threadpool(_by_file, service, file, count, request_id))
        if kind != "application/json":
            raise ApiError(415, "content_type", "Send multipart/form-data with a file, or application/json with a video.")
        try:
            asked = ExampleRequest.model_validate_json(await request.body())
        except ValidationError as error:
            raise RequestValidationError(error.errors()) from error
        return JSONResponse(await run_in_threadpool(_by_span, service, asked, request_id))

    return router


def _count(text: Any) -> int:
    if text is None:
        return 20
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= MOST_HITS:
        raise InputError(f"k is a number from 1 to {MOST_HITS}.")
    return int(text)


def _by_span(service: Service, asked: ExampleRequest, request_id: str) -> dict[str, Any]:
    service.video(asked.video)
    if asked.end_ms is not None and asked.end_ms <= asked.start_ms:
        raise InputError("The span ends before it begins.")
    with service.searches.entered():
        return similar_to(service, asked.video, asked.start_ms, asked.end_ms, asked.k, request_id)


def _by_file(service: Service, file: UploadFile, count: int, request_id: str) -> dict[str, Any]:
    encoder = service.engines.clip_encoder()
    if encoder is None:
        raise ApiError(409, "no_model", "No model is loaded: this library cannot be searched with a picture.")
    with service.making.entered(), tempfile.TemporaryDirectory(prefix="wenshi-example-") as folder:
        path = Path(folder) / "example"
        with path.open("xb") as kept:
            shutil.copyfileobj(file.file, kept, 1 << 20)
        frames = _read(service, path, encoder.geometry)
    loaded = service.engines.current()
    with service.searches.entered():
        with service.metrics.timed("encode_pictures"):
            seen = encoder.encode_clips(frames[None], frame_mask=np.ones((1, len(frames)), dtype=np.bool_))
        result = loaded.engine.search_alike(seen.pooled, count=count)
    return answered(service, result, loaded.notices, request_id)


def _read(service: Service, path: Path, geometry: FrameGeometry) -> NDArray[np.uint8]:
    """The pictures of an upload as the model wants them, decoded in the sandbox."""
    with named(path, "The file"):
        frames: NDArray[np.uint8] = service.sandbox.run(
            pictures.example_pictures, str(path), count=_FRAMES, height=geometry.height, width=geometry.width,
            fit=geometry.fit, most_ms=_CLIP_MS,
        )
    return frames
