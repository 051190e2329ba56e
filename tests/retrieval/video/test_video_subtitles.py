"""Subtitle tracks and sidecar files give clean lines with exact times."""

from __future__ import annotations

import os
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
    find_sidecars,
    probe,
    read_sidecar,
    read_subtitle_stream,
    read_subtitle_streams,
    sidecar_language,
    subtitles,
)
from retrieval.video.sidecars import SidecarFolders
from retrieval.video.text_bytes import decode_text

ASS_HEADER = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\nFormat: Name, Fontname, Fontsize, PrimaryColour, "
    b"SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, "
    b"BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\r\n"
    b"Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\r\n\r\n"
    b"[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)
LINES = [(500, 1500, "一只狗在草地上追球"), (1500, 1900, "a dog, running")]
SRT = (
    "1\n00:00:00,500 --> 00:00:01,500\n{\\an8}<i>一只狗</i>在草地上\n追球\n\n"
    "2\n00:00:02,000 --> 00:00:03,000\n\n\n"
    "3\n00:01:02,003 --> 00:01:03,000\nTom &amp; Jerry\n"
)
SRT_LINES = [SubtitleLine(500, 1500, "一只狗在草地上 追球"), SubtitleLine(62_003, 63_000, "Tom & Jerry")]


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


def test_a_flood_of_untimed_lines_is_bounded_and_takes_no_time(caplog: pytest.LogCaptureFixture) -> None:
    flood = [SubtitleLine(7, 7, "text")] * 250_000
    began = time.process_time()
    lines = subtitles._with_ends(subtitles._bounded(flood, "Subtitle track 1"))
    assert time.process_time() - began < 5
    assert len(lines) == 200_000
    assert "only the first 200000" in caplog.text
    assert lines[0].end_ms == 10_007


def test_a_stream_that_is_no_text_track_is_refused(tmp_path: Path) -> None:
    path = write_track(tmp_path / "film.mkv", "subrip")
    for index in (0, 7):
        with pytest.raises(InputError, match="no subtitle track"):
            read_subtitle_stream(path, index)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"])
