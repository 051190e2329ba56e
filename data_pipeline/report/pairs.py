"""Candidates and what became of them, counted in one pass."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from data_pipeline.corpus.rows import Score
from data_pipeline.report.outcomes import Outcome, Outcomes
from data_pipeline.report.sampling import Sample
from data_pipeline.report.scores import histogram
from data_pipeline.selection.settings import SCORES

KEPT = "kept"
_LOW_SCORE = "relevance"            # the reason that a threshold gives
_TEXTS = 20_000                     # of the sample that words are counted in
_NOT_SCORED = float("nan")


@dataclass(frozen=True, kw_only=True)
class CandidateFacts:
    """The columns of a candidate that are counted."""

    pair_id: str
    video_id: str
    kind: str
    start_ms: int
    end_ms: int
    text: str
    language: str
    characters: int
    flags: tuple[str, ...]
    relevance_mean: Score | None
    relevance_max: Score | None
    relevance_top3: Score | None
    masked_mean: Score | None
    masked_max: Score | None
    masked_top3: Score | None


class PairTally:
    """Takes every candidate once. Numbers are kept of every row, texts only of samples."""

    def __init__(self, outcomes: Outcomes, *, samples: int) -> None:
        self.kinds = outcomes.kinds
        self.codes = outcomes.of
        self.texts: Sample[str] = Sample(_TEXTS)
        self.samples: dict[str, Sample[CandidateFacts]] = {}
        self._samples = samples
        self._codes, self._videos, self._lengths_ms = array("H"), array("q"), array("q")
        self._scores = {name: array("f") for name in SCORES}
        self._by_kind: Counter[tuple[str, str]] = Counter()
        self._languages: Counter[str] = Counter()
        self._flags: Counter[str] = Counter()
        self._characters = 0

    def add(self, row: CandidateFacts, code: int) -> None:
        """Count a candidate. code: the number of its outcome."""
        outcome = self.kinds[code]
        self._codes.append(code)
        self._videos.append(hash(row.video_id))
        self._lengths_ms.append(row.end_ms - row.start_ms)
        for name in SCORES:
            score = getattr(row, name)
            self._scores[name].append(_NOT_SCORED if score is None else score)
        self._by_kind[row.kind, _name(outcome)] += 1
        self._flags.update(set(row.flags))
        if outcome.kept is not False:
            self._languages[row.language] += 1
            self._characters += row.characters
            self.texts.add(row.pair_id, row.text)
        self.samples.setdefault(_name(outcome), Sample(self._samples)).add(row.pair_id, row)

    def kept_videos(self) -> set[int]:
        """The hashes of ids of the videos that have a kept pair."""
        return set(np.unique(self._columns()[1][self._mask(lambda outcome: outcome.kept is True)]).tolist())

    def summary(self) -> dict[str, Any]:
        """All counts, ready for JSON."""
        codes, videos = self._columns()
        names = Counter({outcome: int((codes == code).sum()) for code, outcome in enumerate(self.kinds)})
        reasons: Counter[str] = Counter()
        for outcome, count in names.items():
            reasons[_name(outcome)] += count
        kept = self._mask(lambda outcome: outcome.kept is True)
        used = reasons[KEPT] or reasons["undecided"]
        return {
            "candidates": len(codes), "kept": reasons[KEPT], "undecided": reasons["undecided"],
            "reasons": {name: n for name, n in reasons.most_common() if n and name not in (KEPT, "undecided")},
            "videos_with_candidates": len(np.unique(videos)), "videos_kept": len(np.unique(videos[kept])),
            "kinds": self._kinds(), "languages": dict(self._languages.most_common()), "flags": dict(self._flags.most_common()),
            "splits": self._splits(codes, videos), "characters_mean": round(self._characters / used, 2) if used else 0.0,
            "seconds": second_bins(np.frombuffer(self._lengths_ms, dtype=np.int64)[kept]), "scores": self._score_summary(),
        }  # fmt: skip

    def _columns(self) -> tuple[np.ndarray, np.ndarray]:
        return np.array(self._codes, dtype=np.uint16), np.array(self._videos, dtype=np.int64)

    def _mask(self, wanted: Any) -> np.ndarray:
        chosen = np.array([bool(wanted(outcome)) for outcome in self.kinds])
        return chosen[self._columns()[0]]

    def _kinds(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for (kind, name), count in sorted(self._by_kind.items()):
            entry = found.setdefault(kind, {"candidates": 0, "kept": 0})
            entry["candidates"] += count
            entry["kept"] += count if name == KEPT else 0
        return found

    def _splits(self, codes: np.ndarray, videos: np.ndarray) -> dict[str, dict[str, int]]:
        found = {}
        for split in sorted({outcome.split for outcome in self.kinds if outcome.kept}):
            mask = self._mask(lambda outcome, split=split: outcome.kept and outcome.split == split)
            found[split] = {"pairs": int(mask.sum()), "videos": len(np.unique(videos[mask]))}
        return found

    def _score_summary(self) -> dict[str, Any]:
        kept = self._mask(lambda outcome: outcome.kept is not False)
        low = self._mask(lambda outcome: outcome.kept is False and outcome.reason == _LOW_SCORE)
        classes = {"kept": kept, "low": low, "other": ~kept & ~low}
        found = {name: histogram(np.array(values, dtype=np.float32), classes) for name, values in self._scores.items()}
        return {name: bins for name, bins in found.items() if bins is not None}


def second_bins(lengths_ms: np.ndarray) -> dict[str, Any]:
    """Lengths counted by whole seconds, with the least, the mean and the greatest in seconds."""
    if not len(lengths_ms):
        return {"count": 0, "bins": {}}
    seconds, counts = np.unique(lengths_ms // 1000, return_counts=True)
    return {
        "count": len(lengths_ms), "min": int(lengths_ms.min()) / 1000, "mean": round(float(lengths_ms.mean()) / 1000, 3),
        "max": int(lengths_ms.max()) / 1000, "hours": round(float(lengths_ms.sum()) / 3_600_000, 3),
        "bins": {str(second): int(count) for second, count in zip(seconds, counts, strict=True)},
    }  # fmt: skip


def _name(outcome: Outcome) -> str:
    """What became of a pair in a word: kept, undecided or the reason."""
    return "undecided" if outcome.kept is None else KEPT if outcome.kept else outcome.reason
