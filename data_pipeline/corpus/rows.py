"""The rows of a corpus. Times are integer ms on the video's presentation timeline, which starts at 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

Score = Annotated[float, "float32"]


@dataclass(frozen=True, kw_only=True)
class VideoRow:
    """A video whose content could be read; `video_id` is the sha256 of its bytes, in hex.

    width and height as shown; `damage` is one sentence when only a part can be read; where it came from, its licence
    and what was said about it are None where unknown.
    """

    video_id: str
    path: str                       # absolute, of one file that holds it
    file_bytes: int
    container: str
    video_codec: str
    audio_codec: str | None
    width: int
    height: int
    rotation: int                   # degrees clockwise, already applied to width and height
    duration_ms: int
    frames_per_second: float        # average; never used to compute a time
    has_audio: bool
    split: str
    damage: str | None = None
    source_uri: str | None = None
    license_code: str | None = None
    title: str | None = None
    topics: tuple[str, ...] = ()
    category: str | None = None
    uploader_hash: str | None = None
    publish_date: str | None = None     # ISO 8601 day


@dataclass(frozen=True, kw_only=True)
class ClipRow:
    """A span of a video; `clip_id` is its key in the shards."""

    clip_id: str
    video_id: str
    start_ms: int
    end_ms: int
    split: str


@dataclass(frozen=True, kw_only=True)
class PairRow:
    """A text of a clip, with every score it was given; None is a score that nobody has computed.

    kind: caption, title, cover, asr, ocr or subtitle. detail: how much of the clip the text tells, where known.
    relevance_*: of the text to the clip's keyframes by `relevance_model`; masked_*: the same with on-screen text covered.
    dirt: what is known to be wrong with the pair (weak, lyrics, mismatched, near_duplicate, static), "" for known to be
    clean, None for unknown; `true_clip_id` is the clip that a mismatched text tells of.
    """

    pair_id: str
    clip_id: str
    text: str
    language: str
    kind: str
    detail: str | None
    split: str
    source: str                     # "manifest" "metadata" "rapidocr 3.10.0" "drawn"
    confidence: Score | None = None
    relevance_mean: Score | None = None
    relevance_max: Score | None = None
    relevance_top3: Score | None = None
    masked_mean: Score | None = None
    masked_max: Score | None = None
    masked_top3: Score | None = None
    relevance_model: str | None = None
    dirt: str | None = None
    true_clip_id: str | None = None
