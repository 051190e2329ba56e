"""Recall: every channel answers with its own ranked rows; no channel knows of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from retrieval.library import Library, VideoFilter, WordHit
from retrieval.records import EVIDENCE_KINDS, EvidenceKind
from retrieval.search.admission import Admission
from retrieval.search.query import Query, Reading, WordScorer
from retrieval.search.results import Match
from retrieval.text import count_of_ngrams, fold

VISUAL, MEANING = "visual", "meaning"
CHANNELS: tuple[str, ...] = (*EVIDENCE_KINDS, MEANING, VISUAL)
MOST_ROWS = 20_000  # a channel; so many lines are read in about a second


@dataclass(frozen=True)
class Recall:
    """What one channel answers: its ranked rows, and every video that holds a token, also where it says too little.

    below: the rows that say too little, ranked by themselves, where they were asked for.
    """

    matches: tuple[Match, ...] = ()
    seen: frozenset[str] = frozenset()
    below: tuple[Match, ...] = ()

    def but_for(self, videos: Collection[str]) -> Recall:
        """The same without these videos; ranks stay as they were."""
        matches, below = (
            tuple(match for match in rows if match.video_id not in videos) for rows in (self.matches, self.below)
        )
        return Recall(matches, self.seen - frozenset(videos), below)


def text_recall(
    library: Library, query: Query, *, rows: int, videos: int, where: VideoFilter | None = None, keep_below: bool = False
) -> dict[str, Recall]:
    """Rows of every kind of evidence that share a token with the query, each kind ranked by itself, by kind.

    rows: how many to ask for at first; videos: more are asked for until that many videos are among them. where: which
    videos may answer. Document
    frequencies are counted over all kinds together, so that scores of two kinds can be compared: a match is worth
    (its score / the best score of any kind)² × the share of the query that the best video holds. A kind whose best row
    only brushes the query stays quiet then, and so do all words beside the pictures where no video holds the query.
    """
    found = {
        kind: _recall_videos(partial(library.search_words, kind, query.text, where=where), rows=rows, videos=videos)
        for kind in EVIDENCE_KINDS
    }
    folded = {kind: [fold(row.text) for row in of_kind] for kind, of_kind in found.items()}
    if not any(folded.values()):
        return {}
    lengths = {kind: list(map(count_of_ngrams, of_kind)) for kind, of_kind in folded.items()}
    scorer = _scorer(library, query, [length for of_kind in lengths.values() for length in of_kind])
    admission = Admission.of(query, scorer.language)
    read: dict[EvidenceKind, list[_Read]] = {
        kind: [
            (row, scorer.read_folded(text, length=length))
            for row, text, length in zip(of_kind, folded[kind], lengths[kind], strict=True)
        ]
        for kind, of_kind in found.items()
    }
    admitted = {
        kind: [(row, reading) for row, reading in of_kind if admission.admits(kind, reading)]
        for kind, of_kind in read.items()
    }
    every = [one for of_kind in admitted.values() for one in of_kind]
    best = max((reading.score for _, reading in every), default=1.0)
    held = _held_by_one_video(every, scorer)
    return {
        kind: Recall(
            _text_matches(admitted[kind], best=best, held=held),
            frozenset(row.video_id for row, reading in read[kind] if reading.held),
            _below(read[kind], admitted[kind]) if keep_below else (),
        )
        for kind in EVIDENCE_KINDS
    }


_Read = tuple[WordHit, Reading]


def _below(rows: Sequence[_Read], admitted: Sequence[_Read]) -> tuple[Match, ...]:
    """The rows that hold a token and were not admitted."""
    known = {row.evidence_id for row, _ in admitted}
    others = [(row, reading) for row, reading in rows if reading.held and row.evidence_id not in known]
    best = max((reading.score for _, reading in others), default=1.0)
    return _text_matches(others, best=best or 1.0, held=1.0)


def _held_by_one_video(rows: Sequence[_Read], scorer: WordScorer) -> float:
    """The largest share (0..1) of the query's information that the texts of one video hold together."""
    held: dict[str, frozenset[str]] = {}
    for row, reading in rows:
        before = held.get(row.video_id)
        held[row.video_id] = reading.held if before is None else before | reading.held
    return max(map(scorer.share, set(held.values())), default=0.0)


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


