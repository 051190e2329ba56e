"""Vectors for programs outside: of texts that are sent, and of all clips or texts of the library."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from retrieval.errors import InputError
from serving.api import exporting
from serving.api.errors import ApiError
from serving.api.schemas import EmbedRequest, Vectors
from serving.api.service import Service

_FORMATS = {
    "npy": (exporting.npy, "application/octet-stream"),
    "npz": (exporting.npz, "application/zip"),
    "parquet": (exporting.parquet, "application/vnd.apache.parquet"),
}
_NO_VECTORS = {
    "clips": "No model has seen this library: there are no vectors of clips.",
    "texts": "No sentence model has read this library: there are no vectors of texts.",
}


def routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["features"])

    @router.post("/embed", response_model=Vectors)
    def embed(asked: EmbedRequest) -> dict[str, Any]:
        """Texts as vectors of the space that the library's clips lie in."""
        encoder = service.engines.renewed().encoder
        if encoder is None:
            raise ApiError(409, "no_model", "No model is loaded: texts cannot be turned into vectors.")
        if not all(text.strip() for text in asked.texts):
            raise InputError("One of the texts is empty.")
        with service.searches.entered():
            pooled = encoder.encode_texts(asked.texts).pooled
        return {"generation": asdict(encoder.generation), "vectors": pooled.tolist()}

    @router.get("/export/vectors", response_class=StreamingResponse)
    def export(format: Literal["npy", "npz", "parquet"] = "npy", of: exporting.Of = "clips") -> StreamingResponse:
        """The vector of every clip, or of every text (what the meaning channel searches), of the generation in use.

        npy: float16 [n, D], in the order of `X-Order`. npz: these as `vectors`, and as arrays of the same order `video`,
        `start_ms`, `end_ms` and `keyframe_ms`, of texts `kind`, `text_utf8` (all one after another) and `text_bytes` (of each).
        parquet: the same columns."""
        generation = service.library.generation() if of == "clips" else service.library.text_generation()
        if generation is None:
            raise ApiError(409, "no_model", _NO_VECTORS[of])
        write, media_type = _FORMATS[format]
        with service.making.entered():
            sent = write(exporting.batches(service.library, generation, of), generation, of)
        headers = {
            "Content-Disposition": f'attachment; filename="{of}.{format}"',
            "X-Generation": json.dumps(asdict(generation)),
            "X-Order": f"videos as added, {of} by time",
        }
        return StreamingResponse(sent, media_type=media_type, headers=headers)

    return router
