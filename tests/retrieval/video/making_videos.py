"""Videos whose every picture carries its number as black and white blocks, so that a decoded one tells which it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

ROWS, COLUMNS = 3, 4        # 8 bits of number, 4 of check: a turned or mirrored picture does not read as any number
CHECK = (0b1010, 0b0110)
MILLISECOND = Fraction(1, 1000)


def numbered(number: int, *, height: int, width: int) -> NDArray[np.uint8]:
    """A picture [height, width, 3] that shows a number below 256."""
    check = (number >> 4) ^ (number & 15) ^ CHECK[number & 1]
    bits = [(number << 4 | check) >> place & 1 for place in range(ROWS * COLUMNS)]
    blocks = np.array(bits, np.uint8).reshape(ROWS, COLUMNS) * 220 + 16
    rows, columns = np.arange(height) * ROWS // height, np.arange(width) * COLUMNS // width
    return np.repeat(blocks[rows][:, columns, None], 3, axis=2)


def number_of(picture: NDArray[np.uint8]) -> int | None:
    """The number that a picture shows; None when it shows none."""
    height, width = picture.shape[:2]
    rows = (np.arange(ROWS) * 2 + 1) * height // (2 * ROWS)
    columns = (np.arange(COLUMNS) * 2 + 1) * width // (2 * COLUMNS)
    value = sum(
        1 << (row * COLUMNS + column)
        for row in range(ROWS)
        for column in range(COLUMNS)
        if picture[rows[row] - 2 : rows[row] + 3, columns[column] - 2 : columns[column] + 3].mean() > 127
    )
    number = value >> 4
    return number if value & 15 == (number >> 4) ^ (number & 15) ^ CHECK[number & 1] else None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to make a clip, and what a correct reader must say about it."""

    suffix: str = "mp4"
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    times: Sequence[int] = tuple(range(0, 1600, 40))        # as encoded, in units of `unit`
    unit: Fraction = MILLISECOND
    rate: int = 25
    size: tuple[int, int] = (96, 160)                       # height, width as shown
    options: dict[str, str] = field(default_factory=dict)
    muxing: dict[str, str] = field(default_factory=dict)
    turned: tuple[int, bool, bool] | None = None            # degrees against the clock, mirrored x, mirrored y
    pixel_aspect: Fraction | None = None
    sound_ms: int = 0                                       # length of a sound track from time 0
    shift: int = 0                                          # added to every timestamp of the pictures when muxing
    shown: Sequence[tuple[int, int]] = ()                   # (number, ms) expected; () = all, at their own times
    keys: Sequence[int] | None = None                       # numbers of the keyframes expected; None = as marked
    copies: int = 1                                         # of the whole transport stream, one behind the other
    last_ms: int = 40                                       # how long the last picture is shown

    def expected(self) -> list[tuple[int, int]]:
        return list(self.shown) or list(enumerate(self.times))


def make(recipe: Recipe, path: Path) -> Path:
    """Encode and mux a recipe."""
    with av.open(str(path), "w", options=recipe.muxing) as container:
        sound = container.add_stream("aac", rate=48_000) if recipe.sound_ms else None      # the first track
        video = container.add_stream(recipe.codec, rate=recipe.rate, options=recipe.options)
        video.pix_fmt = recipe.pixel_format
        video.height, video.width = stored_size(recipe)
        video.codec_context.time_base = recipe.unit
        video.time_base = recipe.unit
        if recipe.pixel_aspect:
            video.codec_context.sample_aspect_ratio = recipe.pixel_aspect
        if recipe.turned:
            video.set_display_rotation(recipe.turned[0], hflip=recipe.turned[1], vflip=recipe.turned[2])
        packets = video_packets(video, recipe)
        if sound is not None:
            packets += sound_packets(sound, tone(recipe.sound_ms / 1000), rate=48_000)
        for packet in sorted(packets, key=lambda each: each.dts * each.time_base):
            container.mux(packet)
    if recipe.copies > 1:
        path.write_bytes(joined_transport_streams(path.read_bytes() * recipe.copies))
    return path


def joined_transport_streams(content: bytes) -> bytes:
    """Their packets counted through, as a recorder that restarts its clock does: no packet counts as lost."""
    joined, counted = bytearray(content), dict[int, int]()
    for place in range(0, len(joined), 188):
        track = int.from_bytes(joined[place + 1 : place + 3], "big") & 0x1FFF
        if joined[place + 3] & 0x10:                        # holds a part of a picture
            counted[track] = (counted.get(track, -1) + 1) & 15
        joined[place + 3] = joined[place + 3] & 0xF0 | counted.get(track, 0)
    return bytes(joined)


def stored_size(recipe: Recipe) -> tuple[int, int]:
    height, width = recipe.size
    if recipe.turned and recipe.turned[0] % 180:
        height, width = width, height
    return height, round(width / (recipe.pixel_aspect or 1))


def video_packets(video: av.video.stream.VideoStream, recipe: Recipe) -> list[av.Packet]:
    packets = []
    for number, time in enumerate(recipe.times):
        picture = as_stored(numbered(number, height=recipe.size[0], width=recipe.size[1]), recipe)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
        frame.pts, frame.time_base = time, recipe.unit
        packets += video.encode(frame)
    packets += video.encode(None)
    for packet in packets:
        shift = round(recipe.shift * recipe.unit / packet.time_base)
        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
    return packets


def as_stored(picture: NDArray[np.uint8], recipe: Recipe) -> NDArray[np.uint8]:
    """What must be stored so that turning and mirroring, in this order, shows the picture."""
    if recipe.pixel_aspect:
        width = stored_size(recipe)[1]
        picture = picture[:, np.arange(width) * picture.shape[1] // width]
    if recipe.turned is None:
        return picture
    degrees, mirrored_x, mirrored_y = recipe.turned
    if mirrored_y:
        picture = picture[::-1]
    if mirrored_x:
        picture = picture[:, ::-1]
    return np.rot90(picture, -degrees // 90)


def tone(seconds: float, *, hertz: float = 440.0, rate: int = 48_000, level: float = 0.5) -> NDArray[np.float32]:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def sound_packets(
    stream: av.audio.stream.AudioStream,
    samples: NDArray[np.float32],
    *,
    rate: int,
    start: int = 0,
    layout: str = "stereo",
) -> list[av.Packet]:
    packets = []
    step = stream.codec_context.frame_size or 960
    for begin in range(0, len(samples), step):
        piece = samples[begin : begin + step]
        channels = 1 if layout == "mono" else 2
        frame = av.AudioFrame.from_ndarray(np.tile(piece, (channels, 1)), "fltp", layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, start + begin, Fraction(1, rate)
        packets += stream.encode(frame)
    return packets + stream.encode(None)
