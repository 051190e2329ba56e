"""Which frame is on screen when: the last one whose time is not after t, or the first one before there is any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from retrieval.video.frame import DecodedFrame
from retrieval.video.reader import VideoReader


def every(reader: VideoReader, interval_ms: int) -> Iterator[DecodedFrame]:
    """The frames on screen at 0, n, 2n ... ms; one that stays on screen longer is given once.

    Raises ValueError when `interval_ms` is below 1, and VideoError as `VideoReader.frames`.
    """
    if interval_ms < 1:
        raise ValueError(f"interval_ms is {interval_ms}, but must be at least 1.")
    wanted_ms = 0
    with closing(reader.frames()) as frames:
        shown: DecodedFrame | None = None
        for frame in frames:
            if shown is not None and wanted_ms < frame.time_ms:
                yield shown
                wanted_ms = _next_multiple(frame.time_ms, interval_ms)
            shown = frame
        if shown is not None and wanted_ms < reader.read_until_ms:
            yield shown


def uniform(reader: VideoReader, count: int, *, until_ms: int | None = None) -> list[DecodedFrame]:
    """`count` frames: those on screen at the midpoints of `count` equal spans of what can be decoded, until `until_ms`.

    Always `count` entries: a video with fewer frames repeats some. Decodes from the start and holds every frame that
    it gives, decoded: for many large ones take `every`. Raises ValueError when `count` is below 1, and
    VideoError as `VideoReader.frames`.
    """
    if count < 1:
        raise ValueError(f"count is {count}, but must be at least 1.")
    start_ms, end_ms = reader.span()
    if until_ms is not None and until_ms > start_ms:
        end_ms = min(end_ms, until_ms)
    return at_times(reader, [start_ms + (end_ms - start_ms) * (2 * i + 1) // (2 * count) for i in range(count)])


def keyframes(reader: VideoReader) -> Iterator[DecodedFrame]:
    """The keyframes, nothing else being decoded."""
    return reader.frames(keyframes_only=True)


def at_times(reader: VideoReader, times_ms: Sequence[int]) -> list[DecodedFrame]:
    """The frame on screen at each time, in the order asked; a time past the end gives the last frame.

    Decoding begins at the start of the video, stops after the latest time and holds every frame that is given,
    decoded: for many large ones take `every`. Raises VideoError as `VideoReader.frames`.
    """
    found = dict(shown_at(reader, sorted(set(times_ms)))) if times_ms else {}
    return [found[time_ms] for time_ms in times_ms]


def shown_at(
    reader: VideoReader, ascending_ms: Sequence[int], *, passed: Callable[[int], None] = lambda time_ms: None
) -> Iterator[tuple[int, DecodedFrame]]:  # fmt: skip
    """(time_ms, frame) as `at_times` finds them, of ascending times, each as soon as it is certain; none is held.

    passed: is told the time of every frame that is decoded on the way.
    """
    waiting = iter(ascending_ms)
    wanted_ms = next(waiting, None)
    shown: DecodedFrame | None = None
    with closing(reader.frames()) as frames:
        for frame in frames:
            passed(frame.time_ms)
            while shown is not None and wanted_ms is not None and wanted_ms < frame.time_ms:
                yield wanted_ms, shown
                wanted_ms = next(waiting, None)
            if wanted_ms is None:
                return
            shown = frame
    while shown is not None and wanted_ms is not None:
        yield wanted_ms, shown
        wanted_ms = next(waiting, None)


def _next_multiple(least: int, step: int) -> int:
    return -(-least // step) * step
