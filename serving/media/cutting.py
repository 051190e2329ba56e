"""A span of a video as a file of its own, cut at the frame."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.video.frame import VideoFrame

from retrieval.errors import InputError, VideoError
from retrieval.video import VideoReader, frames_from
from retrieval.video.container import open_media
from retrieval.video.frame import DecodedFrame
from retrieval.video.timeline import origin_seconds

_MOST_WIDTH, _MOST_HEIGHT = 1920, 1080
_TIME_BASE = Fraction(1, 1000)
_SAMPLE_RATE = 48_000


def cut(path: str, start_ms: int, end_ms: int, target: str) -> None:
    """Write [start_ms, end_ms) of a video as an MP4 (H.264, AAC): every frame shown in it, its first at time 0.

    Raises VideoError as `VideoReader.frames`, InputError when no frame is shown in the span.
    """
    with VideoReader(path, threads=1) as reader:
        width, height = _even_size(reader.info.width, reader.info.height)
        has_audio = reader.info.has_audio
    with av.open(target, "w", format="mp4", options={"movflags": "+faststart"}) as made:
        video = made.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.time_base = _TIME_BASE
        video.options = {"preset": "veryfast", "crf": "21"}
        audio = made.add_stream("aac", rate=_SAMPLE_RATE) if has_audio else None
        written = 0
        for frame in _shown_in(path, start_ms, end_ms):
            picture = VideoFrame.from_ndarray(frame.rgb(height=height, width=width), format="rgb24")
            picture.pts, picture.time_base = max(frame.time_ms, start_ms) - start_ms, _TIME_BASE
            made.mux(video.encode(picture))
            written += 1
        made.mux(video.encode(None))
        if not written:
            raise InputError(f"No picture is shown between {start_ms} and {end_ms} ms.")
        if audio is not None:
            _copy_sound(path, made, audio, start_ms, end_ms)


def _even_size(width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, _MOST_WIDTH / width, _MOST_HEIGHT / height)
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def _shown_in(path: str, start_ms: int, end_ms: int) -> Iterator[DecodedFrame]:
    """The frame on screen at the beginning, and every one that follows before the end."""
    before: DecodedFrame | None = None
    for frame in frames_from(path, start_ms):
        if frame.time_ms >= end_ms:
            break
        if frame.time_ms <= start_ms:
            before = frame
            continue
        if before is not None:
            yield before
            before = None
        yield frame
    if before is not None:
        yield before


def _copy_sound(path: str, made: OutputContainer, audio: AudioStream, start_ms: int, end_ms: int) -> None:
    resampler = AudioResampler(format="fltp", layout="stereo", rate=_SAMPLE_RATE)
    first, last = (ms * _SAMPLE_RATE // 1000 for ms in (start_ms, end_ms))
    with open_media(path) as container:
        origin = origin_seconds(container, next(iter(container.streams.video), None))
        for at, samples in _sound(container, resampler, origin, start_ms):
            begin, end = max(first - at, 0), min(last - at, samples.shape[1])
            if at >= last:
                break
            if begin < end:
                part = av.AudioFrame.from_ndarray(samples[:, begin:end].copy(), format="fltp", layout="stereo")
                part.sample_rate, part.pts, part.time_base = _SAMPLE_RATE, at + begin - first, Fraction(1, _SAMPLE_RATE)
                made.mux(audio.encode(part))
    made.mux(audio.encode(None))


def _sound(container: InputContainer, resampler: AudioResampler, origin: Fraction, start_ms: int) -> Iterator:
    """(number of the first sample on the presentation timeline, samples [2, n]); sound that cannot be read is left out."""
    stream = container.streams.audio[0]
    try:
        container.seek(int((Fraction(start_ms, 1000) + origin) * av.time_base), backward=True)
        at: int | None = None
        for frame in container.decode(stream):
            if at is None:
                time = frame.pts * stream.time_base if frame.pts is not None and stream.time_base else Fraction(0)
                at = round((time - origin) * _SAMPLE_RATE)
            for part in resampler.resample(frame):
                yield at, part.to_ndarray()
                at += part.samples
    except (av.FFmpegError, VideoError):
        return
