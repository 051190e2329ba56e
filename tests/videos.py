"""Small real video files for tests."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from av.stream import Disposition
from numpy.typing import NDArray
from PIL import Image


def write_video(
    path: Path,
    *,
    seconds: float = 1.0,
    seed: int = 0,
    shots: int = 1,
    frames_per_second: int = 10,
    width: int = 96,
    height: int = 64,
    title: str | None = None,
) -> Path:
    """A video of moving noise in different colours, one a shot; another seed is another content."""
    random = np.random.default_rng(seed)
    count = max(1, round(seconds * frames_per_second))
    colours = random.integers(0, 200, (shots, 3))
    texture = random.integers(0, 55, (height, width, 1))
    pictures = (
        (colours[index * shots // count] + np.roll(texture, index, axis=1)).astype(np.uint8) for index in range(count)
    )
    return write_pictures(path, pictures, frames_per_second=frames_per_second, title=title)


def write_pictures(
    path: Path, pictures: Iterable[NDArray[np.uint8]], *, frames_per_second: int = 10, title: str | None = None
) -> Path:
    """A video of these pictures, uint8 RGB [H, W, 3] each, of even width and height."""
    with av.open(str(path), "w") as container:
        if title is not None:
            container.metadata["title"] = title
        stream = container.add_stream("libx264", rate=frames_per_second)
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "30"}
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def write_subtitles(path: Path, lines: Sequence[tuple[int, int, str]]) -> Path:
    """A SubRip file from (start_ms, end_ms, text)."""

    def stamp(ms: int) -> str:
        return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d},{ms % 1000:03d}"

    blocks = [f"{n}\n{stamp(a)} --> {stamp(b)}\n{text}\n" for n, (a, b, text) in enumerate(lines, start=1)]
    path.write_text("\n".join(blocks), encoding="utf-8")
    return path


def add_cover(video: Path, picture: bytes, path: Path) -> Path:
    """The video in another file, with a JPEG file as the cover inside it."""
    with av.open(str(video)) as source, av.open(str(path), "w") as container:
        (moving,) = source.streams.video
        copied = container.add_stream_from_template(moving)
        if path.suffix == ".mkv":
            container.add_attachment("cover.jpg", "image/jpeg", picture)
        else:
            container.mux(_cover_packet(container, picture))
        for packet in source.demux(moving):
            if packet.dts is not None:
                packet.stream = copied
                container.mux(packet)
    return path


def _cover_packet(container: OutputContainer, picture: bytes) -> av.Packet[Any]:
    cover = container.add_stream("mjpeg", rate=1)
    with Image.open(io.BytesIO(picture)) as opened:
        cover.width, cover.height = opened.size
    cover.pix_fmt, cover.disposition = "yuvj420p", Disposition.attached_pic
    packet = av.Packet(picture)
    packet.stream, packet.pts, packet.dts, packet.time_base = cover, 0, 0, Fraction(1, 1)
    return packet
