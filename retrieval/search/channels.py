"""Recall: every channel answers with its own ranked rows; no channel knows of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from retrieval.library import Library, WordHit
from retrieval.records import EVIDENCE_KINDS
from retrieval.search.admission import Admission
from retrieval.search.query import Query, Reading, WordScorer
from retrieval.search.results import Match
from retrieval.text import ngrams

VISUAL = "visual"
CHANNELS: tuple[str, ...] = (*EVIDENCE_KINDS, VISUAL)
MOST_ROWS = 20_000  # a channel; so many lines are read in about a second


@dataclass(frozen=True)
class Recall:
    """What one channel answers: its ranked rows, and every video that holds a token, also where it says too little."""

    matches: tuple[Match, ...] = ()
    seen: frozenset[str] = frozenset()


def text_recall(library: Library, query: Query, *, rows: int, videos: int) -> dict[str, Recall]:
    """Rows of every kind of evidence that share a token with the query, each kind ranked by itself, by kind.

    rows: how many to ask for at first; videos: more are asked for until that many videos are among them. Document
    frequencies are counted over all kinds together, so that scores of two kinds can be compared: a match is worth
    (its score / the best score of any kind)² × the share of the query that the best video holds. A kind whose best row
    only brushes the query stays quiet then, and so do all words beside the pictures where no video holds the query.
    """
    found = {
        kind: _recall_videos(partial(library.search_words, kind, query.text), rows=rows, videos=videos)
        for kind in EVIDENCE_KINDS
    }
    texts = [row.text for of_kind in found.values() for row in of_kind]
    if not texts:
        return {}
    scorer = _scorer(library, query, texts)
    admission = Admission.of(query, scorer.language)
    read = {kind: [(row, scorer.read(row.text)) for row in of_kind] for kind, of_kind in found.items()}
    admitted = {
        kind: [_match(row, reading) for row, reading in of_kind if admission.admits(kind, reading)]
        for kind, of_kind in read.items()
    }
    every = [match for matches in admitted.values() for match in matches]
    best = max((match.score for match in every), default=1.0)
    held = _held_by_one_video(every, scorer)
    return {
        kind: Recall(
            tuple(ranked([replace(match, worth=held * (match.score / best) ** 2) for match in admitted[kind]])),
            frozenset(row.video_id for row, reading in read[kind] if reading.held),
        )
        for kind in EVIDENCE_KINDS
    }


def _held_by_one_video(matches: Sequence[Match], scorer: WordScorer) -> float:
    """The largest share (0..1) of the query's information that the texts of one video hold together."""
    held: dict[str, frozenset[str]] = {}
    for match in matches:
        held[match.video_id] = held.get(match.video_id, frozenset()) | match.held
    return max((scorer.share(tokens) for tokens in held.values()), default=0.0)


class _Row(Protocol):
    @property
    def video_id(self) -> str: ...


Row = TypeVar("Row", bound=_Row)


class _Ask(Protocol[Row]):
    def __call__(self, *, limit: int) -> list[Row]: ...


def _recall_videos(ask: _Ask[Row], *, rows: int, videos: int) -> list[Row]:
    """The best rows, at least `rows` of them and more until they come from `videos` videos, as far as there are any.

    A series can hold hundreds of lines that answer before the first row of another video.
    """
    limit = min(max(rows, videos), MOST_ROWS)
    while True:
        found = ask(limit=limit)
        if len(found) < limit or limit == MOST_ROWS or len({row.video_id for row in found}) >= videos:
            return found
        limit = min(2 * limit, MOST_ROWS)


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


def clip_recall(library: Library, vector: NDArray[np.float32], *, rows: int, videos: int) -> Recall:
    """Clips by the cosine of the pooled text and clip vectors, best first, of at least `videos` videos if there are any.

    vector: [D], unit length; rows: how many clips to ask for at first.
    """
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
        for clip in _recall_videos(partial(library.search_clips, vector), rows=rows, videos=videos)
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
