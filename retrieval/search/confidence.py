"""How sure a hit is: what its words hold of the query, and how its picture stands among answers to unrelated queries."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from retrieval.library import Library
from retrieval.records import Generation
from retrieval.search.results import Match

Band = Literal["high", "medium", "low"]

SETTING = "calibration"
# Of the share of the query's information that a row holds, and of the share of unrelated queries that it outdoes.
_HIGH_WORDS, _MEDIUM_WORDS = 0.8, 0.5
_HIGH_SEEN, _MEDIUM_SEEN = 0.95, 0.5


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What unrelated queries reach in one library: `best` are the scores of their best clips, ascending.

    made_with: the revision and preprocessing of the generation that was asked, "" while there was none; clips: how many
    there were, for the best of more clips is better.
    """

    made_with: str
    clips: int
    best: tuple[float, ...]

    def outdone(self, score: float) -> float:
        """The share (0..1) of unrelated queries whose best clip scores below this."""
        return bisect_left(self.best, score) / len(self.best) if self.best else 0.0

    def save(self, library: Library) -> None:
        library.set_setting(SETTING, json.dumps(asdict(self)))


def mark_of(generation: Generation | None) -> str:
    """What tells the vectors of one generation from those of another."""
    return "" if generation is None else f"{generation.revision} {generation.preprocessing} {generation.dimension}"


def stored_calibration(library: Library) -> Calibration | None:
    """The library's calibration, None when it has none or its vectors are searched by another model since."""
    stored = library.setting(SETTING)
    if stored is None:
        return None
    content = json.loads(stored)
    found = Calibration(made_with=content["made_with"], clips=content["clips"], best=tuple(content["best"]))
    return found if found.made_with == mark_of(library.generation()) else None


def band_of(best: Sequence[Match], calibration: Calibration) -> Band:
    """The band of a video by the best row of each of its channels: the strongest of them decides."""
    words = max((match.coverage for match in best if match.coverage is not None), default=0.0)
    seen = max((calibration.outdone(match.score) for match in best if match.clip_id is not None), default=0.0)
    if words >= _HIGH_WORDS or seen >= _HIGH_SEEN:
        return "high"
    return "medium" if words >= _MEDIUM_WORDS or seen >= _MEDIUM_SEEN else "low"