def _scorer(library: Library, query: Query, lengths: Sequence[int]) -> WordScorer:
    count = 0
    frequency: Counter[str] = Counter()
    for kind in EVIDENCE_KINDS:
        rows_of_kind, held_in = library.document_frequency(kind, query.tokens)
        count += rows_of_kind
        frequency.update(held_in)
    average_length = sum(lengths) / len(lengths)
    return WordScorer(query, rows=count, document_frequency=frequency, average_length=average_length)


def _text_matches(rows: Sequence[_Read], *, best: float, held: float) -> tuple[Match, ...]:
    ordered = sorted(rows, key=lambda one: -one[1].score)
    return tuple(
        Match(
            channel=row.kind,
            video_id=row.video_id,
            start_ms=row.start_ms,
            end_ms=row.end_ms,
            text=row.text,
            source=row.source,
            score=reading.score,
            held=reading.held,
            coverage=reading.coverage,
            rank=rank,
            worth=held * (reading.score / best) ** 2,
        )
        for rank, (row, reading) in zip(_ranks([reading.score for _, reading in ordered]), ordered, strict=True)
    )


def clip_recall(
    library: Library, vector: NDArray[np.float32], *, rows: int, videos: int, where: VideoFilter | None = None,
    share: float | None = None,
) -> Recall:
    """Clips by the cosine of the pooled text and clip vectors, best first, of at least `videos` videos if there are any.

    vector: [D], unit length; rows: how many clips to ask for at first; share: of the nearest that must be found, as the
    library's `recall`.
    """
    clips = _recall_videos(partial(library.search_clips, vector, where=where, recall=share), rows=rows, videos=videos)
    ordered = sorted(clips, key=lambda clip: -clip.score)
    matches = [
        Match(
            channel=VISUAL,
            video_id=clip.video_id,
            start_ms=clip.start_ms,
            end_ms=clip.end_ms,
            score=clip.score,
            clip_id=clip.clip_id,
            best_ms=clip.keyframe_ms,
            rank=rank,
        )
        for rank, clip in zip(_ranks([clip.score for clip in ordered]), ordered, strict=True)
    ]
    return Recall(tuple(matches))


def meaning_recall(
    library: Library, vector: NDArray[np.float32], *, rows: int, videos: int, where: VideoFilter | None = None,
    share: float | None = None,
) -> Recall:
    """Titles, lines and signs by the cosine of their vector and the query's; otherwise as `clip_recall`.

    A row is worth the square of its cosine, and nothing below zero: some row is the nearest to any query at all.
    """
    texts = _recall_videos(partial(library.search_texts, vector, where=where, recall=share), rows=rows, videos=videos)
    matches = [
        Match(
            channel=MEANING,
            video_id=text.video_id,
            start_ms=text.start_ms,
            end_ms=text.end_ms,
            text=text.text,
            source=text.source,
            score=text.score,
            worth=min(1.0, text.score**2),
        )
        for text in texts
        if text.score > 0
    ]
    return Recall(tuple(ranked(matches)))


def ranked(matches: Sequence[Match], scores: Sequence[float] | None = None) -> list[Match]:
    """Sorted by these scores, which become theirs (None: by their own), with 1-based ranks; equal scores share one."""
    scores = [match.score for match in matches] if scores is None else scores
    ordered = sorted(zip(scores, matches, strict=True), key=lambda one: -one[0])
    ranks = _ranks([score for score, _ in ordered])
    return [match._replace(score=score, rank=rank) for rank, (score, match) in zip(ranks, ordered, strict=True)]


def _ranks(scores: Sequence[float]) -> list[int]:
    """1-based ranks of descending scores; equal ones share the better rank."""
    ranks: list[int] = []
    for place, score in enumerate(scores):
        ranks.append(ranks[-1] if place and scores[place - 1] == score else place + 1)
    return ranks
