"""What a stage is: a function on one video, and everything that its result depends on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Protocol

from data_pipeline.corpus.measured import (
    AudioSpanRow,
    KeyframeRow,
    ScreenTextRow,
    ShotRow,
    SourceRow,
    SpeechRow,
)
from retrieval.records import Evidence
from retrieval.video import VideoInfo

StageProgress = Callable[[int, int], None]      # position and duration in ms; called often, it is what shows a stage alive
_DIGITS = 16


class Looked(Protocol):
    """What the decode pass gives; `pictures` are JPEGs of the kept keyframes, in order."""

    @property
    def info(self) -> VideoInfo: ...
    @property
    def duration_ms(self) -> int: ...
    @property
    def damage(self) -> str | None: ...
    @property
    def shots(self) -> tuple[ShotRow, ...]: ...
    @property
    def keyframes(self) -> tuple[KeyframeRow, ...]: ...
    @property
    def pictures(self) -> tuple[bytes, ...]: ...
    @property
    def screen_texts(self) -> tuple[ScreenTextRow, ...]: ...


class Heard(Protocol):
    """What was heard; status: heard, no_audio or not_asked."""

    @property
    def status(self) -> str: ...
    @property
    def audio_spans(self) -> tuple[AudioSpanRow, ...]: ...
    @property
    def segments(self) -> tuple[SpeechRow, ...]: ...


@dataclass(frozen=True)
class FoundLines:
    """Lines of text beside or inside a video, and one sentence for each track or file that could not be read."""

    lines: tuple[Evidence, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Stage:
    """parameters: 16 hex digits of the settings; result: the type that `run` gives; binary: its field that holds bytes."""

    name: str
    version: str
    run: Callable[..., Any]
    result: Any
    parameters: str = ""
    model_digest: str = ""
    binary: str = ""

    @property
    def identity(self) -> tuple[str, str, str, str]:
        return self.name, self.version, self.parameters, self.model_digest

    def key(self, content: str, inputs: str = "") -> str:
        """Under which a result is kept: nothing but the content, the stage and its other inputs can change it."""
        return digest_of([content, *self.identity, inputs])


@dataclass(frozen=True, kw_only=True)
class Stages:
    """Everything that a worker does with a video.

    examine(path) -> Examined | RowFailure;  look(path, video_id, progress) -> Looked;
    listen(path, video_id, progress) -> Heard;  subtitles(path, info, duration_ms, progress) -> FoundLines;
    cover(path, picture, duration_ms) -> FoundLines, None where nobody reads text; the picture beside the video goes before
    that inside it;
    pair(source, video_id, shard, duration_ms, title, cover, speech, subtitles, screen_texts) -> tuple[CandidateRow, ...];
    score(candidates, keyframes, pictures, screen_texts, shots) -> tuple[CandidateRow, ...], None where no model is given.
    sidecars(path, duration_ms): lines of files beside the video; they may change, so nobody keeps them.
    find_cover(path): the cover picture beside a video, None = there is none.
    title(source, info): what the video is called; uploader_hash(name): what a corpus says instead of a name.
    judge(heard): its segments with what is wrong with them, by rules alone; nobody keeps that, the key of `pair` tells it.
    cpu_seconds: CPU time so far of whoever runs the stages.
    """

    examine: Stage
    look: Stage
    listen: Stage
    subtitles: Stage
    cover: Stage | None
    pair: Stage
    score: Stage | None
    sidecars: Callable[[str, int], FoundLines]
    find_cover: Callable[[str], Path | None]
    title: Callable[[SourceRow, VideoInfo], str | None]
    uploader_hash: Callable[[str], str]
    judge: Callable[[Any], tuple[SpeechRow, ...]] = lambda heard: heard.segments
    cpu_seconds: Callable[[], float] = time.process_time

    @property
    def all(self) -> tuple[Stage, ...]:
        every = (self.examine, self.look, self.listen, self.subtitles, self.cover, self.pair, self.score)
        return tuple(stage for stage in every if stage is not None)

    @property
    def key(self) -> str:
        """Of the stages alone: rows with another key were measured otherwise."""
        return digest_of([stage.identity for stage in self.all])


def digest_of(values: Any) -> str:
    """The hash of plain values and rows, 64 hex digits."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=_plain).encode()).hexdigest()


def parameters_of(values: Any) -> str:
    """The settings of a stage as 16 hex digits."""
    return digest_of(values)[:_DIGITS]


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in fields(value)]
    raise TypeError(f"{type(value).__name__} has no plain form")
