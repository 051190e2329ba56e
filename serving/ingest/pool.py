"""The readers and the encoder behind one event loop: what hangs, crashes or grows is replaced, and its file is told of."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.evidence.ocr import ocr_is_installed
from retrieval.encoders import FrameGeometry, fetch_model
from retrieval.errors import ModelError, WenshiError
from retrieval.records import Generation
from serving.ingest.encoder_process import run_encoder
from serving.ingest.messages import (
    ClipEncoded,
    ClipRead,
    EncodeClip,
    EncoderFailed,
    EncoderReady,
    Failed,
    Finished,
    Identified,
    Proceed,
    Progress,
    ReadFile,
    Ready,
    SlotFree,
)
from serving.ingest.pictures import PictureSlots, SlotLayout
from serving.ingest.processes import Child, Ended, end_overdue_and_oversized, wait_for_children
from serving.ingest.reader_process import ReaderSettings, run_reader

_SLOTS = 8  # clips of one reader that may wait for the encoder
_START_SECONDS = 180.0  # for a child to import its libraries and load its model
_ENCODE_SECONDS = 300.0  # for one clip


@dataclass(frozen=True, kw_only=True)
class PoolSettings:
    """`model` with its `generation`, or neither for text only. stall_seconds: how long a file may give no sign of
    progress; total_seconds: the most that one file may take."""

    readers: int = 1
    threads: int = 1
    model: str | None = None
    generation: Generation | None = None
    device: str = "auto"
    on_screen_text: bool = True
    stall_seconds: float = 60.0
    total_seconds: float = 6 * 3600.0
    memory_bytes: int = 4 << 30


@dataclass(frozen=True)
class EncoderLost:
    """The encoder died twice over the same clips. `jobs`: job -> how many of its clips get no vector."""

    jobs: dict[int, int]
    reason: str


@dataclass
class _Ticket:
    job: int
    position: int
    reader: _Reader
    request: EncodeClip
    tries: int = 1


@dataclass(eq=False)
class _Reader:
    child: Child
    slots: PictureSlots | None
    job: int | None = None
    path: str = ""
    started: float = 0.0
    waiting_clips: int = 0
    ready: bool = False
    lost: bool = False


class ReaderPool:
    """Context manager. Its processes start with the first file to read: a run that finds nothing to do starts none."""

    def __init__(self, settings: PoolSettings) -> None:
        self.settings = settings
        self.notices: list[str] = []
        self.generation = settings.generation
        self.reads_on_screen_text = settings.on_screen_text and ocr_is_installed()
        self._geometry: FrameGeometry | None = None
        self._encoder: Child | None = None
        self._readers: list[_Reader] = []
        self._retired: list[PictureSlots] = []
        self._tickets: dict[int, _Ticket] = {}
        self._next_ticket = 0
        self._checked = 0.0

    def __enter__(self) -> ReaderPool:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        children = [reader.child for reader in self._readers] + ([self._encoder] if self._encoder else [])
        for child in children:
            child.end(Ended("crashed", "was ended"))
        for slots in [*self._retired, *(reader.slots for reader in self._readers if reader.slots)]:
            slots.close()
        self._readers, self._retired, self._encoder = [], [], None

    # ---- what the caller asks for

    @property
    def started(self) -> bool:
        return bool(self._readers)

    @property
    def has_idle_reader(self) -> bool:
        return not self.started or any(reader.job is None for reader in self._readers)

    def read(self, job: int, path: Path) -> None:
        """Have an idle reader read a file; what comes of it is told by `receive`.

        Raises ModelError when this is the first file and the model cannot be loaded.
        """
        if not self.started:
            self._start()
        reader = next(reader for reader in self._readers if reader.job is None)
        reader.job, reader.path, reader.started = job, str(path), time.monotonic()
        reader.child.send(ReadFile(job, path))
        self._extend(reader)

    def proceed(self, job: int, *, wanted: bool) -> None:
        reader = self._reader_of(job)
        if reader is None:
            return
        reader.child.send(Proceed(wanted))
        if not wanted:
            self._release(reader)

    def encode(self, job: int, position: int, clip: ClipRead) -> None:
        """Have the clip that `clip` announces encoded; its vectors come from `receive`, to be passed to `claim`."""
        reader = self._reader_of(job)
        assert reader is not None
        assert reader.slots is not None
        assert clip.slot is not None
        assert self._encoder is not None
        self._next_ticket += 1
        request = EncodeClip(self._next_ticket, reader.slots.layout, clip.slot, len(clip.frame_times_ms))
        self._tickets[request.ticket] = _Ticket(job, position, reader, request)
        reader.waiting_clips += 1
        self._encoder.send(request)
        self._extend_encoder()

    def claim(self, encoded: object) -> tuple[int, int, ClipEncoded]:
        """(job, position as given to `encode`, vectors); gives the clip's place in shared memory back to its reader."""
        assert isinstance(encoded, ClipEncoded)
        ticket = self._tickets.pop(encoded.ticket)
        self._free_slot(ticket)
        self._extend_encoder()
        return ticket.job, ticket.position, encoded

    def receive(self, seconds: float = 0.5) -> Iterator[object]:
        """What readers and encoder have said since: job messages, `ClipEncoded`, `Failed` for a file that cost its
        reader, `EncoderLost`."""
        self._end_what_misbehaves()
        encoder = [self._encoder] if self._encoder else []
        for child in wait_for_children([*(reader.child for reader in self._readers), *encoder], seconds=seconds):
            if child is self._encoder:
                yield from self._from_encoder(child.receive())
            else:
                reader = next((reader for reader in self._readers if reader.child is child), None)
                if reader is not None:
                    yield from self._from_reader(reader, child.receive())

    # ---- readers

    def _start(self) -> None:
        if self.settings.model is not None:
            fetch_model(self.settings.model)  # here, where a download may take as long as it takes
            self._start_encoder()
        self._readers = [self._start_reader() for _ in range(self.settings.readers)]
        self._wait_until_ready(self._readers[0])

    def _start_reader(self) -> _Reader:
        slots = None
        if self._geometry is not None:
            layout = SlotLayout(f"wenshi-{secrets.token_hex(6)}", _SLOTS, self._geometry.height, self._geometry.width)
            slots = PictureSlots(layout, create=True)
        settings = ReaderSettings(
            geometry=self._geometry,
            layout=slots.layout if slots else None,
            on_screen_text=self.settings.on_screen_text,
            threads=self.settings.threads,
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
                    raise WenshiError(f"The process that reads videos could not start: it {_reason(message)}.")
                self._is_ready(reader, message)

    def _is_ready(self, reader: _Reader, message: Ready) -> None:
        reader.ready = True
        reader.child.deadline = None if reader.job is None else self._deadline(reader)
        self.reads_on_screen_text = message.ocr_version is not None
        self.notices += [sentence for sentence in message.missing if sentence not in self.notices]

    def _from_reader(self, reader: _Reader, message: object) -> Iterator[object]:
        if isinstance(message, Ended):
            yield from self._replace(reader, message)
            return
        if isinstance(message, Ready):
            self._is_ready(reader, message)
            return
        self._extend(reader)
        if isinstance(message, (Identified, Progress, ClipRead, Finished, Failed)):
            if message.job != reader.job:
                return  # said before the file was given up
            if isinstance(message, (Finished, Failed)):
                self._release(reader)  # clips of it may still be at the encoder: those keep their slots
            yield message

    def _replace(self, reader: _Reader, ended: Ended) -> Iterator[object]:
        if not reader.ready:
            raise WenshiError(f"The process that reads videos could not start: it {ended.reason}.")
        reader.lost = True
        reader.child.end(ended)
        if reader.slots is not None:
            self._retired.append(reader.slots)  # the encoder may still be looking at it
        self._readers[self._readers.index(reader)] = self._start_reader()
        if reader.job is not None:
            yield Failed(reader.job, ended.kind, f"{reader.path}: the process that read it {ended.reason}.")

    def _reader_of(self, job: int) -> _Reader | None:
        return next((reader for reader in self._readers if reader.job == job), None)

    def _release(self, reader: _Reader) -> None:
        reader.job = None
        reader.child.deadline = None

    def _extend(self, reader: _Reader) -> None:
        reader.child.deadline = self._deadline(reader) if reader.ready else reader.child.deadline

    def _deadline(self, reader: _Reader) -> float | None:
        if reader.job is None or reader.waiting_clips >= _SLOTS:
            return None  # it waits for the encoder, which has a deadline of its own
        stalled = time.monotonic() + self.settings.stall_seconds
        return min(stalled, reader.started + self.settings.total_seconds)

    def _end_what_misbehaves(self) -> None:
        now = time.monotonic()
        if now - self._checked < 0.5:
            return
        self._checked = now
        end_overdue_and_oversized([reader.child for reader in self._readers], memory_bytes=self.settings.memory_bytes)
        if self._encoder is not None:
            end_overdue_and_oversized([self._encoder], memory_bytes=1 << 62)

    # ---- the encoder

    def _start_encoder(self) -> None:
        assert self.settings.model is not None
        self._encoder = Child(run_encoder, self.settings.model, self.settings.device, name="wenshi-encoder")
        self._encoder.deadline = time.monotonic() + _START_SECONDS
        while True:
            end_overdue_and_oversized([self._encoder], memory_bytes=1 << 62)
            if not wait_for_children([self._encoder], seconds=0.5):
                continue
            message = self._encoder.receive()
            if isinstance(message, EncoderFailed):
                raise ModelError(message.message)
            if not isinstance(message, EncoderReady):
                raise ModelError(
                    f"The model {self.settings.model} could not be loaded: its process {_reason(message)}."
                )
            if message.generation != self.generation:
                raise ModelError(f"The model {self.settings.model} changed while it was loaded: run the command again.")
            self._geometry = message.geometry
            self._encoder.deadline = None
            return

    def _from_encoder(self, message: object) -> Iterator[object]:
        if not isinstance(message, Ended):
            yield message
            return
        assert self._encoder is not None
        self._encoder.end(message)
        lost = [ticket for ticket in self._tickets.values() if ticket.tries > 1]
        for ticket in lost:
            del self._tickets[ticket.request.ticket]
            self._free_slot(ticket)
        if lost:
            jobs: dict[int, int] = {}
            for ticket in lost:
                jobs[ticket.job] = jobs.get(ticket.job, 0) + 1
            yield EncoderLost(jobs, message.reason)
        self._start_encoder()
        for ticket in self._tickets.values():
            ticket.tries += 1
            self._encoder.send(ticket.request)
        self._extend_encoder()

    def _extend_encoder(self) -> None:
        assert self._encoder is not None
        self._encoder.deadline = time.monotonic() + _ENCODE_SECONDS if self._tickets else None

    def _free_slot(self, ticket: _Ticket) -> None:
        reader = ticket.reader
        if not reader.lost:
            reader.child.send(SlotFree(ticket.request.slot))
            reader.waiting_clips -= 1
            self._extend(reader)


def _reason(message: object) -> str:
    return message.reason if isinstance(message, Ended) else f"said {message!r}"
