"""Vectors for programs outside: of texts, and of all clips of the library."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import IO, Any, Literal

import numpy as np
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from numpy.typing import NDArray

from retrieval.errors import InputError
from retrieval.library import StoredClip
from serving.api.errors import ApiError
from serving.api.schemas import EmbedRequest, Vectors
from serving.api.service import Service

_VIDEOS_AT_ONCE = 200
_SPOOLED_BYTES = 64 << 20   # of an export in memory; more goes to a temporary file
_BLOCK = 1 << 18
_TYPES = {"npy": "application/octet-stream", "parquet": "application/vnd.apache.parquet"}
_Rows = Iterator[tuple[str, Sequence[StoredClip], NDArray[np.float32]]]


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
    def export(format: Literal["npy", "parquet"] = "npy") -> StreamingResponse:
        """The vector of every clip. npy: float16 [n, D], in the order of `X-Order`; parquet: with video and span."""
        generation = service.library.generation()
        if generation is None:
            raise ApiError(409, "no_model", "No model has seen this library: there are no vectors.")
        made: IO[bytes] = tempfile.SpooledTemporaryFile(_SPOOLED_BYTES)  # noqa: SIM115  closed by the answer
        with service.making.entered():
            (_write_npy if format == "npy" else _write_parquet)(made, _rows(service), generation.dimension, asdict(generation))
        made.seek(0)
        headers = {
            "Content-Disposition": f'attachment; filename="clips.{format}"',
            "X-Generation": json.dumps(asdict(generation)),
            "X-Order": "videos as added, clips by time",
        }
        return StreamingResponse(_blocks(made), media_type=_TYPES[format], headers=headers)

    return router


def _rows(service: Service) -> _Rows:
    ids = service.library.video_ids()
    for start in range(0, len(ids), _VIDEOS_AT_ONCE):
        for video_id, vectors in service.library.clip_vectors(ids[start : start + _VIDEOS_AT_ONCE]).items():
            clips = service.library.clips(video_id)
            if len(clips) == len(vectors):      # else it was changed between the two
                yield video_id, clips, vectors


def _write_npy(file: IO[bytes], rows: _Rows, dimension: int, generation: dict[str, Any]) -> None:
    """The header is written when the number of rows is known, into the space that was left for it."""
    header = _npy_header(2**40, dimension)
    file.write(header)
    count = 0
    for _, _, vectors in rows:
        file.write(vectors.astype("<f2").tobytes())
        count += len(vectors)
    file.seek(0)
    file.write(_npy_header(count, dimension, length=len(header)))


def _npy_header(count: int, dimension: int, *, length: int | None = None) -> bytes:
    """Version 1.0 of the format; padded to `length` bytes."""
    if length is None:
        made = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            made, {"descr": "<f2", "fortran_order": False, "shape": (count, dimension)}
        )
        return made.getvalue()
    text = f"{{'descr': '<f2', 'fortran_order': False, 'shape': ({count}, {dimension}), }}"
    body = text.ljust(length - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + (length - 10).to_bytes(2, "little") + body.encode("latin1")


def _write_parquet(file: IO[bytes], rows: _Rows, dimension: int, generation: dict[str, Any]) -> None:
    """ApiError 501 without pyarrow."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ApiError(501, "not_installed", "Parquet needs the extra `wenshi[corpus]` on the server.") from error
    schema = pa.schema(
        [
            ("video", pa.string()), ("start_ms", pa.int64()), ("end_ms", pa.int64()), ("keyframe_ms", pa.int64()),
            ("vector", pa.list_(pa.float32(), dimension)),
        ],
        metadata={"generation": json.dumps(generation)},
    )  # fmt: skip
    with pq.ParquetWriter(file, schema) as writer:
        for video_id, clips, vectors in rows:
            columns = [
                [video_id] * len(clips), [clip.start_ms for clip in clips], [clip.end_ms for clip in clips],
                [clip.keyframe_ms for clip in clips], vectors.tolist(),
            ]  # fmt: skip
            writer.write_table(pa.table([pa.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)], schema=schema))


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while block := file.read(_BLOCK):
            yield block
