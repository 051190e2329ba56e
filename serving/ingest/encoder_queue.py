"""Clips on their way to the model's process, and what happens to them when it dies."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from data_pipeline.isolation.processes import Child, Ended, end_overdue_and_oversized, wait_for_children
from retrieval.encoders import FrameGeometry
from retrieval.errors import ModelError
from retrieval.records import Generation
from serving.ingest.encoder_process import run_encoder
from serving.ingest.messages import (
    ClipEncoded,
    ClipNotEncoded,
    EncodeClip,
    EncoderFailed,
    EncoderReady,
    ForgetMemory,
)
from serving.ingest.pictures import SlotLayout

_START_SECONDS = 180.0  # to import its libraries and load its model
_CLIP_SECONDS = 300.0  # without an answer
# Few enough that neither pipe can fill up: a parent and a child that both wait to send would wait for ever.
_MOST_SENT = 12

Owner = TypeVar("Owner")


@dataclass
class Ticket(Generic[Owner]):
    """One clip. `owner` is the caller's own note of whom it belongs to. A suspect was there when the process died."""

    owner: Owner
    request: EncodeClip
    suspect: bool = False


@dataclass(frozen=True)
class Answer(Generic[Owner]):
    """What became of a ticket: vectors, or the reason why there are none (continues "the model")."""

    owner: Owner
    slot: int
    encoded: ClipEncoded | None
    reason: str = ""


class EncoderQueue(Generic[Owner]):
    """The model in a process of its own. A clip that kills it twice, the second time alone, is given up."""

    def __init__(self, model: str, *, device: str, generation: Generation | None) -> None:
        """Start and load. Raises ModelError."""
        self._model, self._device, self._generation = model, device, generation
        self._waiting: deque[Ticket[Owner]] = deque()
        self._sent: dict[int, Ticket[Owner]] = {}
        self._number = 0
        self.child, self.geometry = self._start()

    def add(self, owner: Owner, layout: SlotLayout, slot: int, count: int) -> None:
        """Queue the `count` pictures in a slot of a reader's memory."""
        self._number += 1
        self._waiting.append(Ticket(owner, EncodeClip(self._number, layout, slot, count)))
        self._send()

    def forget(self, layout: SlotLayout) -> None:
        self.child.send(ForgetMemory(layout.name))

    def answers(self) -> Iterator[Answer[Owner]]:
        """Everything that is there to receive. Raises ModelError when the process died and cannot be started again."""
        while self.child.connection.closed or self.child.connection.poll():
            message = self.child.receive()
            if isinstance(message, Ended):
                yield from self._survive(message)
            else:
                yield self._answer(message)
            self._send()

    def close(self) -> None:
        self.child.end(Ended("crashed", "was ended"))

    def _answer(self, message: ClipEncoded | ClipNotEncoded) -> Answer[Owner]:
        ticket = self._sent.pop(message.ticket)
        if isinstance(message, ClipNotEncoded):
            return Answer(ticket.owner, ticket.request.slot, None, message.reason)
        return Answer(ticket.owner, ticket.request.slot, message)

    def _survive(self, ended: Ended) -> Iterator[Answer[Owner]]:
        """Start again. Whatever the process had in hand is tried once more, one by one: only the culprit is given up."""
        self.child.end(ended)
        in_hand = list(self._sent.values())
        self._sent.clear()
        if len(in_hand) == 1 and in_hand[0].suspect:
            yield Answer(in_hand[0].owner, in_hand[0].request.slot, None, f"{ended.reason} over one of its clips")
        else:
            for ticket in reversed(in_hand):
                ticket.suspect = True
                self._waiting.appendleft(ticket)
        self.child, self.geometry = self._start()

    def _send(self) -> None:
        while self._waiting and len(self._sent) < self._room():
            ticket = self._waiting.popleft()
            self._sent[ticket.request.ticket] = ticket
            self.child.send(ticket.request)
        self.child.deadline = time.monotonic() + _CLIP_SECONDS if self._sent else None

    def _room(self) -> int:
        """How many tickets may be out: a suspect goes alone."""
        alone = self._waiting[0].suspect or any(ticket.suspect for ticket in self._sent.values())
        return 1 if alone else _MOST_SENT

    def _start(self) -> tuple[Child, FrameGeometry]:
        child = Child(run_encoder, self._model, self._device, name="wenshi-encoder")
        child.deadline = time.monotonic() + _START_SECONDS
        try:
            ready = self._first_word(child)
        except BaseException:
            child.end(Ended("crashed", "was ended"))
            raise
        child.deadline = None
        return child, ready.geometry

    def _first_word(self, child: Child) -> EncoderReady:
        while True:
            end_overdue_and_oversized([child], memory_bytes=None)
            if not wait_for_children([child], seconds=0.5):
                continue
            message = child.receive()
            if isinstance(message, EncoderFailed):
                raise ModelError(message.message)
            if not isinstance(message, EncoderReady):
                reason = message.reason if isinstance(message, Ended) else f"said {message!r}"
                raise ModelError(f"The model {self._model} could not be loaded: its process {reason}.")
            if self._generation is not None and not message.generation.same_vectors(self._generation):
                raise ModelError(f"The model {self._model} changed while it was loaded: run the command again.")
            return message
