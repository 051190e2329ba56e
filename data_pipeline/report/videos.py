"""Files and what was measured of them, counted in one pass."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from data_pipeline.report.pairs import second_bins

_EXAMPLES = 3           # of a kind of failure
_MOST_TOPICS = 200
UNKNOWN = ""            # a category or licence that nobody gave


@dataclass(frozen=True, kw_only=True)
class VideoFacts:
    """The columns of a measured video that are counted."""

    shard: str
    status: str
    error_stage: str | None
    error_kind: str | None
    error: str | None
    retryable: bool
    video_id: str | None
    path: str | None
    file_bytes: int | None
    container: str | None
    video_codec: str | None
    width: int | None
    height: int | None
    duration_ms: int | None
    has_audio: bool | None
    damage: str | None
    topics: tuple[str, ...]
    category: str | None
    uploader_hash: str | None
    license_code: str | None
    shots: int
    speech_ms: int | None
    music_ms: int | None
    singing_ms: int | None
    silence_ms: int | None


class VideoTally:
    """Takes every row of the accounts once. kept: hashes of ids of videos that have a kept pair."""

    def __init__(self, kept: Set[int]) -> None:
        self._kept = kept
        self._durations_ms, self._kept_durations_ms = array("q"), array("q")
        self._status: Counter[str] = Counter()
        self._totals: Counter[str] = Counter()
        self._facts = {name: Counter[str]() for name in ("category", "license", "container", "codec", "height", "topics")}
        self._facts_kept = {name: Counter[str]() for name in ("category", "license")}
        self._uploaders: set[int] = set()
        self._failures: Counter[tuple[str, str]] = Counter()
        self._retryable: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], list[str]] = {}

    def add(self, row: VideoFacts) -> None:
        self._status[row.status] += 1
        if row.status == "failed":
            self._add_failure(row)
            return
        self._add_facts(row)
        self._totals.update({
            "bytes": row.file_bytes or 0, "shots": row.shots, "with_audio": bool(row.has_audio), "damaged": bool(row.damage),
            "heard": row.speech_ms is not None, "speech_ms": row.speech_ms or 0, "music_ms": row.music_ms or 0,
            "singing_ms": row.singing_ms or 0, "silence_ms": row.silence_ms or 0,
        })  # fmt: skip

    def summary(self) -> dict[str, Any]:
        """All counts, ready for JSON."""
        durations = np.frombuffer(self._durations_ms, dtype=np.int64)
        kept = np.frombuffer(self._kept_durations_ms, dtype=np.int64)
        return {
            "rows": sum(self._status.values()), "measured": self._status["measured"], "failed": self._status["failed"],
            "seconds": second_bins(durations), "seconds_kept": second_bins(kept), "totals": dict(self._totals),
            "uploaders": len(self._uploaders), "topics": dict(self._facts["topics"].most_common(_MOST_TOPICS)),
            "topics_total": self._facts["topics"].total(), "topics_different": len(self._facts["topics"]),
            **{name: dict(self._facts[name].most_common()) for name in ("container", "codec", "height")},
            **{name: self._balance(name) for name in ("category", "license")}, "failures": self._failure_rows(),
        }  # fmt: skip

    def _add_facts(self, row: VideoFacts) -> None:
        is_kept = row.video_id is not None and hash(row.video_id) in self._kept
        if row.duration_ms is not None:
            self._durations_ms.append(row.duration_ms)
            if is_kept:
                self._kept_durations_ms.append(row.duration_ms)
        for name, value in (("category", row.category), ("license", row.license_code)):
            self._facts[name][value or UNKNOWN] += 1
            self._facts_kept[name][value or UNKNOWN] += is_kept
        self._facts["container"][row.container or UNKNOWN] += 1
        self._facts["codec"][row.video_codec or UNKNOWN] += 1
        if row.width is not None and row.height is not None:
            self._facts["height"][f"{min(row.width, row.height)}p"] += 1
        self._facts["topics"].update(row.topics)
        if row.uploader_hash is not None:
            self._uploaders.add(hash(row.uploader_hash))

    def _add_failure(self, row: VideoFacts) -> None:
        key = (row.error_stage or UNKNOWN, row.error_kind or UNKNOWN)
        self._failures[key] += 1
        self._retryable[key] += row.retryable
        examples = self._examples.setdefault(key, [])
        if len(examples) < _EXAMPLES and row.error:
            examples.append(_without_folder(row.error, row.path))

    def _balance(self, name: str) -> dict[str, dict[str, int]]:
        return {
            value: {"videos": count, "kept": self._facts_kept[name][value]} for value, count in self._facts[name].most_common()
        }

    def _failure_rows(self) -> list[dict[str, Any]]:
        return [
            {
                "stage": stage, "kind": kind, "count": count, "retryable": self._retryable[stage, kind],
                "examples": self._examples[stage, kind],
            }
            for (stage, kind), count in self._failures.most_common()
        ]  # fmt: skip


def _without_folder(sentence: str, path: str | None) -> str:
    """The page may be shown to others, whom the folders of this machine do not concern."""
    return sentence if path is None else sentence.replace(path, PurePath(path).name)
