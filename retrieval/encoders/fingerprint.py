"""Which weights made a vector: a fingerprint of a model's files that does not read gigabytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from retrieval.encoders.checkpoint import (
    OPEN_CLIP_CONFIG,
    OPEN_CLIP_WEIGHTS,
    PROCESSOR_FILES,
    TOKENIZER_FILES,
    WEIGHTS,
    require_weights,
)
from retrieval.errors import ModelError

_BLOCK = 4096               # bytes read at each place
_BLOCKS = 256               # places spread evenly over a file
_TAIL = 1 << 18             # a pickle's zip directory, with a checksum of every tensor, stands at the end
_SMALL_FILE = 1 << 20
_LONGEST_HEADER = 100 << 20


def content_revision(directory: Path, *, open_clip: bool = False) -> str:
    """16 hex digits over config, tokenizer and picture settings whole, and over samples of the weights.

    Of the weights: each file's size, its header, a block in the middle of every tensor, evenly spaced blocks and the
    tail. A copy has the same fingerprint under any name; a training step changes every tensor it trains, so that two
    checkpoints of one model differ. open_clip: of what open_clip reads there, not transformers. Raises ModelError when a
    weight file is missing, empty or cut off.
    """
    digest = hashlib.sha256()
    config = OPEN_CLIP_CONFIG if open_clip else "config.json"
    for name in sorted((config, *TOKENIZER_FILES, *PROCESSOR_FILES)):
        path = directory / name
        if path.is_file():
            digest.update(f"{name} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    for path in require_weights(directory, names=OPEN_CLIP_WEIGHTS if open_clip else WEIGHTS):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        for part in _samples(path):
            digest.update(part)
    return digest.hexdigest()[:16]


def files_revision(paths: Iterable[Path]) -> str:
    """16 hex digits over files of any kind that a model consists of: their names, sizes and samples of their content.

    Small files are read whole. Raises ModelError when one is empty.
    """
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda path: path.name):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        for part in [path.read_bytes()] if 0 < path.stat().st_size <= _SMALL_FILE else _samples(path):
            digest.update(part)
    return digest.hexdigest()[:16]


def _samples(path: Path) -> Iterator[bytes]:
    size = path.stat().st_size
    if size == 0:
        raise ModelError(f"{path} is empty: fetch the model again.")
    # Unbuffered: a buffered file would read on behind every small block.
    with path.open("rb", buffering=0) as file:
        places = [size * i // _BLOCKS for i in range(_BLOCKS)]
        if path.suffix == ".safetensors":
            header, middles = _tensors(file, path=path, size=size)
            yield header
            places += middles
        for place in sorted(set(places)):
            file.seek(place)
            yield file.read(_BLOCK)
        file.seek(max(0, size - _TAIL))
        yield file.read(_TAIL)


def _tensors(file: BinaryIO, *, path: Path, size: int) -> tuple[bytes, list[int]]:
    """The header of a safetensors file, and where the middle of each tensor lies in the file."""
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(size - 8, _LONGEST_HEADER):
        raise _damaged(path)
    header = file.read(length)
    try:
        spans = [entry["data_offsets"] for name, entry in json.loads(header).items() if name != "__metadata__"]
        end = max((stop for _, stop in spans), default=0)
        middles = [8 + length + (start + stop) // 2 for start, stop in spans]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path) from error
    if 8 + length + end != size:
        raise _damaged(path)
    return header, middles


def _damaged(path: Path) -> ModelError:
    return ModelError(f"{path} is damaged or cut off: fetch the model again.")
