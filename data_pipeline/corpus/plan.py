"""From rows about files to clips: one id for one content, the rows of one span together, no video in two splits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from data_pipeline.corpus.examined import Examined
from data_pipeline.corpus.rows import ClipRow, PairRow, VideoRow
from data_pipeline.corpus.samples import SampleText
from data_pipeline.corpus.shard_list import RowFailure


@dataclass(frozen=True, kw_only=True)
class VideoSource:
    """A row that is to become a clip: a file, the texts of a span of it (the whole of it by default), and its split.

    source: where the texts come from; the other fields are what is known about the video.
    """

    path: str
    texts: tuple[SampleText, ...]
    split: str
    start_ms: int | None = None
    end_ms: int | None = None
    source: str = "manifest"
    source_uri: str | None = None
    license_code: str | None = None
    title: str | None = None
    topics: tuple[str, ...] = ()
    category: str | None = None
    uploader_hash: str | None = None
    publish_date: str | None = None


@dataclass(frozen=True, kw_only=True)
class PlannedClip:
    """A clip with the paths of the rows that ask for it and their texts, each with its source."""

    row: ClipRow
    path: str
    paths: list[str] = field(default_factory=list)
    texts: list[tuple[SampleText, str]] = field(default_factory=list)

    def pairs(self) -> list[PairRow]:
        """A row for each text."""
        return [
            PairRow(
                pair_id=f"{self.row.clip_id}_{number:03d}", clip_id=self.row.clip_id, split=self.row.split,
                source=source, **text,
            )
            for number, (text, source) in enumerate(self.texts)
        ]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Videos by id and clips in the order of the rows; `dropped_texts` were blank, or the same as another of the clip."""

    videos: dict[str, VideoRow]
    clips: list[PlannedClip]
    failures: list[RowFailure]
    dropped_texts: int


def plan_clips(rows: Iterable[VideoSource], examined: dict[str, Examined | RowFailure]) -> Plan:
    """Give each row its clip. A clip's id is the start of its video's id and its number among the video's clips.

    A row fails with its file's reason, or because of its span (span), for want of text (no_text), because its video
    is in another split already (split), or because its path is not UTF-8 (name).
    """
    planner = _Planner()
    for row in rows:
        planner.add(row, examined[row.path])
    return Plan(
        videos=planner.videos, clips=list(planner.clips.values()), failures=planner.failures,
        dropped_texts=planner.dropped_texts,
    )


class _Planner:
    def __init__(self) -> None:
        self.videos: dict[str, VideoRow] = {}
        self.clips: dict[tuple[str, int, int], PlannedClip] = {}
        self.failures: list[RowFailure] = []
        self.dropped_texts = 0
        self._clips_of: dict[str, int] = {}

    def add(self, row: VideoSource, file: Examined | RowFailure) -> None:
        if isinstance(file, RowFailure):
            self.failures.append(file)
            return
        texts = _usable(row.texts)
        start_ms = file.start_ms if row.start_ms is None else row.start_ms
        end_ms = file.end_ms if row.end_ms is None else min(row.end_ms, file.end_ms)
        failure = self._failure(row, file, start_ms=start_ms, end_ms=end_ms, texts=texts)
        if failure is not None:
            self.failures.append(failure)
            return
        self.dropped_texts += len(row.texts) - len(texts)
        self.videos.setdefault(file.video_id, _video_row(row, file))
        self._add_texts(self._clip(row, file, start_ms=start_ms, end_ms=end_ms), row, texts)

    def _failure(
        self, row: VideoSource, file: Examined, *, start_ms: int, end_ms: int, texts: list[SampleText]
    ) -> RowFailure | None:
        video = self.videos.get(file.video_id)
        if not _can_be_stored(row.path):
            kind, message = "name", f"The name of {row.path!r} is not UTF-8: rename the file."
        elif not texts:
            kind, message = "no_text", f"{row.path} comes without a text: give it a caption or a title."
        elif not 0 <= start_ms < end_ms:
            kind, message = "span", (
                f"The span {row.start_ms} to {row.end_ms} ms is not within {row.path}, which has pictures from "
                f"{file.start_ms} to {file.end_ms} ms."
            )
        elif video is not None and video.split != row.split:
            kind, message = "split", (
                f"{row.path} is asked for in the split {row.split}, but its content is in {video.split} already "
                f"({video.path}): a video belongs to one split."
            )
        else:
            return None
        return RowFailure(id=row.path, kind=kind, message=message)

    def _clip(self, row: VideoSource, file: Examined, *, start_ms: int, end_ms: int) -> PlannedClip:
        span = file.video_id, start_ms, end_ms
        if span not in self.clips:
            number = self._clips_of.get(file.video_id, 0)
            self._clips_of[file.video_id] = number + 1
            clip = ClipRow(
                clip_id=f"{file.video_id[:16]}_{number:04d}", video_id=file.video_id, start_ms=start_ms, end_ms=end_ms,
                split=row.split,
            )
            self.clips[span] = PlannedClip(row=clip, path=row.path)
        self.clips[span].paths.append(row.path)
        return self.clips[span]

    def _add_texts(self, clip: PlannedClip, row: VideoSource, texts: list[SampleText]) -> None:
        for text in texts:
            if any(text == other for other, _ in clip.texts):
                self.dropped_texts += 1
            else:
                clip.texts.append((text, row.source))


def _can_be_stored(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _usable(texts: Iterable[SampleText]) -> list[SampleText]:
    """Texts with something in them, without the halves of characters that broken tools leave."""
    clean = (SampleText(**{**text, "text": text["text"].encode("utf-8", "ignore").decode().strip()}) for text in texts)
    return [text for text in clean if text["text"]]


def _video_row(row: VideoSource, file: Examined) -> VideoRow:
    return VideoRow(
        video_id=file.video_id, path=row.path, file_bytes=file.file_bytes, container=file.container,
        video_codec=file.video_codec, audio_codec=file.audio_codec, width=file.width, height=file.height,
        rotation=file.rotation, duration_ms=file.duration_ms, frames_per_second=file.frames_per_second,
        has_audio=file.has_audio, split=row.split, damage=file.damage, source_uri=row.source_uri,
        license_code=row.license_code, title=row.title or file.title, topics=row.topics, category=row.category,
        uploader_hash=row.uploader_hash, publish_date=row.publish_date,
    )
