"""One evaluation: what was measured, under which protocol, with the rank of every query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from retrieval.evaluation.asymmetry import suspicious_gap
from retrieval.evaluation.benchmarks.benchmark import Benchmark
from retrieval.evaluation.breakdown import Breakdown, breakdown
from retrieval.evaluation.graded import GradedMetrics, graded_metrics
from retrieval.evaluation.judgements import Draws, Judgements
from retrieval.evaluation.metrics import RetrievalMetrics, TwoWayMetrics, grouped_video_to_text, two_way_metrics
from retrieval.evaluation.postprocessing import (
    DUAL_SOFTMAX_NOTE,
    QUERY_BANK_NOTE,
    QUERY_BANK_TEMPERATURE,
    dual_softmax_scores,
    qb_norm_scores,
)
from retrieval.evaluation.ranking import rank_queries
from retrieval.evaluation.scores import ScoreMatrix

Score = Literal["pooled", "reranked"]
PostProcessing = Literal["dual_softmax", "qb_norm"]
Direction = Literal["text_to_video", "video_to_text", "video_to_grouped_text"]
GROUPED_NOTE = "the captions of a video count as one answer, scored by the best of them"
TOP_ANSWERS = 5


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What was evaluated and how. frames: a video; extra: anything else worth knowing, as plain JSON values."""

    model: str
    model_revision: str | None = None
    frames: int | None = None
    decoder: str | None = None
    seed: int | None = None
    extra: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ResultRow:
    """The figures of one score in one direction. post_processing: None = the plain score."""

    score: Score
    direction: Direction
    metrics: RetrievalMetrics
    graded: GradedMetrics | None = None
    post_processing: PostProcessing | None = None
    note: str | None = None

    @property
    def key(self) -> str:
        """Such as `pooled/text_to_video` or `reranked+dual_softmax/video_to_text`."""
        return "/".join(("+".join(filter(None, (self.score, self.post_processing))), self.direction))


