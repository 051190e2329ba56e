"""Is a look worth its price? Cheap tests on a small grey picture that say whether text on it can have changed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from data_pipeline.evidence.text_likeness import Box

Grey = NDArray[np.float32]

GATE_SIDE = 320                     # longest side of the small picture; a caption line is still 6 to 10 pixels high
_BLOCK = 8
_CHANGE = 6.0                       # mean grey levels in a block; coding noise of a still picture stays below 4
_CONTRAST = 24.0                    # grey levels between the brightest and the darkest pixel of a block with text
_STANDING = 0.8                     # correlation of a line before another background: 0.9 and more when it stands
_UNTOUCHED = 0.9                    # of the worst part of a line before a still background: 0.99 when untouched
_FLAT = 4.0                         # grey levels of deviation below which there are no strokes to compare


def grey(picture: NDArray[np.uint8]) -> Grey:
    """Luma (ITU-R BT.601) of RGB: uint8 [H, W, 3] to float32 [H, W]."""
    return picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)


def text_may_have_changed(before: Grey, now: Grey) -> bool:
    """Say whether some block with the contrast of text, before or now, differs: one caption is enough.

    Both are [H, W]; pictures of two sizes always differ.
    """
    if before.shape != now.shape:
        return True
    change = _blocks(np.abs(now - before)).mean(axis=(1, 3))
    contrast = np.maximum(_contrast(before), _contrast(now))
    return bool(((change >= _CHANGE) & (contrast >= _CONTRAST)).any())


def text_still_there(before: Grey, now: Grey, boxes: Iterable[Box]) -> bool:
    """Say whether every box still shows much the same strokes, whatever moves behind them (normalised correlation)."""
    if before.shape != now.shape:
        return False
    return all(_correlation(crop(before, box), crop(now, box)) >= _STANDING for box in boxes)


def text_untouched(before: Grey, now: Grey, box: Box) -> bool:
    """Say whether not even one character in the box has changed: true for text before a still background only."""
    if before.shape != now.shape:
        return False
    one, other = crop(before, box), crop(now, box)
    height, width = one.shape
    parts = max(1, round(width / (1.5 * height)))
    pairs = zip(np.array_split(one, parts, axis=1), np.array_split(other, parts, axis=1), strict=True)
    return all(_correlation(a, b) >= _UNTOUCHED for a, b in pairs)


def _blocks(picture: Grey) -> Grey:
    """[H, W] to [H / 8, 8, W / 8, 8]; the last rows and columns are repeated to fill up."""
    height, width = picture.shape
    padded = np.pad(picture, ((0, -height % _BLOCK), (0, -width % _BLOCK)), mode="edge")
    return padded.reshape(padded.shape[0] // _BLOCK, _BLOCK, padded.shape[1] // _BLOCK, _BLOCK)


def _contrast(picture: Grey) -> Grey:
    blocks = _blocks(picture)
    spread: Grey = blocks.max(axis=(1, 3)) - blocks.min(axis=(1, 3))
    return spread


def crop(picture: Grey, box: Box) -> Grey:
    """The pixels of a box, at least one."""
    height, width = picture.shape
    left, top = int(box[0] * width), int(box[1] * height)
    return picture[max(top, 0) : max(int(np.ceil(box[3] * height)), top + 1),
                   max(left, 0) : max(int(np.ceil(box[2] * width)), left + 1)]


def _correlation(a: Grey, b: Grey) -> float:
    if a.std() < _FLAT and b.std() < _FLAT:
        return 1.0
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 0.0
