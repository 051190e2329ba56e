"""Subtitle tracks: as packets of a stream inside a clip, or as an .srt file beside it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from av import Packet
from av.container import OutputContainer
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import SubtitleSet

from data_pipeline.miniature.spec import Container, Line

CODECS: dict[Container, str] = {"mp4": "mov_text", "mkv": "subrip", "webm": "webvtt"}

# FFmpeg's text encoders take ASS events, and ask for the header of an ASS script before they open.
_STYLE_FIELDS = (
    "Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, "
    "StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, "
    "Encoding"
)
_HEADER = f"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: {_STYLE_FIELDS}
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
_MILLISECOND = Fraction(1, 1000)


def add_subtitle_stream(output: OutputContainer, container: Container) -> SubtitleStream:
    """Add a Chinese text stream of the kind that a container holds; call before the first packet is written."""
    stream = output.add_stream(CODECS[container])
    assert isinstance(stream, SubtitleStream)
    stream.codec_context.subtitle_header = _HEADER.encode()
    stream.codec_context.time_base = _MILLISECOND
    stream.time_base = _MILLISECOND
    stream.metadata["language"] = "chi"
    return stream


def subtitle_packets(stream: SubtitleStream, lines: tuple[Line, ...]) -> Iterator[Packet]:
    """Encode the lines, in order of time."""
    for number, (start_ms, end_ms, text) in enumerate(sorted(lines)):
        event = f"{number},0,Default,,0,0,0,,{text}".encode()
        packet = stream.codec_context.encode_subtitle(SubtitleSet.create(event, 0, end_ms - start_ms))
        packet.stream = stream
        packet.time_base = _MILLISECOND
        packet.pts = packet.dts = start_ms
        packet.duration = end_ms - start_ms
        yield packet


def srt(lines: tuple[Line, ...]) -> str:
    """The text of an .srt file that holds the lines, in order of time."""
    blocks = [
        f"{number}\n{_clock(start_ms)} --> {_clock(end_ms)}\n{text}\n"
        for number, (start_ms, end_ms, text) in enumerate(sorted(lines), start=1)
    ]
    return "\n".join(blocks)


def _clock(time_ms: int) -> str:
    seconds, milliseconds = divmod(time_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02},{milliseconds:03}"
