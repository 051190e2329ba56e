"""The cover picture that lies inside a video file."""

from __future__ import annotations

import av
from av.stream import Disposition

from retrieval.video.container import FileName, open_media

_MOST_BYTES = 32 << 20


def attached_picture(path: FileName) -> bytes | None:
    """The bytes of the picture file (JPEG, PNG ...) that a video carries as its cover; None without one, or where it is huge
    or cannot be read.

    Raises VideoError as `open_media`.
    """
    with open_media(path) as container:
        attached = (stream for stream in container.streams.video if stream.disposition & Disposition.attached_pic)
        cover = next(attached, None)
        if cover is None:
            return None
        try:
            packet = next(container.demux(cover), None)
        except av.FFmpegError:
            return None
        return bytes(packet) if packet is not None and 0 < packet.size <= _MOST_BYTES else None
