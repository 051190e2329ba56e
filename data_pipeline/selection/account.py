"""Where every row went: rows in = kept + filtered + failed, for each shard and in total."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.selection.clusters import Clusters
from data_pipeline.selection.columns import Measured
from data_pipeline.selection.components import Indices
from data_pipeline.selection.deciding import Selection
from data_pipeline.selection.reasons import NO_TEXT, REASONS
from data_pipeline.selection.settings import SelectionSettings

# What can become of a row, by number.
_OUTCOMES = (*REASONS, NO_TEXT, "kept", "failed")
_NO_TEXT, _KEPT, _FAILED = range(len(REASONS), len(_OUTCOMES))


@dataclass(frozen=True, kw_only=True)
class Count:
    """rows = kept + all that was filtered, by reason, + all that failed, by kind. Raises CorpusError where it is not so."""

    rows: int
    kept: int
    filtered: Mapping[str, int]
    failed: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rows != self.kept + sum(self.filtered.values()) + sum(self.failed.values()):
            raise CorpusError("other_rows", f"The account of a corpus does not add up ({self}): please report this.")


@dataclass(frozen=True, kw_only=True)
class ShardAccount:
    """The sources that a shard was asked for, and the candidates that were made of them."""

    sources: Count
    candidates: Count


@dataclass(frozen=True, kw_only=True)
class Account:
    """sources: a source is kept with any of its candidates; else it has the reason of the one that came furthest.

    splits: videos and pairs of each. groups: how many there are of videos that must share a split; the largest one says
    what that costs. duplicates: candidates and videos that repeat an earlier one. threshold, ladder: see `Selection`.
    """

    sources: Count
    candidates: Count
    shards: Mapping[str, ShardAccount]
    splits: Mapping[str, Mapping[str, int]]
    groups: Mapping[str, int]
    duplicates: Mapping[str, int]
    threshold: float | None
    ladder: tuple[Mapping[str, Any], ...]
    settings: Mapping[str, Any]


def account_of(measured: Measured, selection: Selection, clusters: Clusters, settings: SelectionSettings) -> Account:
    """Count, shard by shard and in total. Raises CorpusError where a count does not add up."""
    shards = _shards(measured, selection.places)
    sizes = np.bincount(selection.groups) if len(selection.groups) else np.zeros(1, np.int64)
    return Account(
        sources=_total(shard.sources for shard in shards.values()),
        candidates=_total(shard.candidates for shard in shards.values()),
        shards=shards, splits=_splits(measured, selection),
        groups={"videos": len(selection.groups), "groups": int((sizes > 0).sum()), "largest": int(sizes.max())},
        duplicates={"candidates": _repeating(clusters.texts), "videos": _repeating(clusters.videos)},
        threshold=selection.threshold, ladder=tuple(asdict(step) for step in selection.ladder),
        settings=settings.model_dump(mode="json"),
    )


def _shards(measured: Measured, places: Indices) -> dict[str, ShardAccount]:
    names = measured.rows["shard"].to_pylist()
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    of_row = np.array([numbers[name] for name in names], np.int64)
    of_candidate = of_row[measured.row_of_candidate]
    outcomes = np.where(places < 0, _KEPT, places)
    sources = _by_shard(of_row, _of_rows(measured, outcomes), len(numbers))
    candidates = _by_shard(of_candidate, outcomes, len(numbers))
    failures: list[Counter[str]] = [Counter() for _ in numbers]
    for row in np.flatnonzero(measured.video_of_row < 0).tolist():
        failures[of_row[row]][measured.rows["error_kind"][row].as_py() or "unknown"] += 1
    rows, made = (np.bincount(places, minlength=len(numbers)).tolist() for places in (of_row, of_candidate))
    return {
        name: ShardAccount(
            sources=_count(rows[number], sources[number], failures[number]), candidates=_count(made[number], candidates[number]),
        )
        for name, number in numbers.items()
    }  # fmt: skip


def _of_rows(measured: Measured, outcomes: Indices) -> Indices:
    """For each row the outcome of that of its candidates which came furthest."""
    furthest = np.full(measured.rows.num_rows, -1, np.int64)
    np.maximum.at(furthest, measured.row_of_candidate, outcomes)
    furthest[furthest < 0] = _NO_TEXT
    furthest[measured.video_of_row < 0] = _FAILED
    return furthest


def _by_shard(shards: Indices, outcomes: Indices, count: int) -> Indices:
    """[shards, outcomes]: how many there are."""
    width = len(_OUTCOMES)
    return np.bincount(shards * width + outcomes, minlength=count * width).reshape(count, width)


def _count(rows: int, outcomes: Indices, failed: Mapping[str, int] | None = None) -> Count:
    filtered = {name: int(number) for name, number in zip(_OUTCOMES[:_KEPT], outcomes, strict=False) if number}
    return Count(rows=rows, kept=int(outcomes[_KEPT]), filtered=filtered, failed=dict(sorted((failed or {}).items())))


def _total(counts: Iterable[Count]) -> Count:
    rows, kept, filtered, failed = 0, 0, Counter[str](), Counter[str]()
    for count in counts:
        rows, kept = rows + count.rows, kept + count.kept
        filtered.update(count.filtered)
        failed.update(count.failed)
    in_order = {name: filtered[name] for name in _OUTCOMES if filtered[name]}
    return Count(rows=rows, kept=kept, filtered=in_order, failed=dict(sorted(failed.items())))


def _splits(measured: Measured, selection: Selection) -> dict[str, dict[str, int]]:
    pairs = np.bincount(measured.video_of_candidate[selection.places < 0], minlength=len(selection.splits)).tolist()
    found: dict[str, dict[str, int]] = {}
    for split, number in zip(selection.splits, pairs, strict=True):
        if number:
            count = found.setdefault(split, {"videos": 0, "pairs": 0})
            count["videos"] += 1
            count["pairs"] += number
    return dict(sorted(found.items()))


def _repeating(clusters: Indices) -> int:
    return int((clusters != np.arange(len(clusters))).sum())
