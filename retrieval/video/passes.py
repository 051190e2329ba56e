"""One pass over a file: open, decode, give every picture its time, and say at the end what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from retrieval.video.container import open_media
from retrieval.video.decoding import Tally, decode_frames, decode_keyframes
from retrieval.video.frame import Converter, DecodedFrame
from retrieval.video.orientation import OrientationOfFrames
from retrieval.video.probing import nothing_decoded, video_stream
from retrieval.video.timeline import Clock, declared_end_seconds, frame_seconds, origin_seconds

_PICTURES_WITHOUT_TIMES = ("avi",)      # the container holds the order of decoding, not times of presentation
_LENGTH_FROM_CONTENT = ("mpegts", "mpegtsraw", "mpeg")      # never declared: FFmpeg reads it off the end of the file
# A decoder with threads that meets an error while it is emptied takes good pictures with it. These codecs give one
# picture a packet, so that the missing ones are noticed.
_ONE_PICTURE_A_PACKET = ("h264", "hevc", "vp9", "mpeg4", "mpeg2video", "vvc")
_DECLARED_BY_TRACK, _DECLARED_BY_FILE = Fraction(1, 5), Fraction(1)     # seconds that may be missing without a word


class Pass:
    """Decodes a file once. `tally`, `read_until_ms` and `shortfall` are complete when `frames` is exhausted.

    shortfall: (seconds read, seconds declared) when the file ends early.
    """

    def __init__(self, path: Path, *, threads: int, converter: Converter) -> None:
        self._path = path
        self._threads = threads
        self._converter = converter
        self._orientations = OrientationOfFrames()
        self.tally = Tally()
        self.read_until_ms = 0
        self.shortfall: tuple[float, float] | None = None
        self.lost_silently = False

    def frames(self) -> Iterator[DecodedFrame]:
        """Every picture. Raises VideoError as `open_media` and `video_stream`, and when there is no picture."""
        with open_media(self._path) as container:
            video = self._video(container)
            video.thread_type = "AUTO"
            watch = _watched(container, video)
            from_order = container.format.name in _PICTURES_WITHOUT_TIMES
            clock = self._clock(container, video, origin=None if from_order else origin_seconds(container, video))
            for frame in decode_frames(container, video, self.tally, watch=watch):
                yield self._placed(frame, clock, video, ticks=frame.dts if from_order else frame.pts)
            self.shortfall = self._find_shortfall(container, video, watch)
            self.lost_silently = self._missed_pictures(video)
        if self.tally.pictures == self.tally.corrupt:
            raise nothing_decoded(self._path, self.tally)

    def keyframes(self) -> Iterator[DecodedFrame]:
        """The pictures of key packets; none is no error, nor is `tally.disordered`: a full pass tells the later ones."""
        with open_media(self._path) as container:
            video = self._video(container)
            video.thread_type = "SLICE"
            from_order = container.format.name in _PICTURES_WITHOUT_TIMES
            clock: Clock | None = None
            for frame in decode_keyframes(container, video, self.tally, times_shown=not from_order):
                ticks = frame.dts if from_order else frame.pts
                if ticks is None:
                    self.tally.disordered = True
                    return
                if clock is None:
                    clock = self._clock(container, video, origin=self._key_origin(container, video, from_order))
                yield self._placed(frame, clock, video, ticks=ticks)

    def _video(self, container: InputContainer) -> VideoStream:
        video = video_stream(container, self._path)
        video.codec_context.thread_count = self._threads
        return video

    def _key_origin(self, container: InputContainer, video: VideoStream, from_order: bool) -> Fraction:
        """As for all frames; where only the order counts, that of the first packet, whether a keyframe or not."""
        if from_order and video.time_base is not None:
            return (self.tally.first_dts or 0) * video.time_base
        return origin_seconds(container, video)

    def _clock(self, container: InputContainer, video: VideoStream, *, origin: Fraction | None) -> Clock:
        return Clock(time_base=video.time_base or Fraction(1, 1000), origin=origin, frame_seconds=frame_seconds(video))

    def _placed(self, frame: VideoFrame, clock: Clock, video: VideoStream, *, ticks: int | None) -> DecodedFrame:
        time_ms, duration_ms = clock.place(ticks, frame.duration or 0)
        self.read_until_ms = time_ms + duration_ms
        return DecodedFrame(
            frame, time_ms=time_ms, duration_ms=duration_ms, converter=self._converter,
            orientation=self._orientations.of(frame),
            pixel_aspect=video.sample_aspect_ratio,
        )

    def _find_shortfall(
        self, container: InputContainer, video: VideoStream, watch: tuple[Stream, ...]
    ) -> tuple[float, float] | None:
        if container.format.name in _LENGTH_FROM_CONTENT or self.tally.far_jumps:
            return None
        origin = origin_seconds(container, video)
        read = Fraction(self.read_until_ms, 1000)
        declared, spare = declared_end_seconds(container, video), _DECLARED_BY_TRACK
        if declared is None:
            if not container.duration:
                return None
            declared, spare = Fraction(container.duration, av.time_base), _DECLARED_BY_FILE
            ends = [Fraction(self.tally.ends.get(stream.index, 0.0)) - origin for stream in watch]
            longest = max([read, *ends])
        else:
            declared, longest = declared - origin, read
        if longest + max(spare, 2 * frame_seconds(video)) >= declared:
            return None
        return float(read), float(declared)

    def _missed_pictures(self, video: VideoStream) -> bool:
        if self._threads == 1 or video.codec_context.codec.canonical_name not in _ONE_PICTURE_A_PACKET:
            return False
        return self.tally.pictures + self.tally.undecodable < self.tally.packets


def _watched(container: InputContainer, video: VideoStream) -> tuple[Stream, ...]:
    """The sound tracks, where only the whole length is declared: they tell a short picture track from a cut file."""
    return () if declared_end_seconds(container, video) is not None else tuple(container.streams.audio)
