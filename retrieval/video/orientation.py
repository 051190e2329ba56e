"""How a stored picture is turned and mirrored before it is shown."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from numpy.typing import NDArray


@dataclass(frozen=True)
class Orientation:
    """Swap rows and columns (or not), then mirror."""

    transposed: bool = False
    mirrored_x: bool = False
    mirrored_y: bool = False

    @property
    def rotation(self) -> int:
        """Clockwise degrees: 0, 90, 180 or 270. A mirrored picture that is not transposed counts as not rotated."""
        if self.transposed:
            return 90 if not self.mirrored_y else 270
        return 180 if self.mirrored_x and self.mirrored_y else 0

    @property
    def is_rotation(self) -> bool:
        """Whether the picture is turned, or left as it is, but not mirrored."""
        return self.transposed == (self.mirrored_x != self.mirrored_y)

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn a picture [H, W, ...]; the result is contiguous."""
        if self.transposed:
            picture = picture.swapaxes(0, 1)
        if self.mirrored_x:
            picture = picture[:, ::-1]
        if self.mirrored_y:
            picture = picture[::-1]
        return np.ascontiguousarray(picture)


UPRIGHT = Orientation()


def orientation_from_matrix(matrix: bytes | memoryview) -> Orientation:
    """Read a display matrix: nine 32-bit numbers a b u, c d v, x y w.

    A stored point (p, q), q downwards, is shown at (a p + c q, b p + d q). Source: FFmpeg, libavutil/display.h. Angles
    between quarter turns are taken as the nearest quarter turn.
    """
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    if a == b == c == d == 0:
        return UPRIGHT
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(mirrored_x=a < 0, mirrored_y=d < 0)
    return Orientation(transposed=True, mirrored_x=c < 0, mirrored_y=b < 0)


def frame_orientation(frame: VideoFrame) -> Orientation:
    """The orientation that a decoded frame carries.

    PyAV ties a frame whose side data was read into a reference cycle, which keeps its picture until a collection:
    read a few frames only, as `OrientationOfFrames` does.
    """
    try:
        for data in frame.side_data:
            if data.type == Type.DISPLAYMATRIX:     # type: ignore[attr-defined]
                return orientation_from_matrix(memoryview(data))  # type: ignore[arg-type]
    except ValueError:          # beside data of a kind that PyAV does not know
        return _TURNED[round(-frame.rotation / 90) % 4]
    return UPRIGHT


_TURNED = {each.rotation // 90: each for each in (
    UPRIGHT, Orientation(transposed=True, mirrored_x=True), Orientation(mirrored_x=True, mirrored_y=True),
    Orientation(transposed=True, mirrored_y=True),
)}


class OrientationOfFrames:
    """The orientation of each frame of a pass, its side data read only when its rotation or size changes."""

    def __init__(self) -> None:
        self._key: tuple[int, int, int] | None = None
        self._orientation = UPRIGHT

    def of(self, frame: VideoFrame) -> Orientation:
        key = frame.rotation, frame.width, frame.height
        if key != self._key:
            self._key, self._orientation = key, frame_orientation(frame)
        return self._orientation
