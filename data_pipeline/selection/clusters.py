"""Near-duplicates of texts and videos: looked for once, and kept for as long as the rows stay as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import disk_errors
from data_pipeline.corpus.tables import read_columns, require_pyarrow, write_columns
from data_pipeline.selection.columns import Measured
from data_pipeline.selection.components import Indices
from data_pipeline.selection.near_texts import letters_of, near_text_clusters
from data_pipeline.selection.near_videos import near_video_clusters
from data_pipeline.selection.settings import SelectionSettings

_FOLDER = "clusters"
_VERSION = "1"                      # another one where the same rows would give other clusters


@dataclass(frozen=True, kw_only=True)
class Member:
    """A row of a kept table: the number of the first member of the cluster, and of the first row with the very same text."""

    cluster: int
    same: int


@dataclass(frozen=True)
class Clusters:
    """For each candidate the first one with nearly the same text, and with the same letters; for each video the first near it."""

    texts: Indices
    same_texts: Indices
    videos: Indices


def clusters_of(measured: Measured, settings: SelectionSettings) -> Clusters:
    """Look for all clusters."""
    texts = _text_members(measured, settings)
    return Clusters(texts[0], texts[1], _video_members(measured, settings)[0])


def kept_clusters(directory: Path, measured: Measured, settings: SelectionSettings) -> Clusters:
    """The clusters of an earlier call with the same rows, else those that are looked for and kept in `directory`."""
    texts = _kept(
        directory, "texts", _digest([measured.candidates["text"].to_pylist()], settings.near_text),
        lambda: _text_members(measured, settings),
    )
    keyframes = measured.keyframe_hashes()
    facts = [measured.videos["video_id"].to_pylist(), keyframes.hashes, keyframes.lengths, keyframes.durations_ms]
    videos = _kept(
        directory, "videos", _digest(facts, settings.near_hash_bits, settings.near_video_share),
        lambda: _video_members(measured, settings),
    )
    return Clusters(texts[0], texts[1], videos[0])


def _text_members(measured: Measured, settings: SelectionSettings) -> tuple[Indices, Indices]:
    letters = letters_of(measured.candidates["text"])
    _, first, place = np.unique(letters.whole_hashes(), return_index=True, return_inverse=True)
    return near_text_clusters(letters, likeness=settings.near_text), first[place.reshape(-1)]


def _video_members(measured: Measured, settings: SelectionSettings) -> tuple[Indices, Indices]:
    found = near_video_clusters(
        measured.keyframe_hashes(), bits=settings.near_hash_bits, share=settings.near_video_share
    )
    return found, np.arange(len(found))


def _kept(directory: Path, what: str, digest: str, work: Callable[[], tuple[Indices, Indices]]) -> tuple[Indices, Indices]:
    pa, _ = require_pyarrow()
    folder = directory / "cache" / _FOLDER
    path = folder / f"{what}-{digest}.parquet"
    with suppress(CorpusError):         # not there, or damaged: looked for again
        table = read_columns(path, Member)
        return table["cluster"].to_numpy(), table["same"].to_numpy()
    members = work()
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_columns(path, pa.table({"cluster": members[0], "same": members[1]}), Member)
    for other in folder.glob(f"{what}-*.parquet"):
        if other != path:
            other.unlink(missing_ok=True)
    return members


def _digest(columns: Sequence[list[str] | NDArray[Any]], *parameters: float) -> str:
    """16 hex digits over all values of some columns, in order."""
    digest = hashlib.sha256(repr((_VERSION, parameters)).encode())
    for column in columns:
        if isinstance(column, list):
            digest.update(np.array([len(value) for value in column], np.int64).tobytes())
            digest.update("".join(column).encode("utf-8", "surrogatepass"))
        else:
            digest.update(f"{len(column)} ".encode() + column.tobytes())
    return digest.hexdigest()[:16]
