"""Cover the text that is drawn into a picture, so that a model cannot read it aloud."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PIL import Image

from data_pipeline.corpus.measured import ScreenTextRow

_EARLY_MS = 1_000                   # a line is first seen at a look, so it may have stood for as long as between two
_MARGIN = 0.25                      # of a line's height, on every side

Quad = tuple[float, ...]            # x, y of the corners in shares of the picture


def quads_at(time_ms: int, screen_texts: Iterable[ScreenTextRow]) -> list[Quad]:
    """Where lines stand at a time, those included that may already or still stand."""
    return [row.quad for row in screen_texts if row.start_ms - _EARLY_MS <= time_ms < row.end_ms + _EARLY_MS]


def covered(picture: Image.Image, quads: Sequence[Quad]) -> Image.Image:
    """The picture with every box around a quad smeared to a few colours along its length; without quads, itself."""
    if not quads:
        return picture
    picture = picture.copy()
    for quad in quads:
        box = _pixel_box(quad, width=picture.width, height=picture.height)
        width, height = box[2] - box[0], box[3] - box[1]
        if width > 0 and height > 0:
            small = picture.crop(box).resize((max(1, width // (2 * height)), 1), Image.Resampling.BOX)
            picture.paste(small.resize((width, height), Image.Resampling.BILINEAR), box[:2])
    return picture


def _pixel_box(quad: Quad, *, width: int, height: int) -> tuple[int, int, int, int]:
    xs, ys = [x * width for x in quad[::2]], [y * height for y in quad[1::2]]
    margin = _MARGIN * min(max(ys) - min(ys), max(xs) - min(xs)) + 1
    return (
        max(int(min(xs) - margin), 0), max(int(min(ys) - margin), 0),
        min(round(max(xs) + margin), width), min(round(max(ys) + margin), height),
    )
