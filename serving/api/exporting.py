"""All vectors of a generation as one file: spooled a batch of videos at a time, so that memory stays bounded."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from retrieval.library import Library, VectorRow
from retrieval.records import Generation
from serving.api.errors import ApiError

Of = Literal["clips", "texts"]
Batches = Iterator[tuple[Sequence[VectorRow], NDArray[np.float32]]]

_VIDEOS_AT_ONCE = 200
_SPOOLED_BYTES = 32 << 20   # of a column in memory; more goes to a temporary file
_BLOCK = 1 << 18
_VECTORS = "vectors"
_COLUMNS: Mapping[Of, tuple[str, ...]] = {
    "clips": ("video_id", "start_ms", "end_ms", "keyframe_ms"), "texts": ("video_id", "kind", "start_ms", "end_ms", "text"),
}  # fmt: skip
_NAMES = {"video_id": "video"}
# NumPy has no texts of any length: they are one run of UTF-8 and the bytes of each.
_TYPES = {
    _VECTORS: "<f2", "video_id": "S64", "kind": "S16", "start_ms": "<i8", "end_ms": "<i8", "keyframe_ms": "<i8",
    "text_utf8": "u1", "text_bytes": "<i8",
}  # fmt: skip


def batches(library: Library, generation: Generation, of: Of) -> Batches:
    """What is exported; LibraryError when the generation is dropped meanwhile."""
    rows_of = library.clip_rows if of == "clips" else library.text_rows
    ids = library.video_ids()
    for start in range(0, len(ids), _VIDEOS_AT_ONCE):
        rows, vectors = rows_of(generation, ids[start : start + _VIDEOS_AT_ONCE])
        if rows:
            yield rows, vectors


def npy(found: Batches, generation: Generation, of: Of) -> Iterator[bytes]:
    """The vectors alone, float16 [n, D]."""
    return _npy(_spooled((_VECTORS,), ({_VECTORS: vectors} for _, vectors in found)), _VECTORS, generation)


def npz(found: Batches, generation: Generation, of: Of) -> Iterator[bytes]:
    """`vectors` as of npy; `video`, `start_ms`, `end_ms` and the others of `of` in the same order; `generation` as JSON.

    The texts lie one after another in `text_utf8`, `text_bytes` of each.
    """
    apart = {"text": ("text_utf8", "text_bytes")}
    names = [part for name in _COLUMNS[of] for part in apart.get(name, (name,))]
    return _zipped(_spooled([_VECTORS, *names], (_arrays(rows, vectors) for rows, vectors in found)), generation)


def parquet(found: Batches, generation: Generation, of: Of) -> Iterator[bytes]:
    """The same columns, vectors in float32. ApiError 501 without pyarrow."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        message = "Parquet needs pyarrow on the server: pip install 'wenshi[corpus]'. npz holds the same without it."
        raise ApiError(501, "not_installed", message) from error
    kinds = {"video_id": pa.string(), "kind": pa.string(), "text": pa.string()}
    schema = pa.schema(
        [(_NAMES.get(name, name), kinds.get(name, pa.int64())) for name in _COLUMNS[of]]
        + [("vector", pa.list_(pa.float32(), generation.dimension))],
        metadata={"generation": json.dumps(asdict(generation))},
    )
    made = tempfile.SpooledTemporaryFile(_SPOOLED_BYTES)  # noqa: SIM115  closed when it is sent
    with pq.ParquetWriter(made, schema) as writer:
        for rows, vectors in found:
            columns = [[getattr(row, name) for row in rows] for name in _COLUMNS[of]]
            flat = pa.array(vectors.reshape(-1))
            arrays = [pa.array(one, type=field.type) for one, field in zip(columns, schema, strict=False)]
            arrays.append(pa.FixedSizeListArray.from_arrays(flat, generation.dimension))
            writer.write_table(pa.table(arrays, schema=schema))
    return _blocks(made)


def _arrays(rows: Sequence[VectorRow], vectors: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    columns: dict[str, Any] = dict(zip(VectorRow._fields, zip(*rows, strict=True), strict=True))
    texts = [(text or "").encode() for text in columns["text"]]
    return {
        **columns, _VECTORS: vectors, "text_utf8": np.frombuffer(b"".join(texts), np.uint8),
        "text_bytes": np.array([len(text) for text in texts]),
    }  # fmt: skip


def _spooled(names: Sequence[str], found: Iterator[Mapping[str, Any]]) -> dict[str, IO[bytes]]:
    """Each column as the bytes of its type, one file for each."""
    with ExitStack() as opened:
        spools = [opened.enter_context(tempfile.SpooledTemporaryFile(_SPOOLED_BYTES)) for _ in names]
        files: dict[str, IO[bytes]] = dict(zip(names, spools, strict=True))
        for batch in found:
            for name, file in files.items():
                file.write(np.asarray(batch[name]).astype(_TYPES[name]).tobytes())
        opened.pop_all()        # closed when they are sent
    return files


def _npy(files: Mapping[str, IO[bytes]], name: str, generation: Generation) -> Iterator[bytes]:
    file, kind = files[name], np.dtype(_TYPES[name])
    count = file.seek(0, 2) // kind.itemsize
    shape = (count // generation.dimension, generation.dimension) if name == _VECTORS else (count,)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": kind.str, "fortran_order": False, "shape": shape})
    yield header.getvalue()
    yield from _blocks(file)


def _zipped(files: Mapping[str, IO[bytes]], generation: Generation) -> Iterator[bytes]:
    """The files as members of one archive, which is never whole in memory or on the disk."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        for name in files:
            with archive.open(f"{_NAMES.get(name, name)}.npy", "w", force_zip64=True) as member:
                for block in _npy(files, name, generation):
                    member.write(block)
                    yield sink.taken()
        made = io.BytesIO()
        np.save(made, np.array(json.dumps(asdict(generation), ensure_ascii=False)))
        archive.writestr("generation.npy", made.getvalue())
    yield sink.taken()


class _Sink(io.RawIOBase):
    """Keeps what is written until it is taken; it cannot go back."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._kept += data
        return len(data)

    def taken(self) -> bytes:
        kept = bytes(self._kept)
        self._kept.clear()
        return kept


def _blocks(file: IO[bytes] | Any) -> Iterator[bytes]:
    file.seek(0)
    with file:
        while block := file.read(_BLOCK):
            yield block
