"""What did a tracked text say? The vote over its sightings, and the points where it really changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby, pairwise
from statistics import fmean
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_pipeline.evidence.text_likeness import Box, part_of

_SURE = 0.85


class Sighting(NamedTuple):
    """One look's reading of a text; `key` is the text as it is compared, box and quad are in shares of the picture."""

    time_ms: int
    text: str
    key: str
    confidence: float
    box: Box
    quad: NDArray[np.float32]
    untouched: bool = False         # no stroke of it has changed since the look before


class Stretch(NamedTuple):
    """A span in which a track said one thing."""

    start_ms: int
    end_ms: int
    text: str
    confidence: float
    quad: NDArray[np.float32]
    looks: int


def stretches(sightings: Sequence[Sighting], *, end_ms: int, split: bool = True) -> list[Stretch]:
    """Vote over the sightings of one track; with `split`, cut it where one sure reading gave way to another for good.

    Sightings are in order of time and end before `end_ms`. There is at least one stretch, and they touch.
    """
    parts = _parts(sightings) if split else [list(sightings)]
    ends = [part[0].time_ms for part in parts[1:]] + [end_ms]
    return [_voted(part, end_ms=end) for part, end in zip(parts, ends, strict=True)]


def _parts(sightings: Sequence[Sighting]) -> list[list[Sighting]]:
    """Cut before each reading that is new, sure, seen by two looks or more, and not followed by an earlier one.

    Where no stroke has changed in between, another reading is a slip, however sure.
    """
    runs = [list(run) for _, run in groupby(sightings, key=lambda sighting: sighting.key)]
    sure = [run for run in runs if len(run) > 1 and fmean(s.confidence for s in run) >= _SURE]
    keys = [run[0].key for run in sure]
    if len(set(keys)) < len(keys):      # a reading came back: OCR wavers, the text does not
        return [list(sightings)]
    cuts = [
        b[0].time_ms for a, b in pairwise(sure)
        if not part_of(a[0].key, b[0].key)
        and not all(s.untouched for s in sightings if a[-1].time_ms < s.time_ms <= b[0].time_ms)
    ]
    bounds = [sightings[0].time_ms, *cuts, sightings[-1].time_ms + 1]
    return [
        [s for s in sightings if start <= s.time_ms < end] for start, end in pairwise(bounds)
    ]


def _voted(part: list[Sighting], *, end_ms: int) -> Stretch:
    votes: dict[str, list[Sighting]] = defaultdict(list)
    for sighting in part:
        votes[sighting.key].append(sighting)
    winner = max(votes, key=lambda key: sum(s.confidence for s in votes[key]))
    fuller = (key for key in votes if winner in key and len(votes[key]) >= min(2, len(votes[winner])))
    readings = votes[max(fuller, key=len, default=winner)]
    best = max(readings, key=lambda sighting: sighting.confidence)
    return Stretch(
        start_ms=part[0].time_ms, end_ms=end_ms, text=best.text, quad=best.quad,
        confidence=fmean(s.confidence for s in readings), looks=len(part),
    )
