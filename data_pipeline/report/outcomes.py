"""What was decided of every candidate, small enough in memory for millions of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from data_pipeline.corpus.measured import DecisionRow


@dataclass(frozen=True)
class Outcome:
    """kept: None where nothing is decided yet."""

    kept: bool | None = None
    reason: str = ""
    split: str = ""


UNDECIDED = Outcome()


class Outcomes:
    """The outcome of each pair id as a number, which `kinds` gives back; 10 bytes a candidate."""

    def __init__(self, decisions: Iterable[DecisionRow]) -> None:
        self.kinds: list[Outcome] = [UNDECIDED]
        numbers: dict[Outcome, int] = {UNDECIDED: 0}
        keys, codes = array("q"), array("H")
        for row in decisions:
            outcome = Outcome(row.keep, row.reason, row.split)
            if outcome not in numbers:
                numbers[outcome] = len(self.kinds)
                self.kinds.append(outcome)
            keys.append(hash(row.pair_id))
            codes.append(numbers[outcome])
        order = np.argsort(np.frombuffer(keys, dtype=np.int64), kind="stable")
        self._keys = np.frombuffer(keys, dtype=np.int64)[order]
        self._codes = np.frombuffer(codes, dtype=np.uint16)[order]

    def of(self, pair_ids: Sequence[str]) -> list[int]:
        """The numbers of outcomes, 0 for a pair of which nothing is decided."""
        if not len(self._keys):
            return [0] * len(pair_ids)
        wanted = np.fromiter(map(hash, pair_ids), dtype=np.int64, count=len(pair_ids))
        places = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where(self._keys[places] == wanted, self._codes[places], 0).tolist()
