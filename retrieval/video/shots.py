"""Where one shot ends and the next begins."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.video.frame import DecodedFrame
from retrieval.video.reader import VideoReader

_CHANGE_FLOOR = 22.0        # summed over the three planes, of 255 each: below it nothing counts as a cut
_CHANGE_RATIO = 2.4         # a cut changes this many times more than its neighbourhood
_PEAK_RATIO = 1.5           # and than the second largest change there: animation on twos moves every other frame
_LOOK_BACK = 4              # frames
_SHORTEST_SHOT_MS = 300
_FLASH_RETURN = 0.5         # a flash: the picture comes back to less than this share of the change


@dataclass(frozen=True)
class _Seen:
    time_ms: int
    planes: NDArray[np.int16]
    change: float | None    # from the frame before; None for the first


class ShotDetector:
    """Finds hard cuts in frames fed in order, a cut becoming certain two frames after it.

    A frame begins a shot when it differs from the one before by at least a floor, by several times the change in its
    neighbourhood (camera and subject movement raise both), by more than the two frames after it do, and when the
    picture does not return at once (a flash).
    """

    LOOK_AHEAD = 2          # frames that are fed before a cut is certain

    def __init__(self) -> None:
        self._window: deque[_Seen] = deque(maxlen=_LOOK_BACK + 1 + self.LOOK_AHEAD)
        self._fed = 0
        self._judged = 0        # frames about which all is said
        self._shot_start_ms = 0

    def feed(self, frame: DecodedFrame) -> list[int]:
        """Take the next frame; the times (ms) of the cuts that became certain, each that of a shot's first frame."""
        planes = frame.planes().astype(np.int16)
        change = _difference(planes, self._window[-1].planes) if self._window else None
        if not self._window:
            self._shot_start_ms = frame.time_ms
        self._window.append(_Seen(frame.time_ms, planes, change))
        self._fed += 1
        return self._judge_until(self._fed - self.LOOK_AHEAD)

    def finish(self) -> list[int]:
        """The cuts among the last frames."""
        return self._judge_until(self._fed)

    def _judge_until(self, count: int) -> list[int]:
        cuts = []
        while self._judged < count:
            position = len(self._window) - (self._fed - self._judged)
            if self._is_cut(position):
                cuts.append(self._window[position].time_ms)
                self._shot_start_ms = cuts[-1]
            self._judged += 1
        return cuts

    def _is_cut(self, position: int) -> bool:
        window = list(self._window)
        here = window[position]
        if here.change is None or here.change < _CHANGE_FLOOR or here.time_ms - self._shot_start_ms < _SHORTEST_SHOT_MS:
            return False
        after = window[position + 1 : position + 1 + self.LOOK_AHEAD]
        if any(seen.change is not None and seen.change > here.change for seen in after):
            return False        # if this is a cut at all, then a little later
        if here.change < _least_cut([*window[max(position - _LOOK_BACK, 0) : position], *after]):
            return False
        before = window[max(position - self.LOOK_AHEAD, 0) : position]
        returns = (_difference(new.planes, old.planes) for new in (here, *after) for old in before)
        return all(difference >= _FLASH_RETURN * here.change for difference in returns)


def detect_shots(reader: VideoReader) -> list[tuple[int, int]]:
    """Half-open [start_ms, end_ms) spans that tile the video from its first frame to its end.

    Raises VideoError as `VideoReader.frames`.
    """
    detector, starts = ShotDetector(), list[int]()
    for frame in reader.frames():
        if not starts:
            starts.append(frame.time_ms)
        starts += detector.feed(frame)
    starts += detector.finish()
    return list(zip(starts, [*starts[1:], max(reader.read_until_ms, starts[-1] + 1)], strict=True))


def _least_cut(around: list[_Seen]) -> float:
    """The change that stands out among these neighbours, without the largest: another cut must not hide this one."""
    changes = sorted(seen.change for seen in around if seen.change is not None)[:-1]
    if not changes:
        return 0.0
    return max(_CHANGE_RATIO * sum(changes) / len(changes), _PEAK_RATIO * changes[-1])


def _difference(one: NDArray[np.int16], other: NDArray[np.int16]) -> float:
    """Mean absolute difference of the samples, luma and both colour planes added up."""
    return float(np.abs(one - other).sum() / one[0].size)
