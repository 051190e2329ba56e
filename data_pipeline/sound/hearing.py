"""Listening to a sound track piece by piece: what voice detectors and audio taggers have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

LABELS = ("speech", "music", "singing", "noise", "silence")


@dataclass(frozen=True, kw_only=True)
class SoundSpan:
    """What is heard from `start_ms` to `end_ms`; label: one of `LABELS`, score: 0..1."""

    start_ms: int
    end_ms: int
    label: str
    score: float


class Listening(Protocol):
    """One sound track being heard: fed in order, in pieces of any length; used once."""

    def feed(self, samples: NDArray[np.float32]) -> None:
        """samples: float32 [N], mono, 16 kHz, which follow on what was fed before."""
        ...

    def finish(self) -> list[SoundSpan]:
        """All that was heard, in order of time."""
        ...


class Listener(Protocol):
    """Hears something in a sound track; the three names together say what made a span."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def model_digest(self) -> str: ...

    def listening(self) -> Listening:
        """Begin with a new sound track."""
        ...


class VoiceDetector(Listener, Protocol):
    """Finds human voice: its spans are labelled speech and do not overlap; singing is voice, too."""


class AudioTagger(Listener, Protocol):
    """Tells music, singing, speech, noise and silence apart; spans of several labels may overlap."""
