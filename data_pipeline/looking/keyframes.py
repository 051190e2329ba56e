"""Keyframes of a video: measured, told apart from black, uniform and repeated ones, and kept as small JPEGs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_pipeline.corpus.measured import KeyframeRow
from retrieval.stills import jpeg_bytes
from retrieval.video.clips import CutClip, sharpness

_THUMBNAIL = (32, 18)               # width, height of the grey pictures that are compared


@dataclass(frozen=True, kw_only=True)
class KeyframeRules:
    """What makes a keyframe worth nothing, and how many are kept. Grey levels are 0..255.

    A duplicate resembles the kept keyframe before it, in the same shot, by both measures: the bits of the hash see a
    change of the layout, the mean difference sees a small thing that moved before a plain background.
    """

    black_mean: float = 20.0
    black_deviation: float = 12.0       # a night sky with lights is no black frame
    uniform_deviation: float = 6.0
    duplicate_bits: int = 4             # of 64
    duplicate_difference: float = 1.5   # mean grey levels
    most: int = 1500                    # of a video: beyond it every second one is dropped as `thinned`
    jpeg_quality: int = 85

    def __post_init__(self) -> None:
        if self.most < 2:
            raise ValueError(f"most must be at least 2, not {self.most}")


class KeyframeCollector:
    """Takes the clips of a video in order; one keyframe of each is measured, and kept unless a rule drops it.

    `rows` holds all of them, `pictures` the JPEGs of the kept ones in the same order. Memory is bounded: of a video
    with more than `rules.most` kept keyframes every second is dropped as thinned, and so on.
    """

    def __init__(self, video_id: str, *, rules: KeyframeRules) -> None:
        self._video_id = video_id
        self._rules = rules
        self._pictures: dict[int, bytes] = {}       # by number of the row, kept ones only
        self._stride = 1                            # of the keyframes that no rule drops, this share is kept
        self._good = 0
        self._before: tuple[KeyframeRow, NDArray[np.float32]] | None = None
        self.rows: list[KeyframeRow] = []

    @property
    def pictures(self) -> list[bytes]:
        return list(self._pictures.values())

    def add(self, clip: CutClip, *, shot: int) -> None:
        """Take a clip with its pictures."""
        assert clip.pictures is not None
        picture = clip.pictures[clip.frame_times_ms.index(clip.keyframe_ms)]
        grey = Image.fromarray(picture).convert("L")
        thumbnail = np.asarray(grey.resize(_THUMBNAIL, Image.Resampling.BOX), dtype=np.float32)
        row = measured(
            picture, grey, video_id=self._video_id, keyframe=len(self.rows), time_ms=clip.keyframe_ms, shot=shot
        )
        row = replace(row, dropped=self._reason(row, thumbnail))
        if row.dropped is None:
            self._before = row, thumbnail
            row = self._thinned(row)
        if row.dropped is None:
            self._pictures[row.keyframe] = jpeg_bytes(picture, quality=self._rules.jpeg_quality)
        self.rows.append(row)
        if len(self._pictures) > self._rules.most:
            self._thin()

    def _reason(self, row: KeyframeRow, thumbnail: NDArray[np.float32]) -> str | None:
        rules = self._rules
        if row.luma_mean < rules.black_mean and row.luma_deviation < rules.black_deviation:
            return "black"
        if row.luma_deviation < rules.uniform_deviation:
            return "uniform"
        if self._before is None or self._before[0].shot != row.shot:
            return None
        before, old = self._before
        alike = (before.hash64 ^ row.hash64) & (1 << 64) - 1
        still = float(np.abs(thumbnail - old).mean()) <= rules.duplicate_difference
        return "duplicate" if still and alike.bit_count() <= rules.duplicate_bits else None

    def _thinned(self, row: KeyframeRow) -> KeyframeRow:
        self._good += 1
        return row if (self._good - 1) % self._stride == 0 else replace(row, dropped="thinned")

    def _thin(self) -> None:
        for number in list(self._pictures)[1::2]:
            del self._pictures[number]
            self.rows[number] = replace(self.rows[number], dropped="thinned")
        self._stride *= 2


def measured(
    picture: NDArray[np.uint8], grey: Image.Image, *, video_id: str, keyframe: int, time_ms: int, shot: int
) -> KeyframeRow:
    """The row of a picture, uint8 RGB [H, W, 3], and its grey form; nothing is decided yet."""
    levels = np.asarray(grey, dtype=np.float32)
    edges = sharpness(picture) if min(picture.shape[:2]) > 1 else 0.0
    return KeyframeRow(
        video_id=video_id, keyframe=keyframe, time_ms=time_ms, shot=shot, sharpness=round(edges, 3),
        luma_mean=round(float(levels.mean()), 3), luma_deviation=round(float(levels.std()), 3),
        hash64=difference_hash(grey),
    )


def difference_hash(grey: Image.Image) -> int:
    """64 bits, signed: whether each cell of an 8 x 9 grid is darker than its right neighbour, row by row, first bit highest."""
    cells = np.asarray(grey.resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    bits = np.packbits((cells[:, :-1] < cells[:, 1:]).ravel())
    return int.from_bytes(bits.tobytes(), "big", signed=True)
