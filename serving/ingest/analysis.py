"""What one file gives: its identity, its clips, its text. Runs inside a worker process, in one decode pass."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_pipeline.evidence.covers import cover_evidence, cover_state, embedded_cover_evidence
from data_pipeline.evidence.ocr import OcrEngine
from data_pipeline.evidence.on_screen import OnScreenText
from data_pipeline.evidence.subtitles import subtitle_evidence
from data_pipeline.evidence.titles import content_titles
from retrieval.encoders import FrameGeometry
from retrieval.errors import VideoError, WenshiError
from retrieval.library import StoredClip
from retrieval.records import Evidence, Video
from retrieval.video import ClipCutter, CutClip, VideoInfo, open_reader, shown_at
from serving.ingest.speech import SpeechReader

SUBTITLE_VERSION = "1"
_HASH_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class FileIdentity:
    """The content's sha256 and the file's state when it was read."""

    video_id: str
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """Everything but the clips, which are handed over while reading.

    cover: what the cover beside the file says, None where none was read; notices: a sentence for what could not be.
    """

    video: Video
    evidence: tuple[Evidence, ...]
    examined: dict[str, str]
    cover: tuple[Evidence, ...] | None = None
    notices: tuple[str, ...] = ()


def identify(path: Path, *, progress: Callable[[], None]) -> FileIdentity:
    """Hash a file. Raises VideoError (missing, permission, not_a_file)."""
    try:
        if not path.is_file():
            raise VideoError(
                "missing" if not path.exists() else "not_a_file", f"{path} is not a file that can be read."
            )
        before = path.stat()
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_HASH_BLOCK):
                digest.update(block)
                progress()
    except PermissionError:
        raise VideoError("permission", f"{path} cannot be read: permission denied.") from None
    except OSError as error:
        raise VideoError("corrupt", f"{path} cannot be read from its disk: {error.strerror}.") from None
    return FileIdentity(video_id=digest.hexdigest(), size_bytes=before.st_size, modified_ns=before.st_mtime_ns)


def analyse(
    path: Path,
    identity: FileIdentity,
    *,
    cover: Path | None = None,
    geometry: FrameGeometry | None,
    ocr: OcrEngine | None,
    speech: SpeechReader | None,
    threads: int,
    decoder: str,
    emit: Callable[[CutClip], None],
    progress: Callable[[int, int], None],
) -> Analysis:
    """Read a video's pictures once, then its sound where that is asked for, and its cover where text is read.

    Every closed clip goes to `emit`, the position in ms (and the duration) to `progress`.
    Raises VideoError. A video of which only a part decodes is given with `video.damage` set.
    """
    cutter = ClipCutter(
        height=geometry.height if geometry else None,
        width=geometry.width if geometry else None,
        fit=geometry.fit if geometry else "stretch",
    )
    on_screen = OnScreenText(ocr) if ocr else None
    with open_reader(path, decoder=decoder, threads=threads) as reader:
        info = reader.info
        for frame in reader.frames():
            if on_screen is not None:
                on_screen.feed(frame)
            for clip in cutter.feed(frame):
                emit(clip)
            progress(frame.time_ms, info.duration_ms)
        duration_ms = max(reader.read_until_ms, 1)
        for clip in cutter.finish(duration_ms):
            emit(clip)
        damage = reader.damage
    subtitles, lost_subtitles = _subtitles(path, info, duration_ms, lambda: progress(duration_ms, duration_ms))
    heard = None
    if speech is not None:
        heard = speech.read(path, video_id=identity.video_id, duration_ms=duration_ms, progress=progress)
    _refuse_changed(path, identity)
    evidence = [*content_titles(info, duration_ms=duration_ms), *subtitles]
    examined = {"subtitle": SUBTITLE_VERSION}
    if on_screen is not None and ocr is not None:
        evidence += on_screen.finish(duration_ms)
        examined["ocr"] = f"{ocr.name} {ocr.version}"
    cover_texts, notices = None, list[str | None]()
    if ocr is not None:
        embedded, notice = embedded_cover_evidence(path, ocr, duration_ms=duration_ms)
        evidence += embedded
        notices.append(notice)
    if cover is not None and ocr is not None:
        examined["cover"] = cover_state(cover)
        cover_texts, notice = cover_evidence(cover, ocr, duration_ms=duration_ms)
        notices.append(notice)
    if heard is not None and speech is not None:
        evidence += heard.evidence
        if heard.settled:
            examined["asr"] = speech.version
    video = Video(
        id=identity.video_id,
        size_bytes=identity.size_bytes,
        duration_ms=duration_ms,
        width=info.width,
        height=info.height,
        frames_per_second=info.frames_per_second,
        container=info.container,
        codec=info.codec,
        has_audio=info.has_audio,
        damage=", ".join(filter(None, (damage, lost_subtitles, heard.lost if heard else None))) or None,
    )
    return Analysis(
        video=video,
        evidence=tuple(evidence),
        examined=examined,
        cover=None if cover_texts is None else tuple(cover_texts),
        notices=tuple(filter(None, notices)),
    )


def read_clips(
    path: Path,
    identity: FileIdentity,
    clips: Sequence[StoredClip],
    *,
    geometry: FrameGeometry,
    threads: int,
    decoder: str,
    emit: Callable[[StoredClip, NDArray[np.uint8]], None],
    progress: Callable[[int, int], None],
) -> None:
    """Read the pictures of clips that a video was cut into before, at the times of their frames.

    Every clip goes to `emit` with its pictures, uint8 [n, H, W, 3], once its last frame was read; each has some times.
    Raises VideoError, also when fewer clips than these can be read.
    """
    waiting = deque(sorted(clips, key=lambda clip: clip.frame_times_ms[-1]))
    times = sorted({time for clip in clips for time in clip.frame_times_ms})
    pictures: dict[int, NDArray[np.uint8]] = {}
    with open_reader(path, decoder=decoder, threads=threads) as reader:
        duration_ms = reader.info.duration_ms
        for time, frame in shown_at(reader, times, passed=lambda position: progress(position, duration_ms)):
            pictures[time] = frame.rgb(height=geometry.height, width=geometry.width, fit=geometry.fit)
            while waiting and waiting[0].frame_times_ms[-1] <= time:
                clip = waiting.popleft()
                emit(clip, np.stack([pictures[time] for time in clip.frame_times_ms]))
                needed = min((clip.frame_times_ms[0] for clip in waiting), default=0)
                pictures = {time: picture for time, picture in pictures.items() if time >= needed}
    if waiting:
        raise VideoError("corrupt", f"{path} does not give the pictures of {len(waiting)} of its clips any more.")
    _refuse_changed(path, identity)


def _subtitles(
    path: Path, info: VideoInfo, duration_ms: int, progress: Callable[[], None]
) -> tuple[list[Evidence], str | None]:
    """The lines of the embedded text tracks; a track that cannot be read damages the video and no more."""
    try:
        return subtitle_evidence(path, info, duration_ms=duration_ms, progress=progress), None
    except WenshiError as error:
        return [], f"its subtitles could not be read ({error})"


def _refuse_changed(path: Path, identity: FileIdentity) -> None:
    if file_state(path) != (identity.size_bytes, identity.modified_ns):
        raise VideoError("changed", f"{path} changed while it was being read; add it again when it is complete.")


def file_state(path: Path) -> tuple[int, int] | None:
    """(size in bytes, time of change in ns) of a file; None when it cannot be looked at."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns
