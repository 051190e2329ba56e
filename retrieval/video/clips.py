"""Cut a video into clips while it is decoded, and pick the frames that stand for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.video.frame import DecodedFrame, Fit
from retrieval.video.shots import ShotDetector

_FEWEST_FRAMES, _MOST_FRAMES = 4, 8
_FRAME_EVERY_MS = 1_250         # of a clip, between fewest and most
_GRID_MS = 250                  # candidates are kept this far apart ...
_MOST_PARTS = 100               # that a span is split into at once: of one picture that stays for very long
_DENSITY = 4                    # ... and closer, by this part of the shot's age, at its start: a short shot needs them


@dataclass(frozen=True, kw_only=True)
class CutClip:
    """A span [start_ms, end_ms) of the shot that starts at `shot_start_ms`, the times of its frames and their pictures.

    pictures: uint8 [len(frame_times_ms), H, W, 3], None where no size was asked for. keyframe_ms is one of the times.
    """

    shot_start_ms: int
    start_ms: int
    end_ms: int
    keyframe_ms: int
    frame_times_ms: tuple[int, ...]
    pictures: NDArray[np.uint8] | None


@dataclass(frozen=True)
class _Candidate:
    time_ms: int
    picture: NDArray[np.uint8] | None


class ClipCutter:
    """Turns frames fed in order into clips: shots, split into equal parts of at most `longest_ms`.

    Each clip has 4 to 8 frames spread evenly over it (fewer only where it has fewer), of `height` x `width` as
    `DecodedFrame.rgb` makes them; without a height no picture is made. Pictures of at most twice `longest_ms` are
    held at any time. A picture that stays for more than 100 times `longest_ms` is
    cut into 100 longer clips. Raises ValueError on a height without a width, an unknown fit or a `longest_ms` below
    1,000.
    """

    def __init__(
        self, *, height: int | None, width: int | None, fit: Fit = "stretch", longest_ms: int = 10_000
    ) -> None:
        if (height is None) != (width is None):
            raise ValueError(f"height is {height} and width is {width}, but both or neither must be given.")
        if longest_ms < 1_000:
            raise ValueError(f"longest_ms is {longest_ms}, but must be at least 1000.")
        self._height, self._width, self._fit = height, width, fit
        self._longest_ms = longest_ms
        self._detector = ShotDetector()
        self._undecided: list[DecodedFrame] = []    # the detector may still cut before these
        self._candidates: list[_Candidate] = []
        self._shot_start_ms: int | None = None      # of the open shot, for the density of candidates
        self._clip_start_ms = 0                     # of what is not given out yet

    def feed(self, frame: DecodedFrame) -> list[CutClip]:
        """Take the next frame; the clips that are complete with it."""
        cuts = self._detector.feed(frame)
        self._undecided.append(frame)
        return self._advance(cuts, certain=max(len(self._undecided) - ShotDetector.LOOK_AHEAD, 0))

    def finish(self, end_ms: int) -> list[CutClip]:
        """The remaining clips of a video that ends at `end_ms`; none for a video without a frame."""
        if self._shot_start_ms is None and not self._undecided:
            return []
        last_ms = self._undecided[-1].time_ms if self._undecided else self._candidates[-1].time_ms
        clips = self._advance(self._detector.finish(), certain=len(self._undecided))
        return clips + self._close_shot(max(end_ms, last_ms + 1))

    def _advance(self, cuts: list[int], *, certain: int) -> list[CutClip]:
        clips: list[CutClip] = []
        for frame in self._undecided[:certain]:
            if self._shot_start_ms is None:
                self._shot_start_ms = self._clip_start_ms = frame.time_ms
            elif frame.time_ms in cuts:
                clips += self._close_shot(frame.time_ms)
                self._shot_start_ms = frame.time_ms
            else:
                clips += self._relieve(frame.time_ms)
            self._consider(frame)
        del self._undecided[:certain]
        return clips

    def _consider(self, frame: DecodedFrame) -> None:
        assert self._shot_start_ms is not None
        if self._candidates and self._candidates[-1].time_ms >= self._shot_start_ms:
            gap = min(_GRID_MS, (self._candidates[-1].time_ms - self._shot_start_ms) // _DENSITY)
            if frame.time_ms - self._candidates[-1].time_ms < gap:
                return
        picture = None
        if self._height is not None:
            picture = frame.rgb(height=self._height, width=self._width, fit=self._fit)
        self._candidates.append(_Candidate(frame.time_ms, picture))

    def _relieve(self, now_ms: int) -> list[CutClip]:
        """Give out the start of a shot that has grown too long to be held; what stays can still be split evenly."""
        clips = []
        part_ms = max(self._longest_ms, (now_ms - self._clip_start_ms) // _MOST_PARTS)
        while now_ms - self._clip_start_ms >= 2 * part_ms:
            clips.append(self._cut(self._clip_start_ms + part_ms))
        return clips

    def _close_shot(self, end_ms: int) -> list[CutClip]:
        length = end_ms - self._clip_start_ms
        parts = min(-(-length // self._longest_ms), _MOST_PARTS)
        start_ms = self._clip_start_ms
        return [self._cut(start_ms + length * (part + 1) // parts) for part in range(parts)]

    def _cut(self, end_ms: int) -> CutClip:
        start_ms = self._clip_start_ms
        inside = [candidate for candidate in self._candidates if start_ms <= candidate.time_ms < end_ms]
        if not inside:          # one frame stays on screen throughout
            inside = [_Candidate(start_ms, self._candidates[-1].picture)]
        last = self._candidates[-1]
        self._candidates = [candidate for candidate in self._candidates if candidate.time_ms >= end_ms] or [last]
        self._clip_start_ms = end_ms
        assert self._shot_start_ms is not None
        return _clip(start_ms, end_ms, inside, shot_start_ms=self._shot_start_ms)


def sharpness(picture: NDArray[np.uint8]) -> float:
    """Mean difference of neighbouring pixels of the green plane, of 255: uint8 [H, W, 3], H and W at least 2."""
    green = picture[:, :, 1].astype(np.float32)
    return float(np.abs(np.diff(green, axis=0)).mean() + np.abs(np.diff(green, axis=1)).mean())


def _clip(start_ms: int, end_ms: int, candidates: list[_Candidate], *, shot_start_ms: int) -> CutClip:
    wanted = min(max(round((end_ms - start_ms) / _FRAME_EVERY_MS), _FEWEST_FRAMES), _MOST_FRAMES)
    chosen = _evenly(candidates, start_ms=start_ms, end_ms=end_ms, count=min(wanted, len(candidates)))
    pictures = [candidate.picture for candidate in chosen if candidate.picture is not None]
    return CutClip(
        shot_start_ms=shot_start_ms, start_ms=start_ms, end_ms=end_ms, keyframe_ms=_keyframe(chosen).time_ms,
        frame_times_ms=tuple(candidate.time_ms for candidate in chosen),
        pictures=np.stack(pictures) if pictures else None,
    )


def _evenly(candidates: list[_Candidate], *, start_ms: int, end_ms: int, count: int) -> list[_Candidate]:
    """`count` different candidates, each near the middle of its share of the span."""
    times = np.array([candidate.time_ms for candidate in candidates])
    chosen: list[_Candidate] = []
    free = 0
    for i in range(count):
        target = start_ms + (end_ms - start_ms) * (2 * i + 1) / (2 * count)
        last_allowed = len(candidates) - (count - i)            # the later ones need one each
        nearest = int(np.abs(times[free : last_allowed + 1] - target).argmin()) + free
        chosen.append(candidates[nearest])
        free = nearest + 1
    return chosen


def _keyframe(chosen: list[_Candidate]) -> _Candidate:
    """The sharpest of the middle frames (those between the first and the last quarter), or the middle one."""
    middle = chosen[len(chosen) // 4 : len(chosen) - len(chosen) // 4]
    if middle[0].picture is None:
        return chosen[len(chosen) // 2]
    return max(middle, key=_sharpness)


def _sharpness(candidate: _Candidate) -> float:
    assert candidate.picture is not None
    return sharpness(candidate.picture)
