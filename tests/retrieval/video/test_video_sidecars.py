"""Subtitle files beside a video: found by name, read whatever their encoding, and refused without harm."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from retrieval.errors import InputError
from retrieval.video import SidecarFolders, SubtitleLine, find_sidecars, read_sidecar, sidecar_language
from retrieval.video.text_bytes import decode_text

SRT = (
    "1\n00:00:00,500 --> 00:00:01,500\n{\\an8}<i>一只狗</i>在草地上\n追球\n\n"
    "2\n00:00:02,000 --> 00:00:03,000\n\n\n"
    "3\n00:01:02,003 --> 00:01:03,000\nTom &amp; Jerry\n"
)
SRT_LINES = [SubtitleLine(500, 1500, "一只狗在草地上 追球"), SubtitleLine(62_003, 63_000, "Tom & Jerry")]


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


def test_lyrics_in_two_languages_keep_both(tmp_path: Path) -> None:
    path = tmp_path / "a.lrc"
    path.write_text("[00:01.00]你好\n[00:01.00]Hello\n[00:03.00]再见\n[00:03.00]Goodbye\n[00:04.00]\n", encoding="utf-8")
    assert read_sidecar(path) == [
        SubtitleLine(1000, 3000, "你好"), SubtitleLine(1000, 3000, "Hello"),
        SubtitleLine(3000, 4000, "再见"), SubtitleLine(3000, 4000, "Goodbye"),
    ]


def test_lyrics_that_an_offset_moves_before_the_start_are_shown_only_where_they_last_beyond_it(tmp_path: Path) -> None:
    path = tmp_path / "a.lrc"
    path.write_text("[offset:3000]\n[00:01]早\n[00:02]仍在\n[00:05]后\n[00:06]\n", encoding="utf-8")
    assert read_sidecar(path) == [SubtitleLine(0, 2000, "仍在"), SubtitleLine(2000, 3000, "后")]


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


@pytest.mark.parametrize("stop", [".", ","])
@pytest.mark.parametrize("break_of_lines", ["\n", "\r\n"])
@pytest.mark.parametrize("suffix", ["vtt", "srt"])
def test_a_vtt_gives_its_cues_without_notes_styles_regions_and_identifiers(
    tmp_path: Path, suffix: str, break_of_lines: str, stop: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    text = (
        "WEBVTT 标题\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nREGION\nid:below\nlines:3\n\n"
        "NOTE 译者：小明\n\nscene-1\n00:00:01.000 --> 00:00:02.000 align:start\n你好\n世界\n\n"
        "NOTE\n00:00:02.000 --> 00:00:03.000\n删掉的一句\n\n\n7\n00:00:03.000 --> 00:00:04.000\n再见\n\n"
        "场景二\n00:00:05.000 --> 00:00:06.000\nNOTE 笔记本\n\nNOTE\n全文完\n"
    )
    path.write_bytes(text.replace(".000", f"{stop}000").replace("\n", break_of_lines).encode())
    assert read_sidecar(path) == [
        SubtitleLine(1000, 2000, "你好 世界"), SubtitleLine(3000, 4000, "再见"), SubtitleLine(5000, 6000, "NOTE 笔记本"),
    ]


def test_a_srt_keeps_what_stands_behind_an_empty_line_of_its_cue(tmp_path: Path) -> None:
    for name in ("a.srt", "a.vtt"):
        (tmp_path / name).write_text("1\n00:00:01,000 --> 00:00:02,000\n上句\n\n下句\n", encoding="utf-8")
        assert read_sidecar(tmp_path / name) == [SubtitleLine(1000, 2000, "上句  下句")]


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


@pytest.mark.parametrize(
    ("name", "video", "language"),
    [("movie.it.2017.srt", "movie.mp4", None), ("movie.it.2017.srt", "movie.it.2017.mp4", None),
     ("Movie.IT.2017.zh.srt", "movie.it.2017.mp4", "zh"), ("movie.it.srt", "movie.it.mp4", None),
     ("movie.it.srt", "movie.mp4", "it"), ("a.zh.2.srt", "a.mp4", "zh")],
)
def test_the_words_of_the_video_itself_tell_no_language(name: str, video: str, language: str | None) -> None:
    assert sidecar_language(name, video=video) == language
