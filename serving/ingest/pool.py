"""The readers and the model behind one event loop: what hangs, crashes or grows is replaced, and its file is told of."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.evidence.ocr import ocr_is_installed
from data_pipeline.isolation.processes import Child, Ended, end_overdue_and_oversized, wait_for_children
from retrieval.encoders import FrameGeometry, fetch_model
from retrieval.errors import ModelError, WenshiError
from retrieval.library import StoredClip
from retrieval.records import Generation
from serving.ingest.encoder_queue import Answer, EncoderQueue
from serving.ingest.messages import (
    ClipEncoded,
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
from serving.ingest.pictures import PictureSlots, SlotLayout
from serving.ingest.reader_process import ReaderSettings, run_reader
from serving.ingest.speech import SpeechSettings
from serving.models import visual_channel_off

_SLOTS = 8  # clips of one reader that may wait for the model
_START_SECONDS = 180.0  # for a reader to import its libraries
_OF_A_JOB = (Identified, Progress, ClipRead, Finished, PicturesRead, Failed)


@dataclass(frozen=True, kw_only=True)
class PoolSettings:
    """`model` with its `generation`, or neither for text only; a model that is not `needed` and cannot be loaded is done
    without. stall_seconds: how long a file may give no sign of progress; total_seconds: the most that one may take."""

    readers: int = 1
    threads: int = 1
    model: str | None = None
    generation: Generation | None = None
    model_needed: bool = True
    device: str = "auto"
    on_screen_text: bool = True
    speech: SpeechSettings | None = None
    decoder: str = "pyav"
    stall_seconds: float = 60.0
    total_seconds: float = 6 * 3600.0
    memory_bytes: int = 4 << 30


@dataclass(frozen=True)
class ClipVectors:
    """The vectors of the clip at `position` of a job, or the reason why it has none (continues "the model")."""

    job: int
    position: int
    encoded: ClipEncoded | None
    reason: str = ""


@dataclass(eq=False)
class _Reader:
    child: Child
    slots: PictureSlots | None
    job: int | None = None
    path: str = ""
    started: float = 0.0
    at_model: int = 0  # its clips that wait for the model
    ready: bool = False
    lost: bool = False


@dataclass(frozen=True)
class _ClipOwner:
    job: int
    position: int
    reader: _Reader


class ReaderPool:
    """Context manager. Its processes start with the first file to read: a run that finds nothing to do starts none."""

    def __init__(self, settings: PoolSettings) -> None:
        self.settings = settings
        self.notices: list[str] = []
        self.generation = settings.generation
        self.reads_on_screen_text = settings.on_screen_text and ocr_is_installed()
        self._encoder: EncoderQueue[_ClipOwner] | None = None
        self._readers: list[_Reader] = []
        self._retired: set[_Reader] = set()
        self._checked = 0.0

    def __enter__(self) -> ReaderPool:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        for reader in self._readers:
            reader.child.end(Ended("crashed", "was ended"))
        if self._encoder is not None:
            self._encoder.close()
        for reader in [*self._readers, *self._retired]:
            if reader.slots is not None:
                reader.slots.close()
        self._readers, self._retired, self._encoder = [], set(), None

    # ---- what the caller asks for

    @property
    def started(self) -> bool:
        return bool(self._readers)

    @property
    def has_idle_reader(self) -> bool:
        return not self.started or any(reader.job is None for reader in self._readers)

    def start(self) -> None:
        """Start the model and the readers. Raises ModelError when a model or a speech engine that is needed cannot be loaded."""
        if self.started:
            return
        try:
            self._start_encoder()
        except ModelError as error:
            if self.settings.model_needed:
                raise
            self.generation = None
            self.notices.append(visual_channel_off(error))
        for _ in range(self.settings.readers):
            self._readers.append(self._start_reader())
        self._wait_until_ready(self._readers[0])

    def read(self, job: int, path: Path, *, cover: Path | None = None) -> None:
        """Have an idle reader read a file, and its cover; what comes of it is told by `receive`. Starts the pool if need be."""
        self.start()
        reader = next(reader for reader in self._readers if reader.job is None)
        reader.job, reader.path, reader.started = job, str(path), time.monotonic()
        reader.child.send(ReadFile(job, path, cover))
        self._extend(reader)

    def proceed(self, job: int, *, wanted: bool, clips: Sequence[StoredClip] | None = None) -> None:
        """Answer `Identified`; clips: of these alone the pictures are read, and `PicturesRead` ends it."""
        reader = self._reader_of(job)
        if reader is None:
            return
        reader.child.send(Proceed(wanted, None if clips is None else tuple(clips)))
        if not wanted:
            self._release(reader)

    def encode(self, job: int, position: int, clip: ClipRead) -> None:
        """Have the clip that `clip` announces encoded; `ClipVectors` come from `receive`."""
        reader = self._reader_of(job)
        assert reader is not None
        assert reader.slots is not None
        assert clip.slot is not None
        assert self._encoder is not None
        reader.at_model += 1
        owner = _ClipOwner(job, position, reader)
        self._encoder.add(owner, reader.slots.layout, clip.slot, len(clip.frame_times_ms))

    def receive(self, seconds: float = 0.5) -> Iterator[object]:
        """What was said since: the readers' messages, `ClipVectors`, `Failed` for a file that cost its reader.

        Waits at most `seconds`. Raises ModelError when the model's process died and cannot be started again.
        """
        if not self.started:
            return
        self._end_what_misbehaves()
        encoder = [self._encoder.child] if self._encoder else []
        ready = wait_for_children([*(reader.child for reader in self._readers), *encoder], seconds=seconds)
        if self._encoder is not None:
            for answer in self._encoder.answers():
                yield self._vectors(answer)
        for reader in [reader for reader in self._readers if reader.child in ready]:
            yield from self._from_reader(reader, reader.child.receive())

    # ---- readers

    def _start_reader(self) -> _Reader:
        slots = None
        geometry = self._geometry
        if geometry is not None:
            layout = SlotLayout(f"wenshi-{secrets.token_hex(6)}", _SLOTS, geometry.height, geometry.width)
            slots = PictureSlots(layout, create=True)
        settings = ReaderSettings(
            geometry=geometry,
            layout=slots.layout if slots else None,
            on_screen_text=self.settings.on_screen_text,
            speech=self.settings.speech,
            threads=self.settings.threads,
            decoder=self.settings.decoder,
        )
        child = Child(run_reader, settings, name="wenshi-reader")
        child.deadline = time.monotonic() + _START_SECONDS
        return _Reader(child, slots)

    def _wait_until_ready(self, reader: _Reader) -> None:
        while not reader.ready:
            end_overdue_and_oversized([reader.child], memory_bytes=self.settings.memory_bytes)
            if wait_for_children([reader.child], seconds=0.5):
                message = reader.child.receive()
                if not isinstance(message, Ready):
                    raise _could_not_start(message)
                self._is_ready(reader, message)

    def _is_ready(self, reader: _Reader, message: Ready) -> None:
        if message.speech_failure is not None:
            raise ModelError(message.speech_failure)
        reader.ready = True
        reader.child.deadline = self._deadline(reader)
        self.reads_on_screen_text = message.ocr_version is not None
        self.notices += [sentence for sentence in message.missing if sentence not in self.notices]

    def _from_reader(self, reader: _Reader, message: object) -> Iterator[object]:
        if isinstance(message, Ended):
            yield from self._replace(reader, message)
        elif isinstance(message, Ready):
            self._is_ready(reader, message)
        elif isinstance(message, _OF_A_JOB) and message.job == reader.job:
            if isinstance(message, (Finished, PicturesRead, Failed)):
                self._release(reader)  # clips of it may still be at the model: those keep their slots
            self._extend(reader)
            yield message

    def _replace(self, reader: _Reader, ended: Ended) -> Iterator[object]:
        if not reader.ready:
            raise _could_not_start(ended)
        reader.lost = True
        reader.child.end(ended)
        self._retired.add(reader)
        self._forget_if_done(reader)
        self._readers[self._readers.index(reader)] = self._start_reader()
        if reader.job is not None:
            yield Failed(reader.job, ended.kind, f"{reader.path}: the process that read it {ended.reason}.")

    def _reader_of(self, job: int) -> _Reader | None:
        return next((reader for reader in self._readers if reader.job == job), None)

    def _release(self, reader: _Reader) -> None:
        reader.job = None
        reader.child.deadline = None

    def _extend(self, reader: _Reader) -> None:
        if reader.ready:
            reader.child.deadline = self._deadline(reader)

    def _deadline(self, reader: _Reader) -> float | None:
        if reader.job is None or reader.at_model >= _SLOTS:
            return None  # it waits for the model, which has a deadline of its own
        stalled = time.monotonic() + self.settings.stall_seconds
        return min(stalled, reader.started + self.settings.total_seconds)

    def _end_what_misbehaves(self) -> None:
        now = time.monotonic()
        if now - self._checked < 0.5:
            return
        self._checked = now
        end_overdue_and_oversized([reader.child for reader in self._readers], memory_bytes=self.settings.memory_bytes)
        if self._encoder is not None:
            end_overdue_and_oversized([self._encoder.child], memory_bytes=None)

    # ---- the model

    @property
    def _geometry(self) -> FrameGeometry | None:
        return self._encoder.geometry if self._encoder else None

    def _start_encoder(self) -> None:
        if self.settings.model is not None:
            fetch_model(self.settings.model)  # here, where a download may take as long as it takes
            self._encoder = EncoderQueue(
                self.settings.model, device=self.settings.device, generation=self.settings.generation
            )

    def _vectors(self, answer: Answer[_ClipOwner]) -> ClipVectors:
        """The answer for the caller; its place in shared memory goes back to its reader."""
        owner = answer.owner
        owner.reader.at_model -= 1
        if owner.reader.lost:
            self._forget_if_done(owner.reader)
        else:
            owner.reader.child.send(SlotFree(answer.slot))
            self._extend(owner.reader)
        return ClipVectors(owner.job, owner.position, answer.encoded, answer.reason)

    def _forget_if_done(self, reader: _Reader) -> None:
        """Give the memory of a lost reader back once the model looked at the last of its clips."""
        if reader.at_model == 0:
            self._retired.discard(reader)
            if reader.slots is not None:
                if self._encoder is not None:
                    self._encoder.forget(reader.slots.layout)
                reader.slots.close()


def _could_not_start(message: object) -> WenshiError:
    reason = message.reason if isinstance(message, Ended) else f"said {message!r}"
    return WenshiError(f"The process that reads videos could not start: it {reason}.")
