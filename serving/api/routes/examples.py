"""Search by a picture or a clip that is sent, or by a span of a video of the library."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from numpy.typing import NDArray
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from retrieval.encoders import FrameGeometry
from retrieval.errors import InputError
from retrieval.notices import Notice
from retrieval.search import SearchResult, SearchSettings
from retrieval.search.channels import VISUAL
from serving.api.answers import search_answer
from serving.api.errors import ApiError
from serving.api.routes.search import answered, filter_of
from serving.api.routes.videos import similar_to
from serving.api.schemas import ExampleFilters, ExampleRequest, SearchAnswer
from serving.api.service import Service
from serving.media import pictures
from serving.media.files import named

_FRAMES = 8                 # of a clip that is sent
_CLIP_MS = 30_000           # of it that is looked at
_LISTS = ("channel", "path", "tag")
_MOST_FIELDS = 200           # of a form: every filter as often as it may be given
_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": ExampleRequest.model_json_schema()},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"}, **ExampleFilters.model_json_schema()["properties"],
                },
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
            async with request.form(max_files=1, max_fields=_MOST_FIELDS) as form:
                file = form.get("file")
                if not isinstance(file, UploadFile):
                    raise InputError("The form has no file: send a picture or a clip in the field `file`.")
                with _validated():
                    filters = ExampleFilters.model_validate(_fields(form))
                return JSONResponse(await run_in_threadpool(_by_file, service, file, filters, request_id))
        if kind != "application/json":
            raise ApiError(415, "content_type", "Send multipart/form-data with a file, or application/json with a video.")
        body = await request.body()
        with _validated():
            asked = ExampleRequest.model_validate_json(body)
        return JSONResponse(await run_in_threadpool(_by_span, service, asked, request_id))

    return router


@contextmanager
def _validated() -> Iterator[None]:
    """What pydantic refuses in the block is refused as in any other request."""
    try:
        yield
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


def _fields(form: FormData) -> dict[str, Any]:
    """Everything but the file; of a filter that takes several values, all of them."""
    return {name: form.getlist(name) if name in _LISTS else form[name] for name in form if name != "file"}


def _asks_what_is_seen(asked: ExampleFilters) -> bool:
    return not asked.channel or VISUAL in asked.channel


def _nothing(request_id: str) -> dict[str, Any]:
    """The answer to an example where what is seen may not answer: no search, and none is counted."""
    notice = Notice(
        f"Only what is seen answers a picture, a clip or a video: the channels asked for leave {VISUAL} out.",
        zh="图片、片段和视频只能按画面查，而所选通道不包括画面。",
    )
    nothing = SearchResult(query="", hits=(), hidden=0, took_ms={"total": 0.0})
    return search_answer(nothing, notices=[notice], request_id=request_id)


def _by_span(service: Service, asked: ExampleRequest, request_id: str) -> dict[str, Any]:
    service.video(asked.video)
    if asked.end_ms is not None and asked.end_ms <= asked.start_ms:
        raise InputError("The span ends before it begins.")
    where = filter_of(asked)
    if not _asks_what_is_seen(asked):
        return _nothing(request_id)
    with service.searches.entered():
        return similar_to(
            service, asked.video, count=asked.k, collapse=asked.collapse, request_id=request_id, start_ms=asked.start_ms,
            end_ms=asked.end_ms, where=where,
        )  # fmt: skip


def _by_file(service: Service, file: UploadFile, asked: ExampleFilters, request_id: str) -> dict[str, Any]:
    encoder = service.engines.clip_encoder()
    if encoder is None:
        raise ApiError(409, "no_model", "No model is loaded: this library cannot be searched with a picture.")
    where = filter_of(asked)
    if not _asks_what_is_seen(asked):
        return _nothing(request_id)
    with service.making.entered(), tempfile.TemporaryDirectory(prefix="wenshi-example-") as folder:
        path = Path(folder) / "example"
        with path.open("xb") as kept:
            shutil.copyfileobj(file.file, kept, 1 << 20)
        frames = _read(service, path, encoder.geometry)
    loaded = service.engines.current()
    with service.searches.entered():
        with service.metrics.timed("encode_pictures"):
            seen = encoder.encode_clips(frames[None], frame_mask=np.ones((1, len(frames)), dtype=np.bool_))
        with service.library.snapshot():
            active = service.library.generation()
            if active is None or not encoder.generation.same_vectors(active):
                raise ApiError(
                    503, "model", "Vectors of another model are searched since a moment: send the picture again.",
                    headers={"Retry-After": "1"},
                )  # fmt: skip
            engine = loaded.engine.with_settings(SearchSettings(collapse=asked.collapse))
            result = engine.search_alike(seen.pooled, count=asked.k, where=where)
    return answered(service, result, loaded.notices, request_id)


def _read(service: Service, path: Path, geometry: FrameGeometry) -> NDArray[np.uint8]:
    """The pictures of an upload as the model wants them, decoded in the sandbox."""
    with named(path, "The file"):
        frames: NDArray[np.uint8] = service.sandbox.run(
            pictures.example_pictures, str(path), count=_FRAMES, height=geometry.height, width=geometry.width,
            fit=geometry.fit, most_ms=_CLIP_MS,
        )
    return frames