@dataclass(frozen=True, kw_only=True)
class AnsweredQuery:
    """A query, the videos that answer it, and the first videos of the run's final plain score."""

    id: str
    text: str
    relevant: tuple[str, ...]
    top: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything one evaluation found; `rows` has the plain scores first. date: ISO 8601, UTC.

    draws: as in `TwoWayMetrics`.
    """

    protocol: str
    split_hash: str
    query_hash: str
    gallery_hash: str
    videos: int
    videos_without_text: int
    facts: RunFacts
    date: str
    notices: tuple[str, ...]
    rows: tuple[ResultRow, ...]
    queries: tuple[AnsweredQuery, ...]
    draws: Draws = field(repr=False, compare=False)

    @property
    def final(self) -> ResultRow:
        """Text to video by the plain score that ranks last: re-ranked if there is one, else pooled."""
        plain = [row for row in self.rows if row.post_processing is None and row.direction == "text_to_video"]
        return plain[-1]

    def both_ways(self) -> dict[str, TwoWayMetrics]:
        """Plain score -> its figures from text to video and from video to text."""
        plain = {(row.score, row.direction): row.metrics for row in self.rows if row.post_processing is None}
        return {
            score: TwoWayMetrics(
                text_to_video=metrics, video_to_text=plain[score, "video_to_text"],
                videos_without_text=self.videos_without_text, draws=self.draws,
            )
            for (score, direction), metrics in plain.items()
            if direction == "text_to_video" and (score, "video_to_text") in plain
        }  # fmt: skip

    @cached_property
    def breakdown(self) -> Breakdown | None:
        """`final` by length, noun, verb and attribute of the texts; None where no query has a text."""
        texts = [query.text for query in self.queries]
        return breakdown(texts, self.final.metrics.ranks) if any(text.strip() for text in texts) else None

    def r_sum_both_ways(self) -> dict[str, float]:
        """Plain score -> R@1 + R@5 + R@10 of text to video and video to text, at most 600."""
        return {score: metrics.r_sum for score, metrics in self.both_ways().items()}


def run_evaluation(
    benchmark: Benchmark,
    *,
    pooled: Any,
    facts: RunFacts,
    reranked: Any = None,
    bank: Any = None,
    bank_temperature: float = QUERY_BANK_TEMPERATURE,
    dual_softmax_temperature: float | None = None,
    date: str | None = None,
) -> Run:
    """Every figure of a model on a benchmark.

    pooled, reranked: [Q, N], rows as `benchmark.queries`, columns as `benchmark.videos`. bank: [B, N] pooled scores of
    other queries, for QB-Norm at bank_temperature. dual_softmax_temperature: adds rows for the dual softmax. Raises ValueError as
    `retrieval_metrics` does, and when a matrix is not of the benchmark's shape.
    """
    judgements = benchmark.judgements
    notices = list(benchmark.notices)
    rows: list[ResultRow] = []
    changed: list[ResultRow] = []
    plain: list[tuple[Score, ScoreMatrix]] = [("pooled", _matrix("pooled", pooled, judgements))]
    if reranked is not None:
        plain.append(("reranked", _matrix("reranked", reranked, judgements)))
    without_text = 0
    for score, matrix in plain:
        metrics = two_way_metrics(matrix, judgements)
        without_text = metrics.videos_without_text
        notice = suspicious_gap(metrics, judgements)
        if notice:
            notices.append(f"{score}: {notice}")
        graded = None if judgements.single else graded_metrics(matrix, judgements, **vars(benchmark.grading))
        rows.append(ResultRow(score=score, direction="text_to_video", metrics=metrics.text_to_video, graded=graded))
        rows.append(ResultRow(score=score, direction="video_to_text", metrics=metrics.video_to_text))
        rows.extend(_grouped(score, matrix, judgements))
        if dual_softmax_temperature is not None:
            changed.extend(_dual_softmax_rows(score, matrix, judgements, dual_softmax_temperature))
    if bank is not None:
        changed.append(_query_bank_row(plain[0][1], bank, judgements, bank_temperature))
    return Run(
        protocol=benchmark.protocol,
        split_hash=benchmark.split_hash,
        query_hash=benchmark.query_hash,
        gallery_hash=benchmark.gallery_hash,
        videos=len(benchmark.videos),
        videos_without_text=without_text,
        facts=facts,
        date=date or datetime.now(timezone.utc).isoformat(timespec="seconds"),
        notices=tuple(notices),
        rows=(*rows, *changed),
        queries=tuple(_answered(benchmark, plain[-1][1])),
        draws=judgements.draws(),
    )


def _matrix(name: str, similarity: Any, judgements: Judgements) -> ScoreMatrix:
    matrix = ScoreMatrix(similarity)
    shape = (judgements.query_count, judgements.item_count)
    if matrix.shape != shape:
        raise ValueError(
            f"the {name} scores are {matrix.shape[0]} x {matrix.shape[1]}: the benchmark is {shape[0]} x {shape[1]}"
        )
    return matrix


def _grouped(score: Score, matrix: ScoreMatrix, judgements: Judgements) -> Iterator[ResultRow]:
    metrics = grouped_video_to_text(matrix, judgements)
    if metrics is not None:
        yield ResultRow(score=score, direction="video_to_grouped_text", metrics=metrics, note=GROUPED_NOTE)


def _dual_softmax_rows(
    score: Score, matrix: ScoreMatrix, judgements: Judgements, temperature: float
) -> Iterator[ResultRow]:
    metrics = two_way_metrics(dual_softmax_scores(matrix, temperature=temperature), judgements)
    note = f"temperature {temperature:g}; {DUAL_SOFTMAX_NOTE}"
    directions: dict[Direction, RetrievalMetrics] = {
        "text_to_video": metrics.text_to_video,
        "video_to_text": metrics.video_to_text,
    }
    for direction, figures in directions.items():
        yield ResultRow(score=score, direction=direction, metrics=figures, post_processing="dual_softmax", note=note)


def _query_bank_row(matrix: ScoreMatrix, bank: Any, judgements: Judgements, temperature: float) -> ResultRow:
    known = ScoreMatrix(bank)
    changed = ScoreMatrix(qb_norm_scores(matrix, known, temperature=temperature))
    metrics = RetrievalMetrics.of(rank_queries(changed, judgements))    # its rows cannot be compared: one way only
    note = f"{known.shape[0]:,} bank queries, temperature {temperature:g}; {QUERY_BANK_NOTE}"
    return ResultRow(score="pooled", direction="text_to_video", metrics=metrics, post_processing="qb_norm", note=note)


def _answered(benchmark: Benchmark, matrix: ScoreMatrix) -> Iterator[AnsweredQuery]:
    ids = benchmark.video_ids
    count = min(TOP_ANSWERS, len(ids))
    for start, block in matrix.blocks():
        for query, row in zip(benchmark.queries[start : start + len(block)], block, strict=True):
            yield AnsweredQuery(
                id=query.id,
                text=query.text,
                relevant=tuple(video for video, grade in query.relevant.items() if grade > 0),
                top=tuple(ids[column] for column in _first_columns(row, count)),
            )


def _first_columns(row: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """The `count` highest columns, best first, ties by column."""
    least = np.partition(row, len(row) - count)[len(row) - count]
    candidates = np.flatnonzero(row >= least)
    return candidates[np.argsort(-row[candidates], kind="stable")][:count]
