"""Where in a tar shard each sample lies: read from the tar's headers once, then from a small file beside it."""

from __future__ import annotations

import json
import tarfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import write_json
from data_pipeline.corpus.shard_list import Shard

_VERSION = 1
_UNKNOWN = ""


@dataclass(frozen=True, kw_only=True)
class ShardIndex:
    """Samples of one shard in their order. Sample i owns members first[i] to first[i + 1] - 1, its description first.

    offsets, sizes: int64 [M], bytes of each member's content in the file; splits and videos are empty where a
    description cannot be read.
    """

    keys: list[str]
    splits: list[str]
    videos: list[str]
    first: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]


def index_path(tar: Path) -> Path:
    return tar.with_suffix(".idx")


def shard_index(tar: Path, shard: Shard) -> ShardIndex:
    """The index of a shard: that in its `.idx` file if it belongs to this tar, else read from the headers and kept.

    Of a tar that is cut off or broken inside, the samples before that place are given, and no file is kept.
    Raises CorpusError (unreadable) when the tar is missing or cannot be opened.
    """
    try:
        size = tar.stat().st_size
    except OSError as error:
        raise _unreadable(tar, error) from error
    kept = _read_index(index_path(tar), shard) if size == shard.bytes else None
    if kept is not None:
        return kept
    index = scan(tar)
    if size == shard.bytes and len(index.keys) == shard.samples:
        with suppress(CorpusError):         # a read-only place: it is read from the headers each time
            _write_index(index_path(tar), index, shard)
    return index


def scan(tar: Path) -> ShardIndex:
    """Read the headers of a tar, as far as they are whole. Raises CorpusError (unreadable)."""
    samples: list[_Found] = []
    try:
        with tarfile.open(tar, "r:", encoding="utf-8") as archive, suppress(tarfile.ReadError):
            for member in archive:
                key, _, suffix = member.name.partition(".")
                if not samples or samples[-1].key != key:
                    samples.append(_Found(key, [], *_split_and_video(archive, member, suffix)))
                samples[-1].members.append((member.offset_data, member.size))
    except tarfile.ReadError:
        samples = []        # not one header is whole
    except OSError as error:
        raise _unreadable(tar, error) from error
    if samples and sum(samples[-1].members[-1]) > tar.stat().st_size:
        samples[-1].members.pop()
    return _joined([sample for sample in samples if sample.members])


@dataclass
class _Found:
    key: str
    members: list[tuple[int, int]]
    split: str
    video: str


def _split_and_video(archive: tarfile.TarFile, member: tarfile.TarInfo, suffix: str) -> tuple[str, str]:
    file = archive.extractfile(member) if suffix == "json" else None
    try:
        description = json.loads(file.read()) if file else {}
        return str(description["split"]), str(description["video"])
    except (ValueError, KeyError, TypeError, tarfile.ReadError):
        return _UNKNOWN, _UNKNOWN


def _joined(samples: list[_Found]) -> ShardIndex:
    members = np.array([span for sample in samples for span in sample.members], np.int64).reshape(-1, 2)
    return ShardIndex(
        keys=[sample.key for sample in samples], splits=[sample.split for sample in samples],
        videos=[sample.video for sample in samples],
        first=np.cumsum([0, *(len(sample.members) for sample in samples)], dtype=np.int64),
        offsets=members[:, 0].copy(), sizes=members[:, 1].copy(),
    )


def _write_index(path: Path, index: ShardIndex, shard: Shard) -> None:
    write_json(path, {
        "version": _VERSION, "bytes": shard.bytes, "sha256": shard.sha256, "keys": index.keys, "splits": index.splits,
        "videos": index.videos, "first": index.first.tolist(), "offsets": index.offsets.tolist(),
        "sizes": index.sizes.tolist(),
    })


def _read_index(path: Path, shard: Shard) -> ShardIndex | None:
    """What was kept, None unless it is whole and of this very tar."""
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if (data["version"], data["bytes"], data["sha256"]) != (_VERSION, shard.bytes, shard.sha256):
            return None
        numbers = {name: np.array(data[name], np.int64) for name in ("first", "offsets", "sizes")}
        index = ShardIndex(keys=data["keys"], splits=data["splits"], videos=data["videos"], **numbers)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    whole = len(index.keys) == len(index.splits) == len(index.videos) == len(index.first) - 1 == shard.samples
    return index if whole and len(index.offsets) == len(index.sizes) == index.first[-1] else None


def _unreadable(tar: Path, error: OSError) -> CorpusError:
    return CorpusError(
        "unreadable", f"The shard {tar} cannot be read ({error.strerror or error}): write the shards again.", shard=tar.name
    )
