"""A second reader behind the same interface: pictures by torchcodec's exact mode, times as ever."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from fractions import Fraction
from typing import Any

from av.video.frame import VideoFrame

from retrieval.errors import InputError
from retrieval.video.container import open_media
from retrieval.video.decoding import Tally, read_packets
from retrieval.video.frame import DecodedFrame
from retrieval.video.probing import video_stream
from retrieval.video.reader import VideoReader
from retrieval.video.timeline import Clock, frame_seconds, origin_seconds

# Torchcodec goes by the times that packets carry. Elsewhere they may be missing, start anew where two recordings were
# joined, or tell the order of decoding: measured, it leaves out pictures there.
_CARRY_TIMES = frozenset({"mov", "mp4", "matroska", "webm", "flv", "gif"})
_SLACK_MS = 200             # pictures that end so much earlier than the file may be only a part of them


class TorchcodecReader(VideoReader):
    """As `VideoReader`, and what cannot be left to torchcodec is read as there.

    That is a file whose container does not carry times, mirrored pictures, keyframes alone (torchcodec would decode all
    that lies between them), and whatever follows the first picture that torchcodec cannot decode: `damage` tells of
    that. Of a picture that torchcodec makes up for lost bytes nobody tells. Raises InputError when torchcodec or
    FFmpeg's shared libraries are missing, otherwise as `VideoReader`.
    """

    def _all_frames(self) -> Generator[DecodedFrame, None, None]:
        require_torchcodec()
        last_ms = -1
        if self._is_for_torchcodec():
            self.damage, self.read_until_ms = None, 0
            for frame in self._decoded():
                last_ms = frame.time_ms
                self.read_until_ms = frame.time_ms + frame.duration_ms
                yield frame
            if self.read_until_ms + _SLACK_MS >= self.info.duration_ms:
                return
        for frame in super()._all_frames():
            if frame.time_ms > last_ms:
                yield frame

    def _is_for_torchcodec(self) -> bool:
        if _CARRY_TIMES.isdisjoint(self.info.container.split(",")):
            return False
        with closing(super()._all_frames()) as frames:
            return next(frames).orientation.is_rotation

    def _decoded(self) -> Iterator[DecodedFrame]:
        """What torchcodec decodes, up to the first picture that it cannot."""
        with open_media(self.path) as container:
            video = video_stream(container, self.path)
            time_base = video.time_base or Fraction(1, 1000)
            origin, usual = origin_seconds(container, video), frame_seconds(video)
            packets = {
                packet.pts: (packet.duration or 0, packet.is_keyframe)
                for packet in read_packets(container, (video,), Tally())
            }
            index = video.index
        clock = Clock(time_base=time_base, origin=origin, frame_seconds=usual)
        for pixels, seconds in self._pictures(index):
            ticks = round(seconds / time_base)
            duration, is_key = packets.get(ticks, (0, False))
            time_ms, duration_ms = clock.place(ticks, duration)
            yield self._frame(pixels, time_ms=time_ms, duration_ms=duration_ms, is_key=is_key)

    def _pictures(self, stream: int) -> Iterator[tuple[Any, float]]:
        """Upright pictures, uint8 [H, W, 3], and their timestamps in seconds."""
        try:
            decoder = require_torchcodec()(
                str(self.path), stream_index=stream, num_ffmpeg_threads=self._threads, dimension_order="NHWC",
                seek_mode="exact",
            )  # fmt: skip
            for number in range(len(decoder)):
                picture = decoder.get_frame_at(number)
                yield picture.data.numpy(), picture.pts_seconds
        except (RuntimeError, ValueError, IndexError):
            return              # what is wrong with the file is found out by the other decoder

    def _frame(self, pixels: Any, *, time_ms: int, duration_ms: int, is_key: bool) -> DecodedFrame:
        stored = VideoFrame.from_ndarray(pixels, "rgb24")
        frame = DecodedFrame(
            stored, time_ms=time_ms, duration_ms=duration_ms, converter=self._converter,
            pixel_aspect=Fraction(self.info.width * stored.height, self.info.height * stored.width),
        )  # fmt: skip
        frame.is_keyframe = is_key
        return frame


def require_torchcodec() -> Any:
    """Torchcodec's decoder. Raises InputError when it cannot be had."""
    try:
        from torchcodec.decoders import VideoDecoder
    except ImportError as error:
        raise InputError("The decoder torchcodec needs an extra: install wenshi[torchcodec].") from error
    except (OSError, RuntimeError) as error:
        raise InputError(
            "Torchcodec cannot be loaded: it needs FFmpeg's shared libraries (on Debian: apt-get install ffmpeg) and a "
            "version that was made for this torch."
        ) from error
    return VideoDecoder
