"""One decoded picture: its time, and its pixels when they are asked for."""

from __future__ import annotations

from collections import OrderedDict
from fractions import Fraction
from functools import lru_cache
from threading import Lock
from typing import Literal

import av
import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from retrieval.errors import VideoError
from retrieval.video.orientation import UPRIGHT, Orientation

Fit = Literal["stretch", "crop", "inside"]
PLANES_HEIGHT, PLANES_WIDTH = 36, 64
_CACHED_CONVERSIONS = 6
_MOST_CUT_AWAY = 8          # times the pixels that remain: beyond it the picture is cropped before it is scaled


class Converter:
    """Colour conversion and scaling by swscale, with the tables of the last few conversions kept between frames."""

    def __init__(self) -> None:
        self._lock = Lock()             # a conversion's tables serve one frame at a time
        self._reformatters: OrderedDict[tuple[object, ...], VideoReformatter] = OrderedDict()

    def convert(
        self, frame: VideoFrame, *, height: int, width: int, pixel_format: str, interpolation: str
    ) -> NDArray[np.uint8]:
        key = (height, width, pixel_format, frame.width, frame.height, frame.format.name)
        with self._lock:
            reformatter = self._reformatters.pop(key, None) or VideoReformatter()
            self._reformatters[key] = reformatter
            if len(self._reformatters) > _CACHED_CONVERSIONS:
                self._reformatters.popitem(last=False)
            try:
                converted = reformatter.reformat(frame, width, height, pixel_format, interpolation=interpolation)
            except av.FFmpegError as error:
                kind = "memory" if isinstance(error, MemoryError) else "corrupt"
                sizes = f"{frame.width} x {frame.height} into one of {width} x {height}"
                raise VideoError(kind, f"A picture of {sizes} cannot be made: {error.strerror}.") from None
        return converted.to_ndarray()   # type: ignore[return-value]


class DecodedFrame:
    """A picture as shown: its time and length on the presentation timeline, its size after rotation and aspect."""

    __slots__ = ("_converter", "_frame", "duration_ms", "height", "is_keyframe", "orientation", "time_ms", "width")

    def __init__(
        self, frame: VideoFrame, *, time_ms: int, duration_ms: int, orientation: Orientation = UPRIGHT,
        pixel_aspect: Fraction | None = None, converter: Converter | None = None,
    ) -> None:
        self._frame = frame
        self.orientation = orientation
        self._converter = converter or Converter()
        self.time_ms = time_ms
        self.duration_ms = duration_ms
        self.is_keyframe = bool(frame.key_frame)
        self.width, self.height = shown_size(
            width=frame.width, height=frame.height, pixel_aspect=pixel_aspect, transposed=orientation.transposed
        )

    def rgb(self, *, height: int | None = None, width: int | None = None, fit: Fit = "stretch") -> NDArray[np.uint8]:
        """The picture as RGB, uint8 [H, W, 3], scaled with a bicubic filter.

        fit: "stretch" to exactly height x width (None = as shown); "crop" scales until both are covered and cuts out
        the centre; "inside" keeps the aspect, fits into height x width (one alone bounds both sides), never enlarges.
        Raises ValueError on an unknown fit or a size below 1, and VideoError (corrupt, memory) where it cannot be made.
        """
        if fit not in ("stretch", "crop", "inside"):
            raise ValueError(f'fit is {fit!r}, but must be "stretch", "crop" or "inside".')
        if (height is not None and height < 1) or (width is not None and width < 1):
            raise ValueError(f"A picture of height {height} and width {width} cannot be made: both must be at least 1.")
        if fit == "inside":
            return self._scaled(*_size_inside(self.height, self.width, height or width, width or height))
        target_height, target_width = height or self.height, width or self.width
        if fit == "stretch":
            return self._scaled(target_height, target_width)
        covering = _size_covering(self.height, self.width, target_height, target_width)
        if covering[0] * covering[1] > _MOST_CUT_AWAY * target_height * target_width:
            return self._cropped_then_scaled(target_height, target_width)
        picture = self._scaled(*covering)
        top, left = (picture.shape[0] - target_height) // 2, (picture.shape[1] - target_width) // 2
        return np.ascontiguousarray(picture[top : top + target_height, left : left + target_width])

    def planes(self) -> NDArray[np.uint8]:
        """Luma and two colour planes as stored, uint8 [3, 36, 64], cheap enough to be taken of every frame.

        Planar YUV is read by strides from the decoder's own buffers, point by point; other formats are converted.
        Rotation is not applied. Grey pictures have 128 as colour.
        """
        layout = _plane_layout(self._frame.format.name)
        if layout is None or any(plane.line_size <= 0 for plane in self._frame.planes):
            stacked = self._converter.convert(
                self._frame, height=PLANES_HEIGHT, width=PLANES_WIDTH, pixel_format="yuv444p", interpolation="BILINEAR"
            )
            return stacked.reshape(3, PLANES_HEIGHT, PLANES_WIDTH)
        small = np.full((3, PLANES_HEIGHT, PLANES_WIDTH), 128, np.uint8)
        sample_bytes, shift, planes = layout
        for index, plane in zip(planes, self._frame.planes, strict=False):
            small[index] = _point_sampled(plane, sample_bytes=sample_bytes, shift=shift)
        return small

    def _cropped_then_scaled(self, height: int, width: int) -> NDArray[np.uint8]:
        """As "crop", for a long and narrow picture: scaled as a whole it would take memory without bound."""
        whole = self._scaled(*_transposed(self._frame.height, self._frame.width, self.orientation.transposed))
        scale = max(height / self.height, width / self.width)
        rows = max(round(whole.shape[0] * height / (scale * self.height)), 1)
        columns = max(round(whole.shape[1] * width / (scale * self.width)), 1)
        top, left = (whole.shape[0] - rows) // 2, (whole.shape[1] - columns) // 2
        centre = VideoFrame.from_ndarray(np.ascontiguousarray(whole[top : top + rows, left : left + columns]), "rgb24")
        return self._converter.convert(centre, height=height, width=width, pixel_format="rgb24", interpolation="BICUBIC")

    def _scaled(self, height: int, width: int) -> NDArray[np.uint8]:
        height, width = _transposed(height, width, self.orientation.transposed)
        picture = self._converter.convert(
            self._frame, height=height, width=width, pixel_format="rgb24", interpolation="BICUBIC"
        )
        return self.orientation.apply(picture)


