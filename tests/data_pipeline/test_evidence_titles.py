"""Titles: what a person wrote is kept as written, what a program wrote is not, and trust follows the place."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from data_pipeline.evidence.titles import content_titles, file_name_text, location_titles
from data_pipeline.evidence.wording import is_machine_name, is_placeholder, is_prose
from data_pipeline.manifest import ManifestRow


@dataclass
class Info:
    title: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


def row(title: str | None = None, *tags: str) -> ManifestRow:
    return ManifestRow(line=2, file="a.mp4", title=title, tags=tags, date=None, details={})


def test_the_manifest_is_trusted_more_than_the_file_name() -> None:
    found = location_titles(Path("/v/草地_狗.mp4"), row("一只狗在草地上追球", "动物", "球"), duration_ms=9000)
    assert [(e.kind, e.text, e.source) for e in found] == [
        ("title", "一只狗在草地上追球", "manifest"),
        ("tag", "动物", "manifest"),
        ("tag", "球", "manifest"),
        ("title", "草地 狗", "file_name"),
    ]
    assert all((e.start_ms, e.end_ms) == (0, 9000) for e in found)
    assert found[0].confidence == 1.0
    assert found[3].confidence is not None
    assert found[3].confidence < 1.0


def test_a_title_keeps_its_wording_and_loses_only_stray_characters() -> None:
    found = location_titles("/v/x.mp4", row("  他说：“追！”\u3000（上）\x00\n第一集 "), duration_ms=1)
    assert found[0].text == "他说：“追！” （上） 第一集"


def test_a_file_name_that_repeats_the_title_is_not_said_twice() -> None:
    assert [e.source for e in location_titles("/v/My_Dog.mp4", row("my dog"), duration_ms=1)] == ["manifest"]


def test_without_a_manifest_the_file_name_is_all_there_is() -> None:
    assert [(e.text, e.source) for e in location_titles("/v/草地上的狗.mp4", None, duration_ms=5)] == [
        ("草地上的狗", "file_name")
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my-holiday_video.2024-01-05.v1.2 (1).mp4", "my holiday video 2024-01-05 v1.2"),
        ("狗 - 副本.mp4", "狗"),
        ("%E7%8C%AB%20ab.mp4", "猫 ab"),
        ("100%.mp4", "100%"),
        ("第01集.公园里.mkv", "第01集 公园里"),
        ("IMG_2041.MOV", "IMG 2041"),
        ("___.mp4", ""),
        ("bad\udcff名.mp4", "bad 名"),
    ],
)
def test_a_file_name_becomes_words(name: str, words: str) -> None:
    assert file_name_text(name) == words


@pytest.mark.parametrize(
    "name",
    ["IMG_2041", "VID_20240101_120000", "DSC0001", "GX010123", "PXL_20230101_010101123", "mmexport1672531200000",
     "550e8400-e29b-41d4-a716-446655440000", "d41d8cd98f00b204e9800998ecf8427e", "20240101"],
)
def test_a_name_given_by_a_camera_is_kept_but_hardly_trusted(name: str) -> None:
    (found,) = location_titles(f"/v/{name}.mp4", None, duration_ms=1)
    assert is_machine_name(name)
    assert found.text
    assert found.confidence is not None
    assert found.confidence <= 0.1


@pytest.mark.parametrize("name", ["Big_Buck_Bunny_trailer_2", "狗", "iPhone15Pro", "草地 2", "deadbeef", "facade"])
def test_a_name_given_by_a_person_is_no_machine_name(name: str) -> None:
    assert not is_machine_name(name)


def test_metadata_gives_title_description_and_keywords_once() -> None:
    info = Info("公园里的狗", {
        "title": "公园里的狗", "COMMENT": "春天在公园拍的，狗在追球。", "description": "公园里的狗",
        "keywords": "狗, 公园;狗",
        "encoder": "Lavf58.20.100", "handler_name": "VideoHandler", "creation_time": "2024-01-05T10:00:00Z",
    })
    assert [(e.kind, e.text, e.source) for e in content_titles(info, duration_ms=1)] == [
        ("title", "公园里的狗", "metadata"),
        ("title", "春天在公园拍的，狗在追球。", "metadata"),
        ("tag", "狗", "metadata"),
        ("tag", "公园", "metadata"),
    ]


@pytest.mark.parametrize(
    "text",
    ["Lavf58.20.100", "VideoHandler", "Core Media Video", "ISO Media file produced by Google Inc.", "HandBrake 1.3.3",
     "Created with FFmpeg 5", "x264 - core 164 r3095", "Adobe Premiere Pro 2022.0", "由剪映制作",
     "Untitled", "Sequence 01", "Lavc60.3.100 libx264", "vid:v0200fg10000c", "未命名 2", "---", "Mainconcept Video"],
)
def test_what_a_program_wrote_is_dropped(text: str) -> None:
    assert is_placeholder(text)
    assert content_titles(Info(text, {"comment": text, "keywords": text}), duration_ms=1) == []


@pytest.mark.parametrize(
    "text",
    ["Made in China", "由王小明制作", "YouTube 上最好看的猫", "Google 发布会 2024", "Video of my dog", "输出轴的安装",
     "剪映入门教程", "X264 vs HEVC"],
)
def test_what_a_person_wrote_about_programs_is_kept(text: str) -> None:
    assert [e.text for e in content_titles(Info(text), duration_ms=1)] == [text]


@pytest.mark.parametrize(
    "text", ["https://example.org/v/1", "{\"id\": 3}", " 00000000 00000840 0000030C", "7", "a1b2c3d4e5f60718293a"]
)
def test_a_comment_without_words_is_dropped(text: str) -> None:
    assert not is_prose(text)


@pytest.mark.parametrize("text", ["x264 " + "1" * 5000 + "!", "a1" * 50_000, "made " * 20_000])
def test_hostile_metadata_is_judged_in_a_moment(text: str) -> None:
    content_titles(Info(text, {"comment": text}), duration_ms=1)
