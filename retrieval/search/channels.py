"""Recall: every channel answers with its own ranked rows; no channel knows of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from retrieval.library import Library
from retrieval.records import EVIDENCE_KINDS, EvidenceKind
from retrieval.search.query import Query, WordScorer
from retrieval.search.results import Match
from retrieval.text import ngrams

VISUAL = "visual"


def word_matches(library: Library, query: Query, kind: EvidenceKind, *, limit: int) -> list[Match]:
    """Rows of one kind of evidence that share a token with the query, best first, scored by `WordScorer`."""
    rows = library.search_words(kind, query.text, limit=limit)
    if not rows:
        return []
    count, frequency = library.document_frequency(kind, query.tokens)
    lengths = [len(ngrams(row.text)) for row in rows]
    scorer = WordScorer(query, rows=count, document_frequency=frequency, average_length=sum(lengths) / len(lengths))
    matches = [
        Match(
            channel=kind, video_id=row.video_id, start_ms=row.start_ms, end_ms=row.end_ms, text=row.text,
            source=row.source, score=scorer.score(row.text), coverage=scorer.coverage(row.text),
        )
        for row in rows
    ]
    return ranked(matches)


def all_word_matches(library: Library, query: Query, *, limit: int) -> dict[str, list[Match]]:
    return {kind: word_matches(library, query, kind, limit=limit) for kind in EVIDENCE_KINDS}


def clip_matches(library: Library, vector: NDArray[np.float32], *, limit: int) -> list[Match]:
    """Clips by the cosine of the pooled text and clip vectors, best first. vector: [D], unit length."""
    return ranked([
        Match(
            channel=VISUAL, video_id=clip.video_id, start_ms=clip.start_ms, end_ms=clip.end_ms, score=clip.score,
            clip_id=clip.clip_id, best_ms=clip.keyframe_ms,
        )
        for clip in library.search_clips(vector, limit=limit)
    ])


def ranked(matches: Sequence[Match]) -> list[Match]:
    """Sorted by score, with 1-based ranks; equal scores share the better rank."""
    ordered = sorted(matches, key=lambda m: -m.score)
    result: list[Match] = []
    for position, match in enumerate(ordered, start=1):
        tied = bool(result) and result[-1].score == match.score
        result.append(replace(match, rank=result[-1].rank if tied else position))
    return result