def shown_size(*, width: int, height: int, pixel_aspect: Fraction | None, transposed: bool) -> tuple[int, int]:
    """(width, height) of a stored picture when shown; an absurd pixel aspect (outside 1:10 to 10:1) is ignored."""
    if pixel_aspect and Fraction(1, 10) <= pixel_aspect <= 10:
        width = max(round(width * pixel_aspect), 1)
    return (height, width) if transposed else (width, height)


def _transposed(height: int, width: int, transposed: bool) -> tuple[int, int]:
    return (width, height) if transposed else (height, width)


def _size_inside(height: int, width: int, most_height: int | None, most_width: int | None) -> tuple[int, int]:
    scale = min(1.0, (most_height or height) / height, (most_width or width) / width)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def _size_covering(height: int, width: int, least_height: int, least_width: int) -> tuple[int, int]:
    scale = max(least_height / height, least_width / width)
    return max(round(height * scale), least_height), max(round(width * scale), least_width)


@lru_cache(maxsize=64)
def _plane_layout(name: str) -> tuple[int, int, tuple[int, ...]] | None:
    """(bytes a sample, bits above eight, where each plane goes) of a format that can be read by strides, else None."""
    pixel = VideoFormat(name)
    known = name.startswith(("yuv4", "yuvj4", "yuva4", "gray"))
    if not known or name.endswith("be") or name.startswith(("grayf", "yuv4xx")):
        return None
    bits = pixel.components[0].bits
    if not 8 <= bits <= 16 or "msb" in name:
        return None
    is_grey = name.startswith("gray")
    return (1 if bits == 8 else 2), bits - 8, ((0,) if is_grey else (0, 1, 2))


def _point_sampled(plane: VideoPlane, *, sample_bytes: int, shift: int) -> NDArray[np.uint8]:
    rows, columns = _sample_points(plane.height, plane.width)
    samples = np.frombuffer(plane, np.uint8 if sample_bytes == 1 else np.dtype("<u2"))  # type: ignore[call-overload]
    stride = plane.line_size // sample_bytes
    chosen = samples[rows * stride + columns]
    return chosen if shift == 0 else (chosen >> shift).astype(np.uint8)


@lru_cache(maxsize=16)
def _sample_points(height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rows = (np.arange(PLANES_HEIGHT) * 2 + 1) * height // (2 * PLANES_HEIGHT)
    columns = (np.arange(PLANES_WIDTH) * 2 + 1) * width // (2 * PLANES_WIDTH)
    return rows[:, None], columns[None, :]
