"""Subtitle tracks give clean lines with exact times."""

from __future__ import annotations

import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import pytest
from making_videos import Recipe, video_packets

from retrieval.errors import InputError
from retrieval.video import (
    SubtitleLine,
    probe,
    read_subtitle_stream,
    read_subtitle_streams,
    subtitles,
)

ASS_HEADER = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\nFormat: Name, Fontname, Fontsize, PrimaryColour, "
    b"SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, "
    b"BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\r\n"
    b"Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\r\n\r\n"
    b"[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)
LINES = [(500, 1500, "一只狗在草地上追球"), (1500, 1900, "a dog, running")]


def write_track(
    path: Path, codec: str, *, lines: Sequence[tuple[int, int, str]] = LINES, tracks: int = 1
) -> Path:
    """A video with subtitle tracks, all alike, their packets written as that codec stores them."""
    recipe = Recipe(times=range(0, 2000, 40))
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.height, video.width, video.pix_fmt = 96, 160, "yuv420p"
        video.codec_context.time_base = recipe.unit
        written = [subtitle_track(container, codec) for _ in range(tracks)]
        packets = video_packets(video, recipe)
        for number, (start, end, text) in enumerate(lines):
            for track in written:
                packet = av.Packet(stored(codec, number, text))
                packet.stream, packet.time_base = track, Fraction(1, 1000)
                packet.pts = packet.dts = start
                packet.duration = end - start
                packets.append(packet)
        for packet in sorted(packets, key=lambda each: each.dts * each.time_base):
            container.mux(packet)
    return path


def subtitle_track(container: av.container.OutputContainer, codec: str) -> av.stream.Stream:
    track = container.add_stream(codec)
    track.codec_context.subtitle_header = ASS_HEADER
    track.metadata["language"] = "chi"
    track.metadata["title"] = "简体中文"
    return track


def stored(codec: str, number: int, text: str) -> bytes:
    if codec == "mov_text":
        return len(text.encode()).to_bytes(2, "big") + text.encode()
    if codec == "ass":
        return f"{number},0,Default,,0,0,0,,{{\\an8\\c&HFFFFFF&}}{text}".encode()
    return text.encode()


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "mov_text"), ("mkv", "subrip"), ("mkv", "ass"), ("mkv", "webvtt")])
def test_a_text_track_gives_its_lines(tmp_path: Path, suffix: str, codec: str) -> None:
    path = write_track(tmp_path / f"film.{suffix}", codec)
    stream, = probe(path).subtitle_streams
    assert (stream.codec, stream.is_text, stream.index) == (codec, True, 1)
    assert stream.language == "chi"
    assert read_subtitle_stream(path, 1) == [SubtitleLine(*line) for line in LINES]


def test_a_language_that_is_no_text_leaves_no_surrogates(tmp_path: Path) -> None:
    path = write_track(tmp_path / "film.mkv", "subrip")
    path.write_bytes(path.read_bytes().replace(b"chi", b"\xff\xfei"))
    stream, = probe(path).subtitle_streams
    (stream.language or "").encode()


def test_several_tracks_are_read_in_one_pass_that_tells_its_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_track(tmp_path / "film.mkv", "subrip", tracks=3)
    opened, told = [], []
    open_media = subtitles.open_media
    monkeypatch.setattr(subtitles, "open_media", lambda path: opened.append(path) or open_media(path))
    monkeypatch.setattr(subtitles, "_PACKETS_A_PROGRESS", 10)
    found = read_subtitle_streams(path, [3, 1], progress=lambda: told.append(1))
    assert found == {index: [SubtitleLine(*line) for line in LINES] for index in (3, 1)}
    assert opened == [path]
    assert len(told) >= 5               # 50 pictures, although few packets are subtitles
    assert read_subtitle_streams(path, []) == {}


def test_lines_without_an_end_last_until_the_next_start(tmp_path: Path) -> None:
    lines = [(0, 0, "a"), (0, 0, "b"), (300, 300, "c"), (400, 600, "d"), (1900, 1900, "e")]
    path = write_track(tmp_path / "film.mkv", "subrip", lines=lines)
    ends = [(line.text, line.start_ms, line.end_ms) for line in read_subtitle_stream(path, 1)]
    assert ends == [("a", 0, 300), ("b", 0, 300), ("c", 300, 400), ("d", 400, 600), ("e", 1900, 11_900)]


def test_a_line_that_ends_at_the_beginning_is_not_shown() -> None:
    def placed(pts: int, duration: int) -> SubtitleLine | None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(subtitles, "_text", lambda packet: "text")
            packet = av.Packet(b"text")
            packet.time_base, packet.pts, packet.duration = Fraction(1, 1000), pts, duration
            return subtitles._line(packet, Fraction(5))

    assert placed(3000, 2000) is None           # -2 s to exactly 0
    assert placed(3000, 0) is None
    assert placed(4000, 2000) == SubtitleLine(0, 1000, "text")
    assert placed(5000, 0) == SubtitleLine(0, 0, "text")        # untimed: its end is found later


def test_a_flood_of_untimed_lines_takes_no_time() -> None:
    began = time.process_time()
    lines = subtitles._with_ends([SubtitleLine(7, 7, "text")] * 200_000)
    assert time.process_time() - began < 5
    assert {line.end_ms for line in lines} == {10_007}


def test_a_track_with_too_many_lines_is_cut_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_track(tmp_path / "film.mkv", "subrip", lines=[(40 * i, 40 * i + 40, str(i)) for i in range(8)])
    monkeypatch.setattr(subtitles, "_MOST_LINES", 5)
    assert [line.text for line in read_subtitle_stream(path, 1)] == list("01234")
    assert caplog.text.count("more than 5 lines") == 1


def test_a_stream_that_is_no_text_track_is_refused(tmp_path: Path) -> None:
    path = write_track(tmp_path / "film.mkv", "subrip")
    for index in (0, 7):
        with pytest.raises(InputError, match="no subtitle track"):
            read_subtitle_stream(path, index)
