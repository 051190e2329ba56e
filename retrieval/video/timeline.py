"""From a stream's timestamps to milliseconds on the presentation timeline, which starts at 0."""

from __future__ import annotations

import re
from fractions import Fraction
from math import floor

from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

_MICROSECONDS = 1_000_000
_DURATION = re.compile(r"(\d{1,6}):(\d{2}):(\d{2}(?:\.\d{1,9})?)", re.ASCII)
_UNKNOWN_RATE_SECONDS = Fraction(1, 25)      # the length of a frame where a file gives no rate at all


def milliseconds(seconds: Fraction) -> int:
    """Round half up."""
    return floor(seconds * 1000 + Fraction(1, 2))


def origin_seconds(container: InputContainer, video: Stream | None) -> Fraction:
    """The timestamp, in seconds, that is shown at time 0.

    That is where the container starts, but never before zero (a sound track's priming samples come a little before it
    and must not delay the pictures), and never after the first picture.
    """
    start = max(Fraction(container.start_time or 0, _MICROSECONDS), Fraction(0))
    if video is not None and video.start_time is not None and video.time_base is not None:
        return min(start, video.start_time * video.time_base)
    return start


def frame_seconds(video: VideoStream) -> Fraction:
    """How long one frame is shown on average."""
    rate = video.average_rate or video.guessed_rate
    return 1 / Fraction(rate) if rate else _UNKNOWN_RATE_SECONDS


def declared_end_seconds(container: InputContainer, video: VideoStream) -> Fraction | None:
    """Where the file itself says that its pictures end, as a timestamp in seconds; None where it does not say."""
    start = Fraction(0)
    if video.start_time is not None and video.time_base is not None:
        start = video.start_time * video.time_base
    if video.duration and video.time_base is not None:
        return start + video.duration * video.time_base
    tagged = _tagged_duration(video.metadata)
    if tagged is not None:
        return tagged                   # Matroska's DURATION tag holds the end of the track, not its length
    return None


def _tagged_duration(metadata: dict[str, str]) -> Fraction | None:
    """Matroska writers leave each track's end as a tag: `DURATION=00:01:00.040000000`."""
    text = next((value for key, value in metadata.items() if key.upper().startswith("DURATION")), "")
    found = _DURATION.fullmatch(text.strip().rstrip("\x00"))
    if found is None:
        return None
    hours, minutes, seconds = found.groups()
    return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)


class Clock:
    """Gives each frame of one pass its time: from its own timestamp where it has a usable one, else by following on.

    Timestamps that stand still or run backwards (joined recordings, broken muxers) are not usable: such a frame follows
    the one before it, so times never run backwards. Whole numbers throughout: a unit is 1/(time base x origin) seconds.

    time_base: seconds a tick. origin: the timestamp shown at 0, in seconds, or None for that of the first frame.
    frame_seconds: the length of a frame that carries none.
    """

    def __init__(self, *, time_base: Fraction, origin: Fraction | None, frame_seconds: Fraction) -> None:
        zero = origin or Fraction(0)
        self._from_first = origin is None
        self._units_a_second = time_base.denominator * zero.denominator
        self._units_a_tick = time_base.numerator * zero.denominator
        self._zero = zero.numerator * time_base.denominator
        self._usual = max(round(frame_seconds * self._units_a_second), 1)
        self._last: int | None = None
        self._expected = 0

    def place(self, ticks: int | None, duration_ticks: int) -> tuple[int, int]:
        """A frame's time and length in ms, from its timestamp (None = it has none) and length in ticks."""
        at = self._units(ticks)
        self._last, self._expected = at, at + (duration_ticks * self._units_a_tick or self._usual)
        start = self._milliseconds(at)
        return start, self._milliseconds(self._expected) - start

    def _units(self, ticks: int | None) -> int:
        if ticks is None:
            return self._expected
        at = ticks * self._units_a_tick - self._zero
        if self._last is None:
            if at < 0 or self._from_first:
                self._zero += at
                return 0
            return at
        return at if at > self._last else self._expected

    def _milliseconds(self, units: int) -> int:
        return (2000 * units + self._units_a_second) // (2 * self._units_a_second)
