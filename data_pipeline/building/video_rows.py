"""One video's rows: what the stages gave, or why they could not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from data_pipeline.building.inputs import Inputs
from data_pipeline.building.measured_tables import TABLES
from data_pipeline.building.stages import Heard, Looked
from data_pipeline.corpus.examined import Examined
from data_pipeline.corpus.measured import AudioSpanRow, MeasuredVideo, SourceRow
from data_pipeline.pairs.candidates import SPOKEN
from data_pipeline.texts.cleaning import clean_text

_REMOVED, _ON_REQUEST = "removed", "It was taken out of the corpus on request."
_LONGEST_ERROR = 500
# Another try may end otherwise: the machine was busy, the file was being written, a model was missing.
_RETRYABLE = frozenset({"changed", "crashed", "memory", "missing", "model", "permission", "stopped", "timeout", "unexpected"})


@dataclass(frozen=True, kw_only=True)
class VideoRows:
    """The rows that a video adds to the tables of its shard; a failed one has `video` alone.

    inputs: what they were made from, None where nobody has noted it.
    """

    video: MeasuredVideo
    others: dict[str, tuple[Any, ...]] = field(default_factory=dict)    # by name of the table, without `videos`
    inputs: Inputs | None = None

    def of(self, table: str) -> tuple[Any, ...]:
        return (self.video,) if table == "videos" else self.others.get(table, ())


def tables_of(videos: Sequence[VideoRows]) -> dict[str, list[Any]]:
    """The tables of a shard, in order of its videos."""
    return {name: [row for video in videos for row in video.of(name)] for name in TABLES}


def failed_video(
    source: SourceRow, *, shard: str, stage: str, kind: str, message: str, uploader_hash: str | None = None
) -> MeasuredVideo:
    """The row of a source that gave nothing."""
    sentence = " ".join(message.split())
    if len(sentence) > _LONGEST_ERROR:
        sentence = sentence[: _LONGEST_ERROR - 1] + "…"
    return MeasuredVideo(
        **_said_of(source, source.title), uploader_hash=uploader_hash, shard=shard, status="failed", path=source.uri,
        title=source.title, error_stage=stage, error_kind=kind, error=sentence, retryable=kind in _RETRYABLE,
    )


def removed_video(source_id: str, *, shard: str, attempts: int = 1) -> MeasuredVideo:
    """The row of a source that was taken out of the corpus: nothing that its owner said, and no path."""
    failed = failed_video(SourceRow(source_id=source_id, uri=""), shard=shard, stage=_REMOVED, kind=_REMOVED, message=_ON_REQUEST)
    return replace(failed, path=None, attempts=attempts)


def measured_video(
    source: SourceRow, *, shard: str, examined: Examined, looked: Looked, heard: Heard, title: str | None,
    uploader_hash: str | None, notices: Sequence[str],
) -> MeasuredVideo:
    """The row of a video that every stage has seen; `notices` tell of parts that could not be read or used."""
    info = looked.info
    return MeasuredVideo(
        **_said_of(source, title), uploader_hash=uploader_hash, shard=shard, status="measured", video_id=examined.video_id,
        path=examined.path, file_bytes=examined.file_bytes, container=info.container, video_codec=info.codec,
        audio_codec=info.audio_codec, width=info.width, height=info.height, rotation=info.rotation,
        duration_ms=looked.duration_ms, frames_per_second=info.frames_per_second, has_audio=info.has_audio,
        damage=" ".join(filter(None, (looked.damage, *notices))) or None, title=title, shots=len(looked.shots),
        keyframe_hashes=tuple(frame.hash64 for frame in looked.keyframes if frame.dropped is None), **_sound(heard),
    )


def described_anew(rows: VideoRows, source: SourceRow, *, uploader_hash: str | None, inputs: Inputs) -> VideoRows:
    """The same rows with what the owner says now; texts that were made into candidates stay as they are."""
    title = source.title if rows.video.status == "failed" else rows.video.title
    video = replace(rows.video, **_said_of(source, title), uploader_hash=uploader_hash, title=title)
    return replace(rows, video=video, inputs=inputs)


def _said_of(source: SourceRow, title: str | None) -> dict[str, Any]:
    """What the owner says; the topics are hashtags where no others are named."""
    return {
        "source_id": source.source_id, "topics": source.topics or _hashtags(source, title),
        "category": source.category, "split": source.split,
        "license_code": source.license_code, "license_url": source.license_url, "publish_date": source.publish_date,
    }  # fmt: skip


def _hashtags(source: SourceRow, title: str | None) -> tuple[str, ...]:
    captions = () if source.caption_kind in SPOKEN else source.captions
    return tuple(dict.fromkeys(tag for text in (title or "", *captions) for tag in clean_text(text).hashtags))


def _sound(heard: Heard) -> dict[str, Any]:
    """How long each label is heard; None where nobody has listened for it."""
    unknown = heard.status == "not_asked" or (heard.status == "heard" and not heard.audio_spans)
    labels = ("speech", "music", "singing", "silence")
    return {f"{label}_ms": None if unknown else _covered_ms(heard.audio_spans, label) for label in labels}


def _covered_ms(spans: Sequence[AudioSpanRow], label: str) -> int:
    """ms that spans of a label cover together; spans may overlap."""
    covered = until = 0
    for start, end in sorted((span.start_ms, span.end_ms) for span in spans if span.label == label):
        covered += max(end - max(start, until), 0)
        until = max(until, end)
    return covered
