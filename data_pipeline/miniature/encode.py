"""Pictures and lines of text to a video file."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.video.stream import VideoStream
from PIL import Image

from data_pipeline.miniature.spec import Container, Line
from data_pipeline.miniature.subtitles import add_subtitle_stream, subtitle_packets

_FORMATS: dict[Container, str] = {"mp4": "mp4", "mkv": "matroska", "webm": "webm"}
# The same bytes each time: without cpu-independent, x264's fast paths round differently from CPU to CPU, and now and
# then from run to run; and libvpx's deadline must not be "realtime", which watches the clock.
_H264 = ("libx264", {"crf": "23", "preset": "veryfast", "x264-params": "cpu-independent=1"})
_CODECS: dict[Container, tuple[str, dict[str, str]]] = {
    "mp4": _H264,
    "mkv": _H264,
    "webm": ("libvpx", {"crf": "12", "b": "900k", "deadline": "good", "cpu-used": "5"}),    # WebM has no H.264
}
_SECONDS_BETWEEN_KEYFRAMES = 2


def write_clip(
    path: Path, pictures: Iterable[Image.Image], *, container: Container, width: int, height: int,
    frames_per_second: int, subtitles: tuple[Line, ...] = (), comment: str = "",
) -> None:
    """Encode RGB pictures, and a subtitle stream when there are lines, into a new file.

    The same input gives the same bytes with the same FFmpeg: one thread, and no time or random number in the headers.
    Raises OSError or av.FFmpegError when the file cannot be written.
    """
    options = {"fflags": "+bitexact"}
    # A bare name with a colon would be taken for an address.
    with av.open(f"file:{path.absolute()}", "w", format=_FORMATS[container], options=options) as output:
        output.metadata["comment"] = comment
        video = _add_video(output, container, width=width, height=height, frames_per_second=frames_per_second)
        text = add_subtitle_stream(output, container) if subtitles else None
        output.start_encoding()
        if text is not None:
            # The muxer interleaves by time; few and small, so they can all wait in its queue.
            output.mux(list(subtitle_packets(text, subtitles)))
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = index, Fraction(1, frames_per_second)
            output.mux(video.encode(frame))
        output.mux(video.encode())


def _add_video(
    output: OutputContainer, container: Container, *, width: int, height: int, frames_per_second: int
) -> VideoStream:
    codec, options = _CODECS[container]
    video = output.add_stream(codec, rate=frames_per_second, options=dict(options))
    assert isinstance(video, VideoStream)
    video.width, video.height, video.pix_fmt = width, height, "yuv420p"
    video.codec_context.gop_size = _SECONDS_BETWEEN_KEYFRAMES * frames_per_second
    video.codec_context.thread_count = 1
    return video
