"""Subtitle tracks inside a video file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
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
_MOST_LINES = 200_000           # of one track: some sixty times those of a long film
_PACKETS_A_PROGRESS = 64

_log = logging.getLogger(__name__)

__all__ = ["SubtitleLine", "read_subtitle_stream", "read_subtitle_streams"]


def read_subtitle_stream(path: FileName, stream_index: int) -> list[SubtitleLine]:
    """The lines of one text subtitle track, as `read_subtitle_streams` gives them."""
    return read_subtitle_streams(path, [stream_index])[stream_index]


def read_subtitle_streams(
    path: FileName, indices: Iterable[int], *, progress: Callable[[], None] | None = None
) -> dict[int, list[SubtitleLine]]:
    """The lines of text subtitle tracks, read in one pass: by track, by start time, without styling and empty lines.

    indices: `SubtitleStream.index` of each. progress is called now and then while the file is read. Of one track at
    most 200,000 lines are kept; more are left out with a warning in the log. Raises InputError when a stream is no
    text subtitle track, and VideoError as `probe` does for the file.
    """
    with open_media(path) as container:
        tracks = {index: _text_stream(container, index, path) for index in indices}
        if not tracks:
            return {}
        lines: dict[int, list[SubtitleLine]] = {index: [] for index in tracks}
        too_long: set[int] = set()
        for index, line in _lines(container, tuple(tracks.values()), progress or (lambda: None)):
            if len(lines[index]) < _MOST_LINES:
                lines[index].append(line)
            elif index not in too_long:
                too_long.add(index)
                _log.warning("Subtitle track %d of %s has more than %d lines: the rest is left out.", index, path, _MOST_LINES)
    return {index: _with_ends(sorted(found, key=lambda line: line.start_ms)) for index, found in lines.items()}


def _text_stream(container: InputContainer, index: int, path: FileName) -> ContainerSubtitles:
    known = {stream.index: stream for stream in container.streams.subtitles}
    if index not in known:
        raise InputError(f"Stream {index} of {path} is no subtitle track: choose one of {sorted(known)}.")
    stream = known[index]
    if stream.codec_context is None or not stream.codec_context.codec.text_sub:
        raise InputError(f"Subtitle track {index} of {path} is drawn, not written: read it by OCR.")
    return stream


def _lines(
    container: InputContainer, tracks: tuple[ContainerSubtitles, ...], progress: Callable[[], None]
) -> Iterator[tuple[int, SubtitleLine]]:
    """(track, line), all tracks in one pass; the pictures are read along, for progress where nobody speaks."""
    video = best_video_stream(container)
    origin = origin_seconds(container, video)
    wanted = {track.index for track in tracks}
    streams = tracks if video is None else (*tracks, video)
    for number, packet in enumerate(read_packets(container, streams, Tally())):
        if number % _PACKETS_A_PROGRESS == 0:
            progress()
        line = _line(packet, origin) if packet.stream.index in wanted else None
        if line is not None:
            yield packet.stream.index, line


def _line(packet: Packet[Stream], origin: Fraction) -> SubtitleLine | None:
    """A line, its end that of its start where the file gives none; None without text and before time 0."""
    text = _text(packet)
    if not text or packet.pts is None or packet.time_base is None:
        return None
    start, length = packet.pts * packet.time_base - origin, (packet.duration or 0) * packet.time_base
    if start < 0 and start + length <= 0:
        return None
    start_ms = max(milliseconds(start), 0)
    return SubtitleLine(start_ms, max(milliseconds(start + length), start_ms + 1) if length > 0 else start_ms, text)


def _text(packet: Packet[Stream]) -> str:
    try:
        rectangles = packet.decode()
    except av.FFmpegError:
        return ""
    events = (getattr(rectangle, "ass", b"") for rectangle in rectangles)
    texts = (decode_text(event).split(",", _FIELDS_BEFORE_TEXT)[-1] for event in events if event)
    return plain_text(" ".join(texts))


def _with_ends(lines: list[SubtitleLine]) -> list[SubtitleLine]:
    """Lines by start time, each with an end: where it has none, the next later start."""
    ended, start_ms, next_ms = [], None, None
    for line in reversed(lines):
        if line.start_ms != start_ms:
            start_ms, next_ms = line.start_ms, start_ms
        if line.end_ms <= line.start_ms:
            latest = line.start_ms + _LONGEST_UNTIMED_MS
            line = replace(line, end_ms=latest if next_ms is None else min(next_ms, latest))
        ended.append(line)
    return ended[::-1]
