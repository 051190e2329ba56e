"""Pictures and clips made of a video file. Runs in a sandboxed child: the files are other people's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrieval.stills import jpeg_bytes, read_still, still_size
from retrieval.video import DecodedFrame, probe, seek_frames, uniform
from retrieval.video.frame import Fit
from retrieval.video.reader import VideoReader

STRIP_FRAMES, STRIP_WIDTH = 10, 160
_STRIP_MOST_HEIGHT = 320
_QUALITY = 82


@dataclass(frozen=True)
class Probed:
    """What an upload is, before anything is done with it."""

    duration_ms: int
    width: int
    height: int
    is_picture: bool


def poster(path: str, time_ms: int, width: int) -> bytes:
    """The picture on screen at a time as JPEG, at most so wide. Raises VideoError."""
    (frame,) = seek_frames(path, [time_ms])
    return jpeg_bytes(frame.rgb(width=width, height=2 * width, fit="inside"), quality=_QUALITY, optimize=True)


def strip(path: str, duration_ms: int) -> bytes:
    """Ten pictures from the beginning to the end side by side as JPEG, each 160 pixels wide. Raises VideoError."""
    times = [duration_ms * (2 * i + 1) // (2 * STRIP_FRAMES) for i in range(STRIP_FRAMES)]
    frames = seek_frames(path, times)
    height = min(max(round(STRIP_WIDTH * frames[0].height / frames[0].width), 2), _STRIP_MOST_HEIGHT)
    pictures = [frame.rgb(height=height, width=STRIP_WIDTH, fit="crop") for frame in frames]
    return jpeg_bytes(np.concatenate(pictures, axis=1), quality=_QUALITY, optimize=True)


def examine(path: str) -> Probed:
    """Whether a file can be searched with or added. Raises VideoError (not_a_video)."""
    size = still_size(path)
    if size is not None:
        return Probed(duration_ms=0, width=size[0], height=size[1], is_picture=True)
    info = probe(path)
    return Probed(duration_ms=info.duration_ms, width=info.width, height=info.height, is_picture=False)


def example_pictures(
    path: str, *, count: int, height: int, width: int, fit: Fit, most_ms: int
) -> NDArray[np.uint8]:
    """Pictures to search with, uint8 RGB [n, H, W, 3]: the one of a picture file, or `count` over a video's beginning.

    Raises VideoError.
    """
    if still_size(path) is not None:
        return np.stack([_fitted(read_still(path), height=height, width=width, fit=fit)])
    with VideoReader(path, threads=1) as reader:
        frames: Sequence[DecodedFrame] = uniform(reader, count, until_ms=min(most_ms, max(reader.info.duration_ms, 1)))
        return np.stack([frame.rgb(height=height, width=width, fit=fit) for frame in frames])


def _fitted(picture: Image.Image, *, height: int, width: int, fit: Fit) -> NDArray[np.uint8]:
    from PIL import ImageOps

    if fit == "crop":
        return np.asarray(ImageOps.fit(picture, (width, height), Image.Resampling.BICUBIC))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))
