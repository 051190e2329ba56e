"""What a sentence says of a part of a video."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A sentence and where in the video it is true: (start, end) in ms, a pair for each annotator."""

    video: str
    text: str
    spans_ms: tuple[tuple[int, int], ...]


def paragraphs(moments: tuple[Moment, ...]) -> dict[str, list[str]]:
    """Video -> one text, all its sentences joined in their order."""
    sentences: dict[str, list[str]] = {}
    for moment in moments:
        sentences.setdefault(moment.video, []).append(moment.text)
    return {video: [" ".join(own)] for video, own in sentences.items()}
