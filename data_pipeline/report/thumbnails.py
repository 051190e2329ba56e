"""Small pictures of moments of videos, for a page."""

from __future__ import annotations

from pathlib import Path

from retrieval.errors import VideoError
from retrieval.stills import jpeg_bytes
from retrieval.video import DecodedFrame, VideoReader, at_times, keyframes

_SIDE = 240             # pixels of the longer side
_QUALITY = 62
_DECODED_MS = 60_000    # a moment behind this is shown by the keyframe before it: decoding so far would take long


def thumbnail(path: Path, time_ms: int) -> bytes | None:
    """A JPEG of what is on screen at a time, None when the file cannot be read any more."""
    try:
        with VideoReader(path, threads=1) as reader:
            pixels = _frame(reader, time_ms).rgb(height=_SIDE, width=_SIDE, fit="inside")
    except (VideoError, StopIteration):
        return None
    return jpeg_bytes(pixels, quality=_QUALITY, optimize=True)


def _frame(reader: VideoReader, time_ms: int) -> DecodedFrame:
    if time_ms <= _DECODED_MS:
        return at_times(reader, [time_ms])[0]
    last = None
    for frame in keyframes(reader):
        if last is not None and frame.time_ms > time_ms:
            break
        last = frame
    return last or at_times(reader, [0])[0]
