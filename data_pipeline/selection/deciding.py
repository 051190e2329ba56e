"""Every candidate gets its decision, from stored scores and clusters alone: pure functions on columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_pipeline.corpus.tables import require_pyarrow
from data_pipeline.selection.balance import within_caps
from data_pipeline.selection.clusters import Clusters
from data_pipeline.selection.columns import Measured, mask
from data_pipeline.selection.components import Indices, components, joined_by
from data_pipeline.selection.reasons import KEPT, REASONS, Verdicts
from data_pipeline.selection.removed import Removed
from data_pipeline.selection.repetition import repeated_candidates
from data_pipeline.selection.settings import SelectionSettings
from data_pipeline.selection.splits import split_of_groups, strictest
from data_pipeline.selection.thresholds import Step, keep_ladder, share_threshold, video_means


@dataclass(frozen=True, kw_only=True)
class Selection:
    """decisions: a pyarrow.Table with the columns of DecisionRow, in order of the candidates; places: their reasons' places in
    `REASONS`, -1 for kept. threshold: the one that decided, None where relevance decided nothing. ladder: what shares would
    keep. groups: the first video of the group of each video; splits: of each video.
    """

    decisions: Any
    places: Indices
    threshold: float | None
    ladder: tuple[Step, ...]
    groups: Indices
    splits: tuple[str, ...]


def select(measured: Measured, settings: SelectionSettings, *, clusters: Clusters, removed: Removed) -> Selection:
    """Decide on every candidate.

    The clusters of duplicates keep their best member by the score, the first of equals; so a higher threshold keeps a part
    of what a lower one keeps. A video's split follows from all videos, not from what is kept: it stays at any threshold.
    """
    verdicts = Verdicts(measured.candidates.num_rows)
    _by_owner(verdicts, measured, settings, removed)
    _by_measure(verdicts, measured, settings)
    _by_repetition(verdicts, measured, settings, clusters)
    scores = _scores(verdicts, measured, settings)
    groups = _groups(measured, settings, clusters)
    splits = split_of_groups(groups, _given_splits(measured), measured.videos["video_id"].to_pylist(), settings)
    verdicts.reject(_in_another_split(measured, splits), "split_conflict")
    _duplicates(verdicts, measured, settings, clusters, scores)
    threshold, ladder = _by_relevance(verdicts, measured, settings, scores)
    _balance(verdicts, measured, settings)
    return Selection(
        decisions=_decisions(verdicts, measured, clusters, splits), places=verdicts.places, threshold=threshold, ladder=ladder,
        groups=groups, splits=tuple(splits),
    )


def _by_owner(verdicts: Verdicts, measured: Measured, settings: SelectionSettings, removed: Removed) -> None:
    rows = measured.rows
    gone = mask(rows["video_id"], [*removed.videos]) | mask(rows["uploader_hash"], [*removed.uploaders])
    gone |= mask(rows["source_id"], [*removed.sources])
    verdicts.reject(gone[measured.row_of_candidate], "removed")
    if settings.licenses is not None:
        allowed = mask(rows["license_code"], settings.licenses)
        verdicts.reject(~allowed[measured.row_of_candidate], "license")


def _by_measure(verdicts: Verdicts, measured: Measured, settings: SelectionSettings) -> None:
    flags = measured.candidates["flags"].combine_chunks()
    names, owners = flags.flatten(), _owners(flags)
    for reason in REASONS:
        if reason in settings.rejected_flags:
            flagged = np.zeros(len(flags), bool)
            flagged[owners[mask(names, [reason])]] = True
            verdicts.reject(flagged, reason)
    duration = _numbers(measured, "end_ms") - _numbers(measured, "start_ms")
    verdicts.reject(_numbers(measured, "characters") < settings.min_characters, "short_text")
    verdicts.reject(duration < settings.min_ms, "too_short")
    if settings.max_ms is not None:
        verdicts.reject(duration > settings.max_ms, "too_long")


def _by_repetition(verdicts: Verdicts, measured: Measured, settings: SelectionSettings, clusters: Clusters) -> None:
    if settings.repeated_videos is not None:
        repeated = repeated_candidates(
            measured, clusters.same_texts, clusters.videos, most=settings.repeated_videos
        )
        verdicts.reject(repeated, "repeated_elsewhere")


def _scores(verdicts: Verdicts, measured: Measured, settings: SelectionSettings) -> NDArray[np.float32]:
    """The score of every candidate, NaN where there is none; rejects these when scores are to decide."""
    scores = measured.candidates[settings.score].to_numpy(zero_copy_only=False).astype(np.float32)
    if settings.filters:
        verdicts.reject(np.isnan(scores), "no_relevance")
    if settings.level == "video":
        having = np.flatnonzero(verdicts.open & ~np.isnan(scores))
        scores[having] = video_means(scores[having], measured.video_of_candidate[having])
    return scores


def _groups(measured: Measured, settings: SelectionSettings, clusters: Clusters) -> Indices:
    """For each video the first one that must be in the same split."""
    edges = [(np.arange(len(clusters.videos)), clusters.videos)]
    if settings.uploader_in_one_split:
        rows = np.flatnonzero(measured.video_of_row >= 0)
        codes = measured.rows["uploader_hash"].combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy()
        left, right = joined_by(codes[rows].astype(np.int64))
        edges.append((measured.video_of_row[rows[left]], measured.video_of_row[rows[right]]))
    if not settings.drop_duplicate_texts:
        edges.append((measured.video_of_candidate, measured.video_of_candidate[clusters.texts]))
    left, right = (np.concatenate(sides) for sides in zip(*edges, strict=True))
    return components(len(clusters.videos), left, right)


def _given_splits(measured: Measured) -> list[str | None]:
    """For each video what owners say of any file with that content, also of one that failed as a copy."""
    given: list[set[str]] = [set() for _ in range(measured.videos.num_rows)]
    for video, split in zip(measured.content_of_row.tolist(), measured.rows["split"].to_pylist(), strict=True):
        if video >= 0 and split:
            given[video].add(split)
    return [strictest(splits) if splits else None for splits in given]


def _in_another_split(measured: Measured, splits: Sequence[str]) -> NDArray[np.bool_]:
    """Which candidates are of a row whose owner wants it in another split than its video is in."""
    wanted = measured.rows["split"].to_pylist()
    places = zip(measured.row_of_candidate.tolist(), measured.video_of_candidate.tolist(), strict=True)
    return np.array([bool(wanted[row]) and wanted[row] != splits[video] for row, video in places], bool)


def _duplicates(
    verdicts: Verdicts, measured: Measured, settings: SelectionSettings, clusters: Clusters, scores: NDArray[np.float32]
) -> None:
    videos = measured.video_of_candidate
    if settings.drop_duplicate_videos:
        best = _best_of_clusters(clusters.videos[videos], scores, verdicts.open)
        verdicts.reject(videos != videos[best], "duplicate_video")
    if settings.drop_duplicate_texts:
        best = _best_of_clusters(clusters.texts, scores, verdicts.open)
        verdicts.reject(best != np.arange(len(best)), "duplicate_text")


def _best_of_clusters(cluster: Indices, scores: NDArray[np.float32], candidates: NDArray[np.bool_]) -> Indices:
    """For each place the one of its cluster with the highest score among `candidates`, the first of equals; none: itself."""
    places = np.flatnonzero(candidates)
    order = places[np.lexsort((places, -np.nan_to_num(scores[places], nan=-np.inf), cluster[places]))]
    first = np.ones(len(order), bool)
    first[1:] = cluster[order[1:]] != cluster[order[:-1]]
    best = np.full(int(cluster.max(initial=0)) + 1, -1, np.int64)
    best[cluster[order[first]]] = order[first]
    found = best[cluster]
    return np.where(found < 0, np.arange(len(cluster)), found)


def _by_relevance(
    verdicts: Verdicts, measured: Measured, settings: SelectionSettings, scores: NDArray[np.float32]
) -> tuple[float | None, tuple[Step, ...]]:
    having = np.flatnonzero(verdicts.open & ~np.isnan(scores))
    if not len(having):
        return settings.threshold, ()
    videos, kinds = measured.video_of_candidate[having], measured.candidates["kind"].to_numpy()[having].astype(str)
    ladder = tuple(keep_ladder(scores[having], videos, kinds, level=settings.level))
    threshold = settings.threshold
    if settings.keep_share is not None:
        threshold = share_threshold(scores[having], videos, settings.keep_share, level=settings.level)
    if threshold is not None:
        verdicts.reject(scores < np.float32(threshold), "relevance")
    return threshold, ladder


def _balance(verdicts: Verdicts, measured: Measured, settings: SelectionSettings) -> None:
    if settings.category_cap is None and settings.topic_cap is None:
        return
    left = np.unique(measured.video_of_candidate[verdicts.open])
    videos = measured.videos.take(left)
    taken = np.ones(measured.videos.num_rows, bool)
    taken[left] = within_caps(
        videos["video_id"].to_pylist(), videos["category"].to_pylist(), videos["topics"].to_pylist(), settings
    )
    verdicts.reject(~taken[measured.video_of_candidate], "balance")


def _decisions(verdicts: Verdicts, measured: Measured, clusters: Clusters, splits: list[str]) -> Any:
    pa, _ = require_pyarrow()
    pair_ids, videos = measured.candidates["pair_id"], measured.video_of_candidate
    reasons = pa.DictionaryArray.from_arrays(pa.array(verdicts.places + 1), pa.array([KEPT, *REASONS]))
    return pa.table({
        "pair_id": pair_ids, "keep": pa.array(verdicts.open), "reason": reasons.cast(pa.string()),
        "split": pa.array(splits, pa.string()).take(pa.array(videos)),
        "text_cluster": pair_ids.take(pa.array(clusters.texts)),
        "video_cluster": measured.videos["video_id"].take(pa.array(clusters.videos[videos])),
    })  # fmt: skip


def _numbers(measured: Measured, name: str) -> Indices:
    return measured.candidates[name].to_numpy().astype(np.int64)


def _owners(lists: Any) -> Indices:
    """The place of the list that each value of flattened lists comes from."""
    import pyarrow.compute as pc

    return pc.list_parent_indices(lists).to_numpy().astype(np.int64)
