"""Recall: every channel answers with its own ranked rows; no channel knows of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from retrieval.library import Library, WordHit
from retrieval.records import EVIDENCE_KINDS
from retrieval.search.query import Query, Reading, WordScorer
from retrieval.search.results import Match
from retrieval.text import ngrams

VISUAL = "visual"
TRANSCRIBED = frozenset({"subtitle", "asr", "ocr"})
LEAST_INFORMATION = 1.5  # nats: 的, 一 and 在 carry less, almost every other character more


@dataclass(frozen=True)
class Recall:
    """What one channel answers: its ranked rows, and every video it saw, also those of rows that say too little."""

    matches: tuple[Match, ...] = ()
    seen: frozenset[str] = frozenset()


def text_recall(library: Library, query: Query, *, limit: int) -> dict[str, Recall]:
    """Rows of every kind of evidence that share a token with the query, each kind ranked by itself, by kind.

    Document frequencies are counted over all kinds together, so that scores of two kinds can be compared: a match is
    worth (its score / the best score of any kind)². A kind whose best row only brushes the query stays quiet then.
    """
    rows = {kind: library.search_words(kind, query.text, limit=limit) for kind in EVIDENCE_KINDS}
    if not any(rows.values()):
        return {}
    scorer = _scorer(library, query, [row.text for found in rows.values() for row in found])
    admitted = {
        kind: [
            _match(row, reading)
            for row in found
            if admits(kind, reading := scorer.read(row.text), query, total=scorer.total)
        ]
        for kind, found in rows.items()
    }
    best = max((match.score for found in admitted.values() for match in found), default=1.0)
    return {
        kind: Recall(
            tuple(ranked([replace(match, worth=(match.score / best) ** 2) for match in admitted[kind]])),
            frozenset(row.video_id for row in rows[kind]),
        )
        for kind in EVIDENCE_KINDS
    }


def _scorer(library: Library, query: Query, texts: Sequence[str]) -> WordScorer:
    count = 0
    frequency: Counter[str] = Counter()
    for kind in EVIDENCE_KINDS:
        rows_of_kind, held_in = library.document_frequency(kind, query.tokens)
        count += rows_of_kind
        frequency.update(held_in)
    average_length = sum(len(ngrams(text)) for text in texts) / len(texts)
    return WordScorer(query, rows=count, document_frequency=frequency, average_length=average_length)


def _match(row: WordHit, reading: Reading) -> Match:
    return Match(
        channel=row.kind,
        video_id=row.video_id,
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        text=row.text,
        source=row.source,
        score=reading.score,
        held=reading.held,
        coverage=reading.coverage,
    )


def admits(kind: str, reading: Reading, query: Query, *, total: float) -> bool:
    """Whether a row says something about the query rather than sharing incidental characters with it.

    It must hold at least one telling character's worth of information, or half of the query's `total`. A line that was
    said or shown must also hold a word of the query, such as two characters side by side: unlike a title, it was not
    written to describe the video.
    """
    if reading.information < min(LEAST_INFORMATION, total / 2):
        return False
    return kind not in TRANSCRIBED or not query.words or not query.words.isdisjoint(reading.held)


def clip_recall(library: Library, vector: NDArray[np.float32], *, limit: int) -> Recall:
    """Clips by the cosine of the pooled text and clip vectors, best first. vector: [D], unit length."""
    matches = [
        Match(
            channel=VISUAL,
            video_id=clip.video_id,
            start_ms=clip.start_ms,
            end_ms=clip.end_ms,
            score=clip.score,
            clip_id=clip.clip_id,
            best_ms=clip.keyframe_ms,
        )
        for clip in library.search_clips(vector, limit=limit)
    ]
    return Recall(tuple(ranked(matches)))


def ranked(matches: Sequence[Match]) -> list[Match]:
    """Sorted by score, with 1-based ranks; equal scores share the better rank."""
    ordered = sorted(matches, key=lambda m: -m.score)
    result: list[Match] = []
    for position, match in enumerate(ordered, start=1):
        tied = bool(result) and result[-1].score == match.score
        result.append(replace(match, rank=result[-1].rank if tied else position))
    return result
