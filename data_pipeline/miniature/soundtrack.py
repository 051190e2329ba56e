"""A sound track for a video file that has none."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

_FRAME = 1024               # samples of an AAC frame
_BITS_PER_SECOND = 48_000


def with_sound(
    silent: Path, output: Path, samples: NDArray[np.float32] | None, *, sample_rate: int, comment: str
) -> None:
    """Copy the pictures of an MP4 file into a new one beside a sound track. samples: [n], -1..1; None adds no track.

    The same input gives the same bytes with the same FFmpeg. Raises OSError or av.FFmpegError when that fails.
    """
    options = {"fflags": "+bitexact"}
    with av.open(f"file:{silent.absolute()}") as source, av.open(
        f"file:{output.absolute()}", "w", format="mp4", options=options
    ) as target:
        target.metadata["comment"] = comment
        video = source.streams.video[0]
        copied = target.add_stream_from_template(video)
        sound = _add_sound(target.add_stream("aac", rate=sample_rate, layout="mono")) if samples is not None else None
        target.start_encoding()
        if sound is not None and samples is not None:
            _encode(target, sound, samples, sample_rate)
        for packet in source.demux(video):
            if packet.dts is not None:      # the last one only says that there are no more
                packet.stream = copied
                target.mux(packet)


def _add_sound(stream: object) -> AudioStream:
    assert isinstance(stream, AudioStream)
    stream.codec_context.bit_rate = _BITS_PER_SECOND
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"flags": "+bitexact"}
    return stream


def _encode(
    target: av.container.OutputContainer, sound: AudioStream, samples: NDArray[np.float32], sample_rate: int
) -> None:
    for start in range(0, len(samples), _FRAME):
        part = np.ascontiguousarray(samples[None, start : start + _FRAME])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = sample_rate, start
        target.mux(sound.encode(frame))
    target.mux(sound.encode())
