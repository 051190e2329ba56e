"""Spans of time as a whole: how much they cover, and which of them lie about a moment, without going through all of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

Span = tuple[int, int]      # start and end in ms, the end not included


class Cover:
    """What some spans cover together; overlaps count once. Empty spans cover nothing."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(spans):
            if start >= end:
                continue
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)
        lengths = (end - start for start, end in zip(self._starts, self._ends, strict=True))
        self._covered = [0, *accumulate(lengths)]       # before each span, and at last of all

    def share(self, start_ms: int, end_ms: int) -> float:
        """How much of start..end is covered, 0..1."""
        return (self._until(end_ms) - self._until(start_ms)) / (end_ms - start_ms) if start_ms < end_ms else 0.0

    def within(self, start_ms: int, end_ms: int) -> Span | None:
        """From the first to the last covered moment of start..end, None where nothing of it is covered."""
        first, last = bisect_right(self._ends, start_ms), bisect_left(self._starts, end_ms) - 1
        if first > last:
            return None
        return max(start_ms, self._starts[first]), min(end_ms, self._ends[last])

    def _until(self, now_ms: int) -> int:
        place = bisect_right(self._starts, now_ms)
        if not place:
            return 0
        return self._covered[place - 1] + min(now_ms, self._ends[place - 1]) - self._starts[place - 1]


class Neighbours:
    """Which of some spans overlap another one, by their numbers."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._order = sorted(range(len(spans)), key=lambda number: spans[number])
        self._starts = [spans[number][0] for number in self._order]
        self._ends = [spans[number][1] for number in self._order]
        self._reached = list(accumulate(self._ends, max))

    def of(self, start_ms: int, end_ms: int) -> list[int]:
        """Numbers of the spans with start < end_ms and start_ms < end, ascending."""
        places = range(bisect_right(self._reached, start_ms), bisect_left(self._starts, end_ms))
        return sorted(self._order[place] for place in places if start_ms < self._ends[place])
