"""What Whisper says of a piece of sound, whichever package runs it, as segments on the video's timeline."""

from __future__ import annotations

from collections.abc import Iterable

from data_pipeline.sound.speech import AudioSpan, Segment

# (start and end in seconds from the piece's first sample, text, average_logprob, no_speech, compression)
Part = tuple[float, float, str, float | None, float | None, float | None]


def raw_segments(piece: AudioSpan, parts: Iterable[Part]) -> tuple[Segment, ...]:
    """Parts with a word in them, moved to the video's timeline; Whisper's padded 30 s can end after the sound: cut there."""
    segments = (
        Segment(
            start_ms=_inside(piece, start), end_ms=_inside(piece, end), text=text.strip(),
            average_logprob=average_logprob, no_speech=no_speech, compression=compression,
        )
        for start, end, text, average_logprob, no_speech, compression in parts
    )
    return tuple(segment for segment in segments if segment.text and segment.start_ms < segment.end_ms)


def _inside(piece: AudioSpan, seconds: float) -> int:
    return min(max(piece.start_ms + round(seconds * 1000), piece.start_ms), piece.end_ms)
