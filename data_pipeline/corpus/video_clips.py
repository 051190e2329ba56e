"""Samples decoded from video files."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import file_sha256
from data_pipeline.corpus.samples import Sample, SampleText
from retrieval.errors import VideoError
from retrieval.video import VideoReader, at_times

ClipFit = Literal["stretch", "crop"]
DECODER = f"PyAV {av.__version__}"
_NO_FACTS = ("path", "threads", "fit", "check_content")     # of a sample


@dataclass(frozen=True, kw_only=True)
class VideoFrames:
    """Frames of a span. pictures: uint8 [F, H, W, 3], RGB; times_ms: when each of them came on screen."""

    start_ms: int
    end_ms: int
    times_ms: tuple[int, ...]
    pictures: NDArray[np.uint8]


def frames_of_video(
    path: str | Path, *, count: int, height: int, width: int, start_ms: int | None = None, end_ms: int | None = None,
    threads: int = 0, fit: ClipFit = "stretch",
) -> VideoFrames:
    """The frames on screen at the midpoints of `count` equal parts of a span, stretched or cropped to height x width.

    The span is the whole video where no start or end is given, and ends with the video at the latest. Frames are found
    by decoding from the start and reading their times; a span with fewer frames repeats some.
    Raises VideoError, CorpusError (span) when the span lies outside the video, ValueError when `count` is below 1.
    """
    if count < 1:
        raise ValueError(f"count is {count}, but must be at least 1.")
    with VideoReader(path, threads=threads) as reader:
        first_ms, last_ms = reader.span()
        start_ms = first_ms if start_ms is None else start_ms
        end_ms = last_ms if end_ms is None else end_ms
        if not 0 <= start_ms < min(end_ms, last_ms):
            raise CorpusError(
                "span", f"The span {start_ms} to {end_ms} ms is not within {path}, which has pictures until {last_ms} ms."
            )
        end_ms = min(end_ms, last_ms)
        midpoints = [start_ms + (end_ms - start_ms) * (2 * i + 1) // (2 * count) for i in range(count)]
        frames = at_times(reader, midpoints)
        return VideoFrames(
            start_ms=start_ms, end_ms=end_ms, times_ms=tuple(frame.time_ms for frame in frames),
            pictures=np.stack([frame.rgb(height=height, width=width, fit=fit) for frame in frames]),
        )


@dataclass(frozen=True, kw_only=True)
class VideoClip:
    """A span of a video file with its texts, from which `count` frames are taken; a SampleSource.

    video: the content's id; start_ms, end_ms: None for where the pictures start or end; threads: of the decoder, 0 for
    FFmpeg's choice; fit: how pictures of another shape become that of the shards, see `DecodedFrame.rgb`. check_content: read
    the whole file first, and refuse one that is not `video`.
    """

    id: str
    path: str
    video: str
    texts: tuple[SampleText, ...]
    split: str
    count: int = 8
    start_ms: int | None = None
    end_ms: int | None = None
    threads: int = 1
    fit: ClipFit = "stretch"
    check_content: bool = False

    def fingerprint(self) -> str:
        """All that the sample follows from; the path is not among it, for the content has its own id."""
        facts = {name: value for name, value in asdict(self).items() if name not in _NO_FACTS}
        if self.fit != "stretch":       # what shards of before were made by is not said, so that they stay as they are
            facts["fit"] = self.fit
        return json.dumps(facts, sort_keys=True)

    def sample(self, *, height: int, width: int) -> Sample:
        """Decode the frames. Raises as `frames_of_video`, and VideoError (changed)."""
        if self.check_content:
            _check_content(self.path, self.video)
        frames = frames_of_video(
            self.path, count=self.count, height=height, width=width, start_ms=self.start_ms, end_ms=self.end_ms,
            threads=self.threads, fit=self.fit,
        )
        return Sample(
            id=self.id, video=self.video, start_ms=frames.start_ms, end_ms=frames.end_ms, times_ms=frames.times_ms,
            frames=frames.pictures, texts=self.texts, split=self.split, decoder=DECODER,
        )


def _check_content(path: str, video: str) -> None:
    try:
        state = Path(path).stat()
        found = _sha256(path, state.st_size, state.st_mtime_ns)
    except OSError:
        return          # the decoder explains it
    if found != video:
        raise VideoError(
            "changed", f"{path} is not the file that was measured: build the corpus again, so that it is measured anew."
        )


@lru_cache(maxsize=64)
def _sha256(path: str, file_bytes: int, modified_ns: int) -> str:
    """Of a file in a state, read once for all clips of it that follow each other."""
    return file_sha256(Path(path))
