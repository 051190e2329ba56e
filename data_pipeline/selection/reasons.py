"""Why a candidate is rejected: the first of the reasons that apply, in an order that never changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_pipeline.selection.components import Indices
from data_pipeline.selection.settings import SPEECH_FLAGS

KEPT = ""
# What its owner wants, what is wrong with it, what it is too many of, and only then how well it fits and how many there are.
REASONS = (
    "removed", "license", *SPEECH_FLAGS, "bait", "personal_data", "short", "short_text", "too_short", "too_long",
    "no_relevance", "split_conflict", "duplicate_video", "duplicate_text", "relevance", "balance",
)  # fmt: skip
NO_TEXT = "no_text"                 # of a source without a candidate


class Verdicts:
    """A reason for each candidate, which the first to give one gives for good."""

    def __init__(self, count: int) -> None:
        self._reasons = np.full(count, -1, np.int64)

    def reject(self, which: NDArray[np.bool_], reason: str) -> None:
        """Reject those of the candidates that nobody has rejected yet."""
        self._reasons[which & self.open] = REASONS.index(reason)

    @property
    def open(self) -> NDArray[np.bool_]:
        """Which candidates nobody has rejected."""
        return self._reasons < 0

    @property
    def places(self) -> Indices:
        """For each candidate the place of its reason in `REASONS`, -1 for one that is kept."""
        return self._reasons
