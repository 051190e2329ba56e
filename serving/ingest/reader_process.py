"""The process that opens other people's files: whatever they do to it, the parent goes on."""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

from data_pipeline.evidence.ocr import OcrEngine, RapidOcr
from data_pipeline.isolation.child import live_and_die_with_parent
from retrieval.encoders import FrameGeometry
from retrieval.errors import VideoError, WenshiError
from retrieval.library import StoredClip
from retrieval.video import CutClip
from serving.ingest.analysis import Analysis, FileIdentity, analyse, identify, read_clips
from serving.ingest.messages import (
    ClipRead,
    Failed,
    Finished,
    Identified,
    PicturesRead,
    Proceed,
    Progress,
    ReadFile,
    Ready,
    SlotFree,
)
from serving.ingest.pictures import SlotLayout, SlotWriter
from serving.ingest.speech import SpeechReader, SpeechSettings

_PROGRESS_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True)
class ReaderSettings:
    """`geometry` and `layout` are None while no model wants pictures."""

    geometry: FrameGeometry | None
    layout: SlotLayout | None
    on_screen_text: bool
    speech: SpeechSettings | None
    threads: int
    decoder: str


def run_reader(connection: Connection, settings: ReaderSettings) -> None:
    """Serve `ReadFile` messages until the parent hangs up."""
    live_and_die_with_parent()
    with contextlib.suppress(ParentGone):
        Reader(connection, settings).serve()


class ParentGone(Exception):
    """The other end of the pipe is closed. Its own type: files raise OSError and EOFError, too."""


class Reader:
    def __init__(self, connection: Connection, settings: ReaderSettings) -> None:
        self._connection = connection
        self._settings = settings
        self._said = 0.0
        self._slots = SlotWriter(settings.layout, self._wait_for_slot) if settings.layout else None
        self._ocr, missing = _load_ocr(settings)
        version = f"{self._ocr.name} {self._ocr.version}" if self._ocr else None
        self._speech, failure = _load_speech(settings)
        self._say(Ready(missing, version, failure))

    def serve(self) -> None:
        while True:
            message = self._receive()
            assert isinstance(message, ReadFile)
            self._read(message)

    def _read(self, file: ReadFile) -> None:
        job, path = file.job, file.path
        try:
            identity = identify(path, progress=lambda: self._progress(job, 0, 0))
            self._say(Identified(job, identity))
            answer = self._receive()
            assert isinstance(answer, Proceed)
            if answer.wanted and answer.clips is not None:
                self._read_again(file, identity, answer.clips)
                self._say(PicturesRead(job))
            elif answer.wanted:
                self._say(Finished(job, self._analyse(file, identity)))
        except VideoError as error:
            self._say(Failed(job, error.kind, str(error)))
        except MemoryError:
            self._say(Failed(job, "memory", f"{path} needs more memory than there is."))
        except ParentGone:
            raise
        except Exception as error:
            if os.environ.get("WENSHI_DEBUG"):
                traceback.print_exc()
            self._say(Failed(job, "crashed", f"{path} could not be read: {type(error).__name__}: {error}."))

    def _analyse(self, file: ReadFile, identity: FileIdentity) -> Analysis:
        return analyse(
            file.path,
            identity,
            cover=file.cover,
            geometry=self._settings.geometry,
            ocr=self._ocr,
            speech=self._speech,
            threads=self._settings.threads,
            decoder=self._settings.decoder,
            emit=lambda clip: self._emit(file.job, clip, clip.pictures),
            progress=lambda position, duration: self._progress(file.job, position, duration),
        )

    def _read_again(self, file: ReadFile, identity: FileIdentity, clips: Sequence[StoredClip]) -> None:
        assert self._settings.geometry is not None
        read_clips(
            file.path,
            identity,
            clips,
            geometry=self._settings.geometry,
            threads=self._settings.threads,
            decoder=self._settings.decoder,
            emit=lambda clip, pictures: self._emit(file.job, clip, pictures),
            progress=lambda position, duration: self._progress(file.job, position, duration),
        )

    def _emit(self, job: int, clip: CutClip | StoredClip, pictures: NDArray[np.uint8] | None) -> None:
        slot = None
        if self._slots is not None and pictures is not None:
            slot = self._slots.write(pictures)
        self._say(ClipRead(job, clip.start_ms, clip.end_ms, clip.keyframe_ms, tuple(clip.frame_times_ms), slot))

    def _progress(self, job: int, position_ms: int, duration_ms: int) -> None:
        now = time.monotonic()
        if now - self._said >= _PROGRESS_SECONDS:
            self._said = now
            self._say(Progress(job, position_ms, duration_ms))

    def _receive(self) -> ReadFile | Proceed:
        while isinstance(message := self._hear(), SlotFree):
            assert self._slots is not None
            self._slots.release(message.slot)
        assert isinstance(message, (ReadFile, Proceed))
        return message

    def _say(self, message: object) -> None:
        try:
            self._connection.send(message)
        except OSError as error:
            raise ParentGone from error

    def _hear(self) -> object:
        try:
            return self._connection.recv()
        except (EOFError, OSError) as error:
            raise ParentGone from error

    def _wait_for_slot(self) -> int:
        message = self._hear()
        assert isinstance(message, SlotFree)
        return message.slot


def _load_ocr(settings: ReaderSettings) -> tuple[OcrEngine | None, tuple[str, ...]]:
    if not settings.on_screen_text:
        return None, ()
    try:
        return RapidOcr(threads=settings.threads), ()
    except WenshiError as error:
        return None, (str(error),)


def _load_speech(settings: ReaderSettings) -> tuple[SpeechReader | None, str | None]:
    if settings.speech is None:
        return None, None
    try:
        return SpeechReader(settings.speech, threads=settings.threads), None
    except WenshiError as error:
        return None, str(error)
