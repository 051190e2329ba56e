"""The picture on screen at a time far into a video, found by seeking: for showing, where a frame more or less is no matter.

What is embedded is always read in order (`VideoReader.frames`): a seek trusts an index that may be wrong.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from fractions import Fraction

import av

from retrieval.video.container import FileName, open_media
from retrieval.video.decoding import Tally, decode_frames
from retrieval.video.frame import DecodedFrame
from retrieval.video.orientation import frame_orientation
from retrieval.video.probing import video_stream
from retrieval.video.reader import VideoReader
from retrieval.video.sampling import at_times
from retrieval.video.timeline import frame_seconds, milliseconds, origin_seconds

_IN_ORDER_MS = 10_000       # up to here decoding from the beginning is fast, and exact
_LATE_MS = 2_000            # a seek that lands so far behind what was asked for is not believed


def seek_frames(path: FileName, times_ms: Sequence[int]) -> list[DecodedFrame]:
    """The frame on screen at each time, in the order asked, as `at_times`; far into a video it may be a neighbour.

    Raises VideoError as `VideoReader.frames`.
    """
    found = {time_ms: _sought(path, time_ms) for time_ms in set(times_ms) if time_ms > _IN_ORDER_MS}
    missing = sorted(time_ms for time_ms in set(times_ms) if found.get(time_ms) is None)
    if missing:
        with closing(VideoReader(path, threads=1)) as reader:
            found |= dict(zip(missing, at_times(reader, missing), strict=True))
    return [frame for time_ms in times_ms if (frame := found[time_ms]) is not None]


def frames_from(path: FileName, time_ms: int) -> Iterator[DecodedFrame]:
    """The frame on screen at a time and all that follow, perhaps after some that are shown before it.

    Raises VideoError as `VideoReader.frames`.
    """
    sought = _following(path, time_ms) if time_ms > _IN_ORDER_MS else iter(())
    first = next(sought, None)
    if first is not None and first.time_ms <= time_ms:
        yield first
        yield from sought
        return
    with closing(VideoReader(path, threads=1)) as reader:
        yield from reader.frames()


def _sought(path: FileName, time_ms: int) -> DecodedFrame | None:
    """None where the file cannot be trusted to say what lies where."""
    shown: DecodedFrame | None = None
    with closing(_following(path, time_ms)) as frames:
        for frame in frames:
            if shown is None and frame.time_ms > time_ms + _LATE_MS:
                return None
            if shown is not None and frame.time_ms > time_ms:
                break
            shown = frame
    return shown


def _following(path: FileName, time_ms: int) -> Generator[DecodedFrame, None, None]:
    """Frames from the keyframe at or before a time on; ends where the file does not say when they are shown."""
    with open_media(path) as container:
        video = video_stream(container, path)
        video.codec_context.thread_count = 1
        origin = origin_seconds(container, video)
        with suppress(av.FFmpegError):
            container.seek(int((Fraction(time_ms, 1000) + origin) * av.time_base), backward=True)
            with closing(decode_frames(container, video, Tally())) as frames:
                for frame in frames:
                    if frame.pts is None or video.time_base is None:
                        return
                    yield DecodedFrame(
                        frame, time_ms=milliseconds(frame.pts * video.time_base - origin),
                        duration_ms=milliseconds(frame_seconds(video)), orientation=frame_orientation(frame),
                        pixel_aspect=video.sample_aspect_ratio,
                    )
