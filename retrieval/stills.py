"""Still pictures: files of other people in, JPEG bytes out."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from retrieval.errors import VideoError

_MOST_PIXELS = 64_000_000
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
# What Pillow raises for damage; the last three come from tags of EXIF and TIFF.
_DAMAGE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, EOFError, TypeError, struct.error)


def jpeg_bytes(
    picture: NDArray[np.uint8], *, quality: int, optimize: bool = False, full_colour: bool = False
) -> bytes:
    """A picture, uint8 RGB [H, W, 3], as the bytes of a JPEG file.

    full_colour: colours at the resolution of the picture, not at half of it.
    """
    file = io.BytesIO()
    subsampling = "4:4:4" if full_colour else -1
    Image.fromarray(picture).save(file, "JPEG", quality=quality, optimize=optimize, subsampling=subsampling)
    return file.getvalue()


def still_size(path: str | Path | BinaryIO) -> tuple[int, int] | None:
    """Width and height of a still picture, from its header; None for anything else. Raises VideoError when it is too large."""
    try:
        with Image.open(path, formats=_FORMATS) as picture:
            if getattr(picture, "n_frames", 1) > 1 and picture.format in ("GIF", "WEBP", "PNG"):
                return None
            width, height = picture.size
    except _DAMAGE:
        return None
    if width * height > _MOST_PIXELS:
        raise VideoError("not_a_video", f"The picture has {width} x {height} pixels: scale it down.")
    return width, height


def read_still(path: str | Path | BinaryIO) -> Image.Image:
    """A still picture as a person sees it, RGB; `still_size` says first whether it is too large. Raises VideoError (corrupt)."""
    try:
        with Image.open(path, formats=_FORMATS) as picture:
            return ImageOps.exif_transpose(picture).convert("RGB")
    except _DAMAGE as error:
        raise VideoError("corrupt", "The picture is damaged: not all of it can be read.") from error
