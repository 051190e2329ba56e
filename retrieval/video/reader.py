"""A video's pictures, in presentation order, with exact times."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from types import TracebackType

from retrieval.video.container import FileName
from retrieval.video.frame import Converter, DecodedFrame
from retrieval.video.passes import Pass
from retrieval.video.probing import VideoInfo, probe
from retrieval.video.span import packet_end_ms


class VideoReader:
    """Reads one video file, as often as asked; every call of `frames` starts again at its beginning.

    threads: of the decoder, 0 for FFmpeg's choice. Raises VideoError as `probe`.
    `damage` (one sentence, None for a sound file) and `read_until_ms` (the end of the last picture that was given)
    describe the latest pass and are complete when `frames` is exhausted.
    """

    def __init__(self, path: FileName, *, threads: int = 0) -> None:
        if threads < 0:
            raise ValueError(f"threads is {threads}, but must be 0 (FFmpeg's choice) or more.")
        self.path = Path(path).absolute()
        self.info: VideoInfo = probe(self.path)
        self.damage: str | None = None
        self.read_until_ms = 0
        self._threads = threads
        self._converter = Converter()
        self._span: tuple[int, int] | None = None
        self._passes: list[Generator[DecodedFrame, None, None]] = []

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every pass that is not exhausted and close its file."""
        for unfinished in self._passes:
            unfinished.close()
        self._passes.clear()

    def frames(self, *, keyframes_only: bool = False) -> Generator[DecodedFrame, None, None]:
        """Decode from the start, in presentation order, and close the file at the end or when the iterator is closed.

        keyframes_only: nothing but key packets is decoded, except from where a file's timestamps are missing or
        disordered; a video whose only keyframes are cut away by an edit list
        gives its first picture instead. Raises VideoError: no_frames, corrupt (not one picture), and as `probe` when
        the file has gone or changed.
        """
        frames = self._keyframes() if keyframes_only else self._all_frames()
        self._passes = [other for other in self._passes if inspect.getgeneratorstate(other) != inspect.GEN_CLOSED]
        self._passes.append(frames)
        return frames

    def span(self) -> tuple[int, int]:
        """[start_ms, end_ms) of what can be decoded; needs a decoding pass only where the packets do not tell."""
        if self._span is None:
            end_ms = packet_end_ms(self.path)
            start_ms = None
            with closing(self.frames()) as frames:
                for frame in frames:
                    start_ms = frame.time_ms if start_ms is None else start_ms
                    if end_ms is not None:
                        break
            self._span = start_ms or 0, self.read_until_ms if end_ms is None else end_ms
        return self._span

    def _all_frames(self) -> Generator[DecodedFrame, None, None]:
        first = Pass(self.path, threads=self._threads, converter=self._converter)
        last_ms = -1
        for frame in self._follow(first, first.frames()):
            last_ms = frame.time_ms
            yield frame
        final = first
        if first.lost_silently:             # one thread gives what several threw away at the end
            final = Pass(self.path, threads=1, converter=self._converter)
            for frame in self._follow(final, final.frames()):
                if frame.time_ms > last_ms:
                    yield frame
        self.damage = _damage(final)

    def _keyframes(self) -> Generator[DecodedFrame, None, None]:
        keys = Pass(self.path, threads=self._threads, converter=self._converter)
        last_ms = -1
        for frame in self._follow(keys, keys.keyframes()):
            last_ms = frame.time_ms
            yield frame
        if keys.tally.pictures and not keys.tally.disordered:
            self.damage = _losses(keys)
            return
        with closing(self._all_frames()) as frames:
            if keys.tally.disordered:
                yield from (frame for frame in frames if frame.is_keyframe and frame.time_ms > last_ms)
            else:
                yield from islice(frames, 1)

    def _follow(self, current: Pass, frames: Iterator[DecodedFrame]) -> Iterator[DecodedFrame]:
        self.damage, self.read_until_ms = None, 0
        for frame in frames:
            self.read_until_ms = current.read_until_ms
            yield frame


def _damage(done: Pass) -> str | None:
    parts = [_losses(done)]
    if done.shortfall is not None:
        parts.insert(0, "truncated: {:.1f} s of {:.1f} s could be read".format(*done.shortfall))
    return ", ".join(part for part in parts if part) or None


def _losses(done: Pass) -> str | None:
    parts = []
    if done.tally.lost:
        parts.append(f"{done.tally.lost} frame{'s' if done.tally.lost > 1 else ''} could not be decoded")
    elif done.tally.unreadable:
        parts.append("a part of the file could not be read")
    if done.tally.far_jumps:
        parts.append("its timestamps jump far ahead and were closed up")
    return ", ".join(parts) or None
