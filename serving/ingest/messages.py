"""What the parent and its worker processes say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders import FrameGeometry
from retrieval.library import StoredClip
from retrieval.records import Generation
from serving.ingest.analysis import Analysis, FileIdentity
from serving.ingest.pictures import SlotLayout

# ---- parent to reader


@dataclass(frozen=True)
class ReadFile:
    """`cover`: the picture whose text belongs to the path, None where there is none to read."""

    job: int
    path: Path
    cover: Path | None = None


@dataclass(frozen=True)
class Proceed:
    """The answer to `Identified`: read on, or leave it because the content is known.

    clips: read the pictures of these and nothing else, None = cut the video into clips and read all that it says."""

    wanted: bool
    clips: tuple[StoredClip, ...] | None = None


@dataclass(frozen=True)
class SlotFree:
    slot: int


# ---- reader to parent


@dataclass(frozen=True)
class Ready:
    """`missing`: one sentence for each engine that was asked for and cannot run; `speech_failure` is that of a speech
    engine, without which nothing is added."""

    missing: tuple[str, ...]
    ocr_version: str | None
    speech_failure: str | None


@dataclass(frozen=True)
class Identified:
    job: int
    identity: FileIdentity


@dataclass(frozen=True)
class Progress:
    job: int
    position_ms: int
    duration_ms: int


@dataclass(frozen=True)
class ClipRead:
    """A clip without its pictures: those stand in `slot` of the reader's shared memory, or nowhere when slot is None."""

    job: int
    start_ms: int
    end_ms: int
    keyframe_ms: int
    frame_times_ms: tuple[int, ...]
    slot: int | None


@dataclass(frozen=True)
class Finished:
    job: int
    analysis: Analysis


@dataclass(frozen=True)
class PicturesRead:
    """Every clip that was asked for was announced by `ClipRead`."""

    job: int


@dataclass(frozen=True)
class Failed:
    job: int
    kind: str
    message: str


# ---- parent to encoder, and back


@dataclass(frozen=True)
class EncodeClip:
    ticket: int
    layout: SlotLayout
    slot: int
    count: int


@dataclass(frozen=True)
class EncoderReady:
    generation: Generation
    geometry: FrameGeometry


@dataclass(frozen=True)
class EncoderFailed:
    message: str


@dataclass(frozen=True)
class ClipEncoded:
    """frame_vectors: [n, D]; vector: [D]; unit length."""

    ticket: int
    frame_vectors: NDArray[np.float32]
    vector: NDArray[np.float32]


@dataclass(frozen=True)
class ClipNotEncoded:
    """The model cannot encode this clip; `reason` continues "the model"."""

    ticket: int
    reason: str


@dataclass(frozen=True)
class ForgetMemory:
    """A reader's shared memory, by name, is no longer used."""

    name: str