def test_a_srt_in_every_usual_encoding_reads_the_same(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(SRT.encode(encoding))
    assert read_sidecar(path) == SRT_LINES


def test_traditional_chinese_in_big5_is_not_taken_for_gb18030(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    text = "這是一個關於時間與記憶的故事，請您慢慢欣賞"
    path.write_bytes(f"1\n00:00:01,000 --> 00:00:02,000\n{text}\n".encode("big5"))
    assert read_sidecar(path) == [SubtitleLine(1000, 2000, text)]


def test_a_few_broken_bytes_do_not_spoil_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(("1\n00:00:01,000 --> 00:00:02,000\n" + "一只狗在草地上追球。" * 20 + "\n").encode() + b"\xe4\xb8")
    line, = read_sidecar(path)
    assert line.text.startswith("一只狗在草地上追球。" * 20)


def test_vtt_and_ass_files_lose_their_styling(tmp_path: Path) -> None:
    vtt = tmp_path / "a.vtt"
    vtt.write_text(
        "WEBVTT\n\nNOTE 注释\n\nintro\n00:01.000 --> 00:02.500 align:start\n<v 小明><c.red>你好</c>，世界\n", encoding="utf-8"
    )
    assert read_sidecar(vtt) == [SubtitleLine(1000, 2500, "你好，世界")]
    ass = tmp_path / "a.ass"
    ass.write_text(
        "[Script Info]\nScriptType: v4.00+\n\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,译者注\n"
        "Dialogue: 0,0:00:05.00,0:00:06.50,Default,,0,0,0,,{\\pos(1,2)}第二句\\N下一行, 逗号\n"
        "Dialogue: 0,0:00:01.20,0:00:02.00,Default,,0,0,0,,第一句\n"
        "Dialogue: 0,0:00:07.00,0:00:08.00,Default,,0,0,0,,{\\p1}m 0 0 l 10 10{\\p0}\n",
        encoding="utf-8",
    )
    assert read_sidecar(ass) == [SubtitleLine(1200, 2000, "第一句"), SubtitleLine(5000, 6500, "第二句 下一行, 逗号")]


def test_lyrics_with_several_stamps_an_offset_and_an_end(tmp_path: Path) -> None:
    path = tmp_path / "a.lrc"
    path.write_text(
        "[ti:歌名]\n[offset:+500]\n[00:10.50][01:00.5]副歌\n"
        "[00:12.00]<00:12.00>第一<00:12.50>句\n[00:14]\n[02:00.250]末句\n",
        encoding="utf-8",
    )
    assert read_sidecar(path) == [
        SubtitleLine(10_000, 11_500, "副歌"), SubtitleLine(11_500, 13_500, "第一句"),
        SubtitleLine(60_000, 70_000, "副歌"), SubtitleLine(119_750, 129_750, "末句"),
    ]


NONSENSE = [b"", b"hello, this is no subtitle\n", bytes(range(256)) * 40, b"\x00" * 500, b"\xff\xfe\xff"]


@pytest.mark.parametrize("content", NONSENSE)
@pytest.mark.parametrize("suffix", ["srt", "vtt", "ass", "ssa", "lrc"])
def test_nonsense_is_refused_in_one_sentence(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"a.{suffix} holds no subtitle line"):
        read_sidecar(path)


HOSTILE = [
    ("a.lrc", "[offset:" + "9" * 5000 + "]\n"),
    ("a.lrc", "\n" * 100_000 + "x"),
    ("a.srt", '{"info": {}, "styles": {}, "events": [{"start": "x", "text": "a"}]}'),
    ("a.srt", '{"info": {}, "styles": {}, "events": [{"start": 1, "end": 2, "text": 5}]}'),
    ("a.ass", "[" + "a" * 200_000 + "\n"),
]


@pytest.mark.parametrize(("name", "content"), HOSTILE)
def test_no_content_of_a_sidecar_raises_or_hangs(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    begin = time.perf_counter()
    with pytest.raises(InputError, match="holds no subtitle line"):
        read_sidecar(path)
    assert time.perf_counter() - begin < 2


@pytest.mark.parametrize("unit", ["{\\\\", "{\\i1}", "{\\", "\\", "<a", "{", "\n"])
@pytest.mark.parametrize("opening", ["1\n00:00:01,000 --> 00:00:02,000\nx", "Dialogue: 0,0:00:01.00,0:00:02.00,,,0,0,0,,x"])
def test_long_runs_of_marks_take_linear_time(tmp_path: Path, opening: str, unit: str) -> None:
    path = tmp_path / "a.srt"
    path.write_text(opening + unit * (500_000 // len(unit)) + "y\n", encoding="utf-8")
    begin = time.perf_counter()
    line, = read_sidecar(path)
    assert time.perf_counter() - begin < 2
    assert len(line.text) <= 2000


def test_too_large_a_sidecar_and_too_many_lines_are_refused(tmp_path: Path) -> None:
    large, many, lyrics = tmp_path / "large.srt", tmp_path / "many.srt", tmp_path / "many.lrc"
    large.write_bytes(b" " * (8 << 20) + b"x")
    many.write_text("00:00:01,000 --> 00:00:02,000\nx\n\n" * 50_001, encoding="utf-8")
    lyrics.write_text("[00:01]" * 50_001 + "x\n", encoding="utf-8")
    for path, reason in ((large, "larger than 8 MiB"), (many, "more than 50000"), (lyrics, "more than 50000")):
        with pytest.raises(InputError, match=reason):
            read_sidecar(path)


def test_a_large_file_in_gb18030_is_decoded_at_once() -> None:
    text = "Chapter one\n" * 1000 + "一只狗在草地上追球，猫在窗台上看。\n" * 100_000
    data = text.encode("gb18030")
    begin = time.perf_counter()
    assert decode_text(data) == text
    assert time.perf_counter() - begin < 1


def test_a_vtt_with_the_time_of_each_word_keeps_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.vtt"
    path.write_text(
        "WEBVTT\n\n00:00:01.000 --> 00:00:03.000\n一只<00:00:01.500><c>狗</c><00:00:02.000><c>在跑</c>\n", encoding="utf-8"
    )
    assert read_sidecar(path) == [SubtitleLine(1000, 3000, "一只狗在跑")]


@pytest.mark.parametrize("suffix", ["srt", "vtt", "ass"])
@pytest.mark.parametrize(
    "content",
    ["WEBVTT\n\n00:01.000 --> 00:02.000\n你好\n", "1\n00:00:01,000 --> 00:00:02,000\n你好\n",
     "[Events]\nDialogue: Marked=0,0:00:01.00,0:00:02.00,Default,,0,0,0,,你好\nDialogue: 0,x,y,,,0,0,0,,坏\n"],
)
def test_a_subtitle_file_with_another_formats_suffix_is_read(tmp_path: Path, suffix: str, content: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_text(content, encoding="utf-8")
    assert read_sidecar(path) == [SubtitleLine(1000, 2000, "你好")]


def test_a_missing_sidecar_a_folder_and_another_suffix_are_refused(tmp_path: Path) -> None:
    (tmp_path / "dir.srt").mkdir()
    for name, reason in (("none.srt", "not a file"), ("dir.srt", "not a file"), ("a.txt", "must end in")):
        with pytest.raises(InputError, match=reason):
            read_sidecar(tmp_path / name)


def test_sidecars_are_those_of_the_same_name(tmp_path: Path) -> None:
    mine = ["a.srt", "a.zh.SRT", "a.chs.vtt", "a.ass", "a.lrc", "a.zh-CN.forced.srt"]
    others = ["ab.srt", "a.txt", "a.part2.srt", "a.part2.zh.srt", "b.srt"]
    for name in [*mine, *others, "a.mp4", "a.part2.mp4"]:
        (tmp_path / name).touch()
    (tmp_path / "a.en.srt").mkdir()
    assert {path.name for path in find_sidecars(tmp_path / "a.mp4")} == set(mine)
    assert {path.name for path in find_sidecars(tmp_path / "a.part2.mp4")} == {"a.part2.srt", "a.part2.zh.srt"}
    assert find_sidecars(tmp_path / "gone" / "a.mp4") == []


def test_a_folder_is_listed_once_for_all_its_videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.mp4", "A.zh.srt", "b.mp4", "b.srt"):
        (tmp_path / name).touch()
    listings = []
    list_folder = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: listings.append(folder) or list_folder(folder))
    folders = SidecarFolders()
    assert [folders.find(tmp_path / name) for name in ("a.mp4", "b.mp4", "c.mp4")] == [
        [tmp_path / "A.zh.srt"], [tmp_path / "b.srt"], []
    ]
    assert listings == [tmp_path]


@pytest.mark.parametrize(
    ("name", "language"),
    [("a.srt", None), ("a.zh.srt", "zh"), ("a.chs.vtt", "zh-Hans"), ("a.CHT.ass", "zh-Hant"), ("a.zh_TW.srt", "zh-Hant"),
     ("a.简体.srt", "zh-Hans"), ("a.en.forced.srt", "en"), ("zh.srt", None), ("a.v2.srt", None)],
)
def test_a_name_tells_its_language(name: str, language: str | None) -> None:
    assert sidecar_language(name) == language
