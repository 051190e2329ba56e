"""Recall: every channel answers with its own ranked rows; no channel knows of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from retrieval.library import Library, WordHit
from retrieval.records import EVIDENCE_KINDS, EvidenceKind
from retrieval.search.query import Query, WordScorer
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


def word_matches(library: Library, query: Query, kind: EvidenceKind, *, limit: int) -> Recall:
    """Rows of one kind of evidence that share a token with the query, best first, scored by `WordScorer`."""
    rows = library.search_words(kind, query.text, limit=limit)
    if not rows:
        return Recall()
    count, frequency = library.document_frequency(kind, query.tokens)
    lengths = [len(ngrams(row.text)) for row in rows]
    scorer = WordScorer(query, rows=count, document_frequency=frequency, average_length=sum(lengths) / len(lengths))
    matches = [_match(row, scorer) for row in rows]
    admitted = [match for match in matches if admits(match, query, scorer)]
    return Recall(tuple(ranked(admitted)), frozenset(match.video_id for match in matches))


def admits(match: Match, query: Query, scorer: WordScorer) -> bool:
    """Whether a row says something about the query rather than sharing incidental characters with it.

    It must hold at least one telling character's worth of information. A line that was said or shown must also hold a
    word of the query, two characters side by side: unlike a title, it was not written to describe the video.
    """
    if scorer.worth(match.held) < min(LEAST_INFORMATION, scorer.total / 2):
        return False
    return match.channel not in TRANSCRIBED or not query.words or not query.words.isdisjoint(match.held)


def _match(row: WordHit, scorer: WordScorer) -> Match:
    held = frozenset(scorer.held(row.text))
    return Match(
        channel=row.kind,
        video_id=row.video_id,
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        text=row.text,
        source=row.source,
        score=scorer.score(row.text),
        held=held,
        coverage=scorer.coverage(held),
    )


def all_word_matches(library: Library, query: Query, *, limit: int) -> dict[str, Recall]:
    """`word_matches` of every kind of evidence, by kind."""
    return {kind: word_matches(library, query, kind, limit=limit) for kind in EVIDENCE_KINDS}


def clip_matches(library: Library, vector: NDArray[np.float32], *, limit: int) -> Recall:
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
