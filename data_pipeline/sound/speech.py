"""What goes into a speech engine and what comes out of it: sound in, raw evidence out. What is kept is decided in `policy`."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000    # of all sound that detectors, taggers and engines are given
LONGEST_MS = 30_000     # what a model hears at once
SHORTEST_MS = 100       # of sound that holds a syllable; less is not given to a model


@dataclass(frozen=True, kw_only=True, eq=False)
class AudioSpan:
    """A piece of a sound track. samples: float32 [N], mono, -1..1, 16 kHz; its first one is at `start_ms` of the video."""

    samples: NDArray[np.float32]
    start_ms: int = 0

    @property
    def end_ms(self) -> int:
        return self.start_ms + milliseconds(len(self.samples))


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Words and when they are said, on the video's timeline; the scores are Whisper's, None where an engine has none."""

    start_ms: int
    end_ms: int
    text: str
    average_logprob: float | None = None
    no_speech: float | None = None
    compression: float | None = None


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """What an engine made of one span: segments in order of time.

    language: as asked for or found, None where unknown. event: what the engine itself says that the span sounds like
    (music, applause ...), None where it does not say.
    """

    segments: tuple[Segment, ...] = ()
    language: str | None = None
    event: str | None = None


class SpeechEngine(Protocol):
    """Recognises speech. `name`, `version` and `model_digest` together say what made a text.

    gives_times: whether segments have times of their own inside a span; if not, a span is one segment.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def model_digest(self) -> str: ...

    @property
    def gives_times(self) -> bool: ...

    def transcribe(self, batch: Sequence[AudioSpan]) -> list[Transcript]:
        """One transcript a span, in their order; a span without a word has no segment. Raises ModelError."""
        ...


def milliseconds(samples: int) -> int:
    """Length of so many samples, rounded."""
    return round(samples * 1000 / SAMPLE_RATE)


def pieces(span: AudioSpan, *, longest_ms: int = LONGEST_MS) -> list[AudioSpan]:
    """The span in pieces of at most `longest_ms`; those under `SHORTEST_MS` are left out."""
    step = longest_ms * SAMPLE_RATE // 1000
    cut = (
        AudioSpan(samples=span.samples[at : at + step], start_ms=span.start_ms + milliseconds(at))
        for at in range(0, len(span.samples), step)
    )
    return [piece for piece in cut if piece.end_ms - piece.start_ms >= SHORTEST_MS]


def heard_in_pieces(
    spans: Sequence[AudioSpan], hear: Callable[[Sequence[AudioSpan]], list[Transcript]], *, at_once: int = 1
) -> list[Transcript]:
    """One transcript a span, in their order. `hear` is given at most `at_once` pieces, and answers with one for each."""
    cut = [pieces(span) for span in spans]
    flat = [piece for of_span in cut for piece in of_span]
    heard = iter([answer for at in range(0, len(flat), at_once) for answer in hear(flat[at : at + at_once])])
    return [_joined([next(heard) for _ in of_span]) for of_span in cut]


def compression_ratio(text: str) -> float:
    """Bytes of the text over bytes of it compressed, as Whisper measures loops (Radford et al. 2022, section 4.5)."""
    written = text.encode("utf-8")
    return len(written) / len(zlib.compress(written))


def _joined(transcripts: Sequence[Transcript]) -> Transcript:
    """The transcripts of a span's pieces as the span's one; the language is that of the first piece."""
    segments = tuple(segment for transcript in transcripts for segment in transcript.segments)
    first = transcripts[0] if transcripts else Transcript()
    return Transcript(segments=segments, language=first.language, event=first.event)
