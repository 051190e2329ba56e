"""A corpus on disk to `report.html` and `statistics.json` in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from data_pipeline.building.measured_tables import committed
from data_pipeline.building.plan import SOURCES
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import whole_file, write_json
from data_pipeline.corpus.measured import CandidateRow, DecisionRow, MeasuredVideo
from data_pipeline.corpus.tables import read_table
from data_pipeline.report.evidence import columns, evidence_summary, stage_summary
from data_pipeline.report.outcomes import Outcomes
from data_pipeline.report.page.page import page
from data_pipeline.report.page.samples import ShownGroup, ShownPair
from data_pipeline.report.pairs import KEPT, CandidateFacts, PairTally
from data_pipeline.report.refused import refused_summary
from data_pipeline.report.settings import digests_of, selection_of, settings_of
from data_pipeline.report.thumbnails import StoredPictures
from data_pipeline.report.videos import VideoFacts, VideoTally
from data_pipeline.report.words import word_summary
from data_pipeline.selection.select import DECISIONS

PAGE, STATISTICS = "report.html", "statistics.json"
_ROWS_AT_ONCE = 8192
_MOST_PICTURE_BYTES = 3_000_000     # a third more as text in the page
_KEPT_SAMPLES, _REJECTED_SAMPLES, _MOST_GROUPS = 24, 8, 12

_USUAL_SCORE = "relevance_top3"     # that samples are told with before a selection names its own

Picture = Callable[[str, int], "bytes | None"]     # of a video's id and a time in ms


@dataclass(frozen=True, kw_only=True)
class _Source:
    source_id: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """Where the two files are, and what the second says."""

    page: Path
    statistics_file: Path
    statistics: dict[str, Any]


def write_report(directory: Path, *, characters: int = 60_000, picture: Picture | None = None) -> Report:
    """Count all committed tables of a corpus and write its page and its numbers, each whole.

    characters: how many of kept texts are cut into words, at some 6,000 a second; picture: gives a JPEG of a moment of
    a video, None = from what the build has kept: no video is opened.
    Memory: 360 MB for a million candidates (benchmarks/corpus_report.py).
    Raises CorpusError: unreadable (no corpus, a damaged table), write.
    """
    if not committed(directory):
        raise CorpusError(
            "unreadable", f"There is no measured video in {directory}: build the corpus first, or name another directory."
        )
    selection = selection_of(directory)
    decisions = () if selection is None else read_table(directory / DECISIONS, DecisionRow)
    pairs = PairTally(Outcomes(decisions), samples=_KEPT_SAMPLES)
    _count_pairs(directory, pairs)
    videos = VideoTally(pairs.kept_videos())
    wanted = {row.video_id for sample in pairs.samples.values() for row in sample.items()}
    shards: dict[str, str] = {}
    for row in columns(directory, MeasuredVideo, VideoFacts):
        videos.add(row)
        if row.video_id in wanted and row.video_id is not None and row.status == "measured":
            shards[row.video_id] = row.shard
    statistics: dict[str, Any] = {
        "sources": _count_sources(directory), "refused": refused_summary(directory), "videos": videos.summary(),
        "pairs": pairs.summary(), "evidence": evidence_summary(directory), "stages": stage_summary(directory),
        "words": word_summary(pairs.texts.items(), characters=characters), "settings": settings_of(directory),
        "selection": selection, "sha256": digests_of(directory),
    }  # fmt: skip
    score = _USUAL_SCORE if selection is None else selection["settings"]["score"]
    shown = _shown(pairs, score=score, picture=picture or StoredPictures(directory, shards))
    write_json(directory / STATISTICS, statistics)
    with whole_file(directory / PAGE) as file:
        file.write(page(statistics, shown, name=directory.resolve().name).encode())
    return Report(page=directory / PAGE, statistics_file=directory / STATISTICS, statistics=statistics)


def _count_pairs(directory: Path, pairs: PairTally) -> None:
    for rows in _batches(columns(directory, CandidateRow, CandidateFacts)):
        for row, code in zip(rows, pairs.codes([row.pair_id for row in rows]), strict=True):
            pairs.add(row, code)


def _count_sources(directory: Path) -> int | None:
    path = directory / SOURCES
    return sum(1 for _ in read_table(path, _Source)) if path.is_file() else None


def _batches(rows: Iterator[CandidateFacts]) -> Iterator[list[CandidateFacts]]:
    while part := list(islice(rows, _ROWS_AT_ONCE)):
        yield part


def _shown(pairs: PairTally, *, score: str, picture: Picture) -> list[ShownGroup]:
    """Samples by outcome, the kept first and then the commonest reasons; pictures end where the page would get too large."""
    names = sorted(pairs.samples, key=lambda name: (name != KEPT, -pairs.samples[name].seen, name))[:_MOST_GROUPS]
    left = _MOST_PICTURE_BYTES
    groups = []
    for place, name in enumerate(names):
        rows = pairs.samples[name].items()[: _REJECTED_SAMPLES if place else _KEPT_SAMPLES]
        shown = []
        for row in sorted(rows, key=lambda row: -(_score(row, score) or 0.0)):
            data = picture(row.video_id, (row.start_ms + row.end_ms) // 2) if left > 0 else None
            left -= len(data or b"")
            shown.append(_shown_pair(row, score, data))
        groups.append(ShownGroup(outcome=name, total=pairs.samples[name].seen, pairs=tuple(shown)))
    return groups


def _shown_pair(row: CandidateFacts, score: str, data: bytes | None) -> ShownPair:
    masked = score.replace("relevance", "masked")
    return ShownPair(
        text=row.text, kind=row.kind, start_ms=row.start_ms, end_ms=row.end_ms, score=_score(row, score),
        masked=None if masked == score else _score(row, masked), flags=row.flags, picture=data,
    )


def _score(row: CandidateFacts, name: str) -> float | None:
    return getattr(row, name)
