"""What the library hands out: plain frozen rows, times in milliseconds on the presentation timeline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from retrieval.records import Evidence, EvidenceKind, Generation, Location, Video


@dataclass(frozen=True, kw_only=True)
class StoredLocation(Location):
    """A path the library knows. `evidence_fingerprint` changes when the evidence of this path does."""

    video_id: str
    evidence_fingerprint: str


@dataclass(frozen=True, kw_only=True)
class StoredVideo:
    """A video with every path that holds it and the channels that were looked at, each with what looked."""

    video: Video
    locations: tuple[Location, ...]
    examined: dict[str, str]
    added_at: str                   # ISO 8601, UTC


@dataclass(frozen=True, kw_only=True)
class StoredEvidence(Evidence):
    """Evidence with its row number; `path` is None when it belongs to the content and not to one path."""

    id: int
    path: str | None


@dataclass(frozen=True, kw_only=True)
class StoredClip:
    """A clip as it is kept, without its vectors."""

    id: int
    start_ms: int
    end_ms: int
    keyframe_ms: int
    frame_times_ms: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A path that could not be added, as it was when that was tried."""

    path: str
    kind: str
    message: str
    size_bytes: int
    modified_ns: int
    failed_at: str                  # ISO 8601, UTC


@dataclass(frozen=True, kw_only=True)
class Removed:
    """What `remove` dropped: paths, and the videos that had no other path left."""

    paths: tuple[str, ...]
    video_ids: tuple[str, ...]


class WordHit(NamedTuple):
    """One row of evidence that answers a query; a larger `score` is better: BM25 of shared tokens, or a cosine."""

    evidence_id: int
    video_id: str
    kind: EvidenceKind
    text: str
    start_ms: int
    end_ms: int
    source: str
    confidence: float | None
    score: float


class ClipHit(NamedTuple):
    """One clip near a query vector; `score` is the cosine."""

    clip_id: int
    video_id: str
    start_ms: int
    end_ms: int
    keyframe_ms: int
    score: float


class VectorRow(NamedTuple):
    """What a vector is of: a clip, without kind and text, or a text of the evidence, without keyframe."""

    video_id: str
    start_ms: int
    end_ms: int
    keyframe_ms: int | None
    kind: EvidenceKind | None
    text: str | None


@dataclass(frozen=True, kw_only=True)
class GenerationStatus:
    """A generation, and the share (0 to 1) of all clips that have a vector in it."""

    generation: Generation
    active: bool
    clips: int
    share: float


@dataclass(frozen=True, kw_only=True)
class TextGenerationStatus:
    """A generation of a sentence model, and the share (0 to 1) of all texts it could read that have a vector in it."""

    generation: Generation
    active: bool
    texts: int
    share: float


@dataclass(frozen=True, kw_only=True)
class IndexStatus:
    """The file that answers for a generation: its rows of `of_rows`, and what its calibration found.

    `kind`: what the vectors are of, "clip" or "text".
    `recall`: the least share (0 to 1) of the ten and the hundred nearest that was found over both kinds of held-out
    queries at the setting that a search uses, by "@10" and "@100"; empty where every row is compared. `reached`: whether
    that is what a search asks for.
    """

    kind: str
    encoder: str
    revision: str
    rows: int
    of_rows: int
    bytes: int
    recall: dict[str, float]
    reached: bool


@dataclass(frozen=True, kw_only=True)
class LibraryStatus:
    """What a library holds. `damaged` says, per video id, what could not be read of it.

    `reclaimable_bytes` of the files of frame vectors belong to clips that were replaced or removed. `stale_words`: the
    word index was made by another version of Wenshi; the next writer makes it again.
    """

    directory: Path
    revision: int
    videos: int
    locations: int
    clips: int
    evidence: dict[EvidenceKind, int]
    generations: tuple[GenerationStatus, ...]
    text_generations: tuple[TextGenerationStatus, ...]
    indexes: tuple[IndexStatus, ...]
    failures: int
    damaged: dict[str, str]
    bytes_on_disk: int
    reclaimable_bytes: int
    stale_words: bool

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        from dataclasses import asdict

        return {**asdict(self), "directory": str(self.directory)}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something wrong in a library: what, where, and how to mend it, each a short sentence."""

    what: str
    where: str
    how_to_mend: str
