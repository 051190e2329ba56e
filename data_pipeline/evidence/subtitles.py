"""Subtitles as evidence: the text streams of a video file, and the files that lie beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from data_pipeline.evidence.cues import Cue, merge_cues
from retrieval.errors import WenshiError
from retrieval.records import Evidence
from retrieval.video import SidecarFolders, read_sidecar, read_subtitle_streams, sidecar_language


class SubtitleTrack(Protocol):
    """The part of retrieval.video's SubtitleStream that is read here."""

    @property
    def index(self) -> int: ...

    @property
    def language(self) -> str | None: ...

    @property
    def is_text(self) -> bool: ...


class SubtitledVideo(Protocol):
    """The part of retrieval.video's VideoInfo that is read here."""

    @property
    def subtitle_streams(self) -> Sequence[SubtitleTrack]: ...


def subtitle_evidence(
    path: Path | str, info: SubtitledVideo, *, duration_ms: int, progress: Callable[[], None] | None = None
) -> list[Evidence]:
    """The text of every text stream, repetitions merged; drawn subtitles (PGS, DVB) are left to on-screen reading.

    The file is read once for all streams; `progress` is called now and then while that lasts. Raises what reading a
    stream raises (VideoError).
    """
    streams = [stream for stream in info.subtitle_streams if stream.is_text]
    if not streams:
        return []
    lines = read_subtitle_streams(path, [stream.index for stream in streams], progress=progress)
    return [
        piece
        for stream in streams
        for piece in _as_evidence(
            lines[stream.index], source=f"stream:{stream.index}", language=stream.language, duration_ms=duration_ms
        )
    ]


def sidecar_evidence(
    path: Path | str, *, duration_ms: int, folders: SidecarFolders | None = None
) -> tuple[list[Evidence], list[str]]:
    """The text of every subtitle file beside the video, and one sentence for each that could not be read.

    folders: give the same one for all videos of a run, and each folder is listed once.
    """
    found: list[Evidence] = []
    notices: list[str] = []
    for sidecar in (folders or SidecarFolders()).find(path):
        try:
            cues = read_sidecar(sidecar)
        except WenshiError as error:
            notices.append(str(error))
        except OSError as error:
            notices.append(f"The subtitle file {sidecar} cannot be read ({error.strerror or error}); check its rights.")
        else:
            language = sidecar_language(sidecar, video=path)
            found += _as_evidence(
                cues, source=f"sidecar:{sidecar.name}", language=language, duration_ms=duration_ms
            )
    return found, notices


def _as_evidence(
    cues: Iterable[Cue], *, source: str, language: str | None, duration_ms: int
) -> list[Evidence]:
    return [
        Evidence(
            kind="subtitle", text=piece.text, start_ms=piece.start_ms, end_ms=piece.end_ms, source=source,
            language=language,
        )
        for piece in merge_cues(cues, duration_ms=duration_ms)
    ]
