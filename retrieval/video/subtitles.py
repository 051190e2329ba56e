"""Subtitle tracks inside a video file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream as ContainerSubtitles

from retrieval.errors import InputError
from retrieval.video.container import FileName, open_media
from retrieval.video.decoding import Tally, read_packets
from retrieval.video.probing import best_video_stream
from retrieval.video.subtitle_text import SubtitleLine, plain_text
from retrieval.video.text_bytes import decode_text
from retrieval.video.timeline import milliseconds, origin_seconds

_LONGEST_UNTIMED_MS = 10_000    # a line without an end lasts until the next one, and no longer than this
_FIELDS_BEFORE_TEXT = 8         # of an ASS event as decoders give it: ReadOrder ... Effect

__all__ = ["SubtitleLine", "read_subtitle_stream"]


def read_subtitle_stream(path: FileName, stream_index: int) -> list[SubtitleLine]:
    """The lines of a text subtitle track, by start time, without styling and empty lines.

    stream_index: `SubtitleStream.index`. Raises InputError when that stream is no text subtitle track, and VideoError
    as `probe` does for the file.
    """
    with open_media(path) as container:
        stream = _text_stream(container, stream_index, path)
        lines = list(_lines(container, stream, origin_seconds(container, best_video_stream(container))))
    return _with_ends(sorted(lines, key=lambda line: line.start_ms))


def _text_stream(container: InputContainer, index: int, path: FileName) -> ContainerSubtitles:
    known = {stream.index: stream for stream in container.streams.subtitles}
    if index not in known:
        raise InputError(f"Stream {index} of {path} is no subtitle track: choose one of {sorted(known)}.")
    stream = known[index]
    if stream.codec_context is None or not stream.codec_context.codec.text_sub:
        raise InputError(f"Subtitle track {index} of {path} is drawn, not written: read it by OCR.")
    return stream


def _lines(container: InputContainer, stream: ContainerSubtitles, origin: Fraction) -> Iterator[SubtitleLine]:
    for packet in read_packets(container, (stream,), Tally()):
        text = _text(packet)
        if not text or packet.pts is None or packet.time_base is None:
            continue
        start = packet.pts * packet.time_base - origin
        end = start + (packet.duration or 0) * packet.time_base
        if end >= 0:
            yield SubtitleLine(max(milliseconds(start), 0), max(milliseconds(end), 0), text)


def _text(packet: Packet[Stream]) -> str:
    try:
        rectangles = packet.decode()
    except av.FFmpegError:
        return ""
    events = (getattr(rectangle, "ass", b"") for rectangle in rectangles)
    texts = (decode_text(event).split(",", _FIELDS_BEFORE_TEXT)[-1] for event in events if event)
    return plain_text(" ".join(texts))


def _with_ends(lines: list[SubtitleLine]) -> list[SubtitleLine]:
    ended = []
    for position, line in enumerate(lines):
        if line.end_ms <= line.start_ms:
            latest = line.start_ms + _LONGEST_UNTIMED_MS
            starts = (later.start_ms for later in lines[position + 1 :] if later.start_ms > line.start_ms)
            line = replace(line, end_ms=min(next(starts, latest), latest))
        ended.append(line)
    return ended
