"""Where the strokes of standing text are: what stays in its place while a scene moves behind it. On small grey pictures.

All pictures are float32 [H, W] with the longest side of `GATE_SIDE`, grey levels 0..255.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data_pipeline.evidence.text_gate import Grey, crop
from data_pipeline.evidence.text_likeness import Box

Mask = NDArray[np.bool_]

_EDGE = 30.0                        # grey levels over two pixels, along a row or a column
_STEADY = 20.0                      # grey levels by which a pixel of a standing stroke may change
_ROWS, _COLUMNS = 7, 16             # of a window that holds two characters of a small caption
_DENSE = 0.5                        # share of the window's pixels that are strokes: 0.4 of drawn things, 0.8 of captions


def strokes(picture: Grey) -> Mask:
    """bool [H, W]: the steep edges, which strokes of letters consist of at this size."""
    edges = np.zeros(picture.shape, dtype=np.bool_)
    edges[:, 1:-1] |= np.abs(picture[:, 2:] - picture[:, :-2]) >= _EDGE
    edges[1:-1] |= np.abs(picture[2:] - picture[:-2]) >= _EDGE
    return edges


def standing(one: Grey, other: Grey) -> Mask:
    """bool [H, W]: the strokes that both pictures have in the same place."""
    return strokes(one) & strokes(other) & (np.abs(one - other) <= _STEADY)


def text_has_appeared(before: Sequence[Grey], now: Grey, *, looked_at: Grey | None) -> bool:
    """Say whether strokes as dense as letters stand in this picture and all before it that were not in the one looked at.

    before: at least one picture; looked_at: None = nothing was looked at yet. Pictures of two sizes: no.
    """
    if any(picture.shape != now.shape for picture in before):
        return False
    new = standing(before[-1], now)
    for picture in before[:-1]:
        if densest(new) < _DENSE:
            return False
        new &= standing(picture, now)
    if looked_at is not None and looked_at.shape == now.shape:
        new &= ~standing(looked_at, now)
    return densest(new) >= _DENSE


def densest(mask: Mask) -> float:
    """The share of marked pixels in the fullest window of 7 x 16, 0 where the mask is smaller."""
    if mask.shape[0] < _ROWS or mask.shape[1] < _COLUMNS:
        return 0.0
    sums = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), dtype=np.int32)
    sums[1:, 1:] = mask.cumsum(axis=0, dtype=np.int32).cumsum(axis=1)
    windows = sums[_ROWS:, _COLUMNS:] - sums[:-_ROWS, _COLUMNS:] - sums[_ROWS:, :-_COLUMNS] + sums[:-_ROWS, :-_COLUMNS]
    return float(windows.max()) / (_ROWS * _COLUMNS)


def standing_share(looked_at: Grey, now: Grey, box: Box) -> float:
    """How many of the strokes in a box still stand, 0..1; 1 where there were none, 0 for pictures of two sizes."""
    if looked_at.shape != now.shape:
        return 0.0
    one, other = crop(looked_at, box), crop(now, box)
    count = int(strokes(one).sum())
    return float(standing(one, other).sum()) / count if count else 1.0
