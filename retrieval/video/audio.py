"""The sound of a video as one channel of samples on the presentation timeline."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from retrieval.errors import VideoError
from retrieval.video.container import AUDIO_FORMATS, VIDEO_FORMATS, FileName, open_media
from retrieval.video.decoding import Tally, packets
from retrieval.video.probing import best_video_stream
from retrieval.video.timeline import origin_seconds

_SYNC_SECONDS = Fraction(1, 20)     # sound that is this far from its timestamp is moved there
# Speech comes from the front; a bass effect channel carries none.
_CHANNEL_WEIGHTS = {"FL": 1.0, "FR": 1.0, "FC": 1.0, "LFE": 0.0, "LFE2": 0.0}
_OTHER_CHANNELS = 0.5


def read_audio(path: FileName, *, sample_rate: int = 16_000) -> NDArray[np.float32]:
    """The whole sound track as float32 [samples], mono, in -1..1; sample 0 is presentation time 0.

    Where the sound starts late or has gaps there is silence; what comes before time 0 (a codec's priming) is cut.
    Raises VideoError: no_audio, corrupt (nothing decodes), and as for a video file.
    """
    return np.concatenate(list(iter_audio(path, sample_rate=sample_rate)))


def iter_audio(
    path: FileName, *, sample_rate: int = 16_000, chunk_samples: int = 480_000
) -> Iterator[NDArray[np.float32]]:
    """`read_audio` in pieces of `chunk_samples` (the last may be shorter), so that memory stays bounded.

    Raises ValueError on a rate or a chunk below 1, else as `read_audio`.
    """
    if sample_rate < 1 or chunk_samples < 1:
        raise ValueError(f"sample_rate {sample_rate} and chunk_samples {chunk_samples} must both be at least 1.")
    with open_media(path, formats=VIDEO_FORMATS + AUDIO_FORMATS) as container:
        stream = container.streams.best("audio")
        if not isinstance(stream, AudioStream) or stream.codec_context is None:
            raise VideoError("no_audio", f"{path} has no sound track that can be decoded.")
        held: list[NDArray[np.float32]] = []
        length, given = 0, False
        for samples in _on_timeline(container, stream, sample_rate):
            held.append(samples)
            length += len(samples)
            while length >= chunk_samples:
                whole = np.concatenate(held)
                yield whole[:chunk_samples]
                held, length, given = [whole[chunk_samples:]], length - chunk_samples, True
        if length:
            yield np.concatenate(held)
        elif not given:
            raise VideoError("corrupt", f"{path} has a sound track, but nothing of it can be decoded.")


def _on_timeline(container: InputContainer, stream: AudioStream, rate: int) -> Iterator[NDArray[np.float32]]:
    """Resampled sound, silence in the gaps, nothing before time 0."""
    written = 0
    for position, samples in _segments(container, stream, rate):
        for silent in range(written, position, rate):
            yield np.zeros(min(rate, position - silent), np.float32)
        written = max(written, position)
        fresh = samples[written - position :]
        written += len(fresh)
        yield fresh


def _segments(container: InputContainer, stream: AudioStream, rate: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """(position on the timeline, samples), both at the asked rate; runs that follow on are resampled as one."""
    origin = origin_seconds(container, best_video_stream(container))
    run: _Run | None = None
    for frame in _decoded(container, stream):
        at = None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base - origin
        if run is None or not run.fits(frame, at):
            if run is not None:
                yield run.rest()
            run = _Run(frame, at=at if at is not None else (run.expected if run else Fraction(0)), rate=rate)
        yield run.feed(frame)
    if run is not None:
        yield run.rest()


class _Run:
    """Frames that follow on from each other without a gap, in one format."""

    def __init__(self, frame: AudioFrame, *, at: Fraction, rate: int) -> None:
        self.expected = at
        self._format = frame.sample_rate, frame.layout.name
        self._position = round(at * rate)
        self._resampler = None if frame.sample_rate == rate else AudioResampler("fltp", "mono", rate)

    def fits(self, frame: AudioFrame, at: Fraction | None) -> bool:
        same = (frame.sample_rate, frame.layout.name) == self._format
        return same and (at is None or abs(at - self.expected) <= _SYNC_SECONDS)

    def feed(self, frame: AudioFrame) -> tuple[int, NDArray[np.float32]]:
        self.expected += Fraction(frame.samples, frame.sample_rate)
        mono = _mono(frame)
        if self._resampler is None:
            return self._placed([mono])
        single = AudioFrame.from_ndarray(mono[None], "fltp", "mono")
        single.sample_rate = frame.sample_rate
        return self._placed([out.to_ndarray()[0] for out in self._resampler.resample(single)])

    def rest(self) -> tuple[int, NDArray[np.float32]]:
        """What the resampler still holds."""
        if self._resampler is None:
            return self._placed([])
        return self._placed([out.to_ndarray()[0] for out in self._resampler.resample(None)])

    def _placed(self, pieces: list[NDArray[np.float32]]) -> tuple[int, NDArray[np.float32]]:
        samples = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
        position, self._position = self._position, self._position + len(samples)
        return position, np.clip(samples, -1.0, 1.0)


def _decoded(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    for packet in packets(container, (stream,), Tally()):
        try:
            yield from packet.decode()      # type: ignore[misc]
        except av.FFmpegError:
            continue                        # the gap shows in the timestamps that follow


def _mono(frame: AudioFrame) -> NDArray[np.float32]:
    """One channel in -1..1: the weighted mean, so that it cannot exceed full scale."""
    names = [channel.name for channel in frame.layout.channels]
    weights = np.array([_CHANNEL_WEIGHTS.get(name, _OTHER_CHANNELS) for name in names], np.float32)
    if not weights.any():
        weights[:] = 1.0
    samples = frame.to_ndarray()
    channels = samples if frame.format.is_planar else samples.reshape(-1, len(names)).T
    return (weights / weights.sum()) @ _full_scale_one(channels)


def _full_scale_one(samples: NDArray[np.generic]) -> NDArray[np.float32]:
    if np.issubdtype(samples.dtype, np.floating):
        return samples.astype(np.float32)
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128.0) / 128.0
    return samples.astype(np.float32) / float(2 ** (8 * samples.dtype.itemsize - 1))
