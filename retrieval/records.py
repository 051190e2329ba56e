"""The few types that travel between the parts. Times are integer milliseconds on the presentation timeline, start = 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

EvidenceKind = Literal["title", "tag", "subtitle", "asr", "ocr"]
EVIDENCE_KINDS: tuple[EvidenceKind, ...] = ("title", "tag", "subtitle", "asr", "ocr")
# What a sentence model reads: titles, speech and on-screen text. A tag is a name, found by its letters.
MEANINGFUL_KINDS: tuple[EvidenceKind, ...] = ("title", "subtitle", "asr", "ocr")


@dataclass(frozen=True, kw_only=True)
class Video:
    """A video is its content: `id` is the sha256 of its bytes, in hex."""

    id: str
    size_bytes: int
    duration_ms: int
    width: int                      # of the picture as shown: after rotation and sample aspect ratio
    height: int
    frames_per_second: float        # average; never used to compute a time
    container: str
    codec: str
    has_audio: bool
    damage: str | None = None       # one sentence when only a part could be read, else None


@dataclass(frozen=True, kw_only=True)
class Location:
    """A path that holds a video. `details` are the manifest's other columns, kept as they came."""

    path: str                       # absolute
    size_bytes: int
    modified_ns: int
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Text that belongs to a span of a video."""

    kind: EvidenceKind
    text: str
    start_ms: int
    end_ms: int
    source: str                     # "manifest" "metadata" "file_name" "stream:2" "sidecar:a.srt" "rapidocr 3.10.0"
    confidence: float | None = None
    language: str | None = None


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A span that is embedded and can be a search result; vectors are absent while no model has seen it."""

    start_ms: int
    end_ms: int
    keyframe_ms: int                # the frame that stands for it
    frame_times_ms: tuple[int, ...]
    vector: NDArray[np.float32] | None = None           # [D] unit length
    frame_vectors: NDArray[np.float32] | None = None    # [len(frame_times_ms), D] unit length


@dataclass(frozen=True, kw_only=True)
class Generation:
    """What made a vector: vectors of two generations are never compared."""

    encoder: str                    # directory name or hub name
    revision: str                   # hub commit or content fingerprint
    preprocessing: str              # hash of geometry, resampling and normalisation
    dimension: int

    def same_vectors(self, other: Generation) -> bool:
        """Whether both make the same vectors; `encoder` is only a name, and a folder can be renamed."""
        mine = (self.revision, self.preprocessing, self.dimension)
        return mine == (other.revision, other.preprocessing, other.dimension)


@dataclass(frozen=True, kw_only=True)
class Meanings:
    """What one sentence model makes of texts: each text of some evidence -> [D] unit length."""

    generation: Generation
    vectors: Mapping[str, NDArray[np.float32]]
