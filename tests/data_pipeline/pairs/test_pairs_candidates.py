"""Every text of a video becomes a candidate with its span, its parts and what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from data_pipeline.corpus.measured import CandidateRow, ScreenTextRow, SourceRow, SpeechRow
from data_pipeline.pairs.candidates import candidate_rows
from data_pipeline.pairs.settings import PairSettings
from retrieval.records import Evidence

VIDEO = "ab" * 32
DURATION_MS = 20_000


def candidates(
    *, source: SourceRow | None = None, title: str | None = None, cover: list[Evidence] | None = None,
    speech: list[SpeechRow] | None = None, subtitles: list[Evidence] | None = None, screen: list[ScreenTextRow] | None = None,
    **settings: Any,
) -> list[CandidateRow]:
    return candidate_rows(
        source or SourceRow(source_id="cd" * 16, uri="/猫.mp4"), video_id=VIDEO, shard="s0", duration_ms=DURATION_MS, title=title,
        cover=cover or [], speech=speech or [], subtitles=subtitles or [], screen_texts=screen or [],
        settings=PairSettings(**settings),
    )


def spoken(segment: int, start_ms: int, end_ms: int, text: str, *flags: str) -> SpeechRow:
    return SpeechRow(
        video_id=VIDEO, segment=segment, start_ms=start_ms, end_ms=end_ms, text=text, language="zh", average_logprob=None,
        no_speech=None, compression=None, voice_share=None, music_share=None, singing_share=None, flags=flags,
        engine="whisper 1", model_digest="d",
    )  # fmt: skip


def shown(start_ms: int, end_ms: int, text: str, *, role: str = "subtitle", repeats: int | None = None) -> ScreenTextRow:
    return ScreenTextRow(
        video_id=VIDEO, track=0, start_ms=start_ms, end_ms=end_ms, looks=3, text=text, confidence=0.9, quad=(0.1,) * 8,
        area=0.1, role=role, repeats_speech=repeats,
    )


def test_a_title_goes_with_the_whole_video() -> None:
    row, = candidates(title="橘貓在曬太陽 #我要上热门 😂")
    assert (row.kind, row.start_ms, row.end_ms, row.text) == ("title", 0, DURATION_MS, "橘猫在晒太阳")
    assert row.title_part == row.text
    assert (row.language, row.characters, row.flags, row.source) == ("zh", 6, ("bait",), "metadata")
    assert row.pair_id == f"{VIDEO[:16]}_cdcdcdcd_0000"


def test_a_text_of_which_nothing_remains_is_no_candidate() -> None:
    assert candidates(title="#我要上热门 😂", speech=[spoken(0, 0, 9000, "。。。"), spoken(1, 9000, 9000, "没有时间")]) == []


def on_cover(*texts: str) -> list[Evidence]:
    return [Evidence(kind="ocr", text=text, start_ms=0, end_ms=DURATION_MS, source="cover:猫.jpg") for text in texts]


def test_what_stands_on_a_cover_is_one_text_of_the_whole_video_beside_the_title() -> None:
    blocks = on_cover("三分鐘學會", "肥而不腻", "肥而不腻", "。。", "订购请打13800138000")
    title, cover = candidates(title="三分钟学会红烧肉", cover=blocks)
    assert title.kind == "title"
    assert (cover.kind, cover.start_ms, cover.end_ms, cover.source) == ("cover", 0, DURATION_MS, "cover:猫.jpg")
    assert cover.text.startswith("肥而不腻 ")
    assert "138" not in cover.text
    assert "personal_data" in cover.flags
    assert (cover.title_part, cover.speech_part, cover.screen_part) == ("", "", "")


def test_a_cover_that_repeats_the_title_or_may_not_be_used_is_no_text_of_its_own() -> None:
    assert [row.kind for row in candidates(title="三分钟学会红烧肉", cover=on_cover("三分钟", "学会红烧肉"))] == ["title"]
    assert candidates(cover=on_cover("肥而不腻"), cover_characters=0) == []
    assert [row.text for row in candidates(cover=on_cover("肥而不腻", "入口即化"), cover_characters=5)] == ["肥而不腻"]


def test_captions_keep_their_spans_and_nothing_is_joined_to_them() -> None:
    source = SourceRow(
        source_id="cd" * 16, uri="/猫.mp4", captions=("一只猫在跑", "一只狗在跑", "一只猫在跑"), caption_starts_ms=(-1, 2000, -1),
        caption_ends_ms=(-1, 90_000, -1),
    )
    rows = candidates(source=source, screen=[shown(0, 20_000, "大雨停了")])
    assert [(row.kind, row.start_ms, row.end_ms, row.text) for row in rows] == [
        ("caption", 0, 20_000, "一只猫在跑"), ("caption", 2000, 20_000, "一只狗在跑"),
    ]


def test_speech_grows_to_five_seconds_and_is_plainly_joined() -> None:
    first, second, third = spoken(0, 0, 2000, "一只狗"), spoken(1, 2000, 4000, "在追球"), spoken(2, 4000, 9500, "天气真的很好")
    rows = candidates(speech=[second, first, third])
    assert [(row.start_ms, row.end_ms, row.text) for row in rows] == [
        (0, 9500, "一只狗在追球天气真的很好"), (4000, 9500, "天气真的很好"),
    ]
    assert all(row.kind == "asr" and row.speech_part == row.text and row.source == "whisper 1" for row in rows)


def test_words_with_spaces_stay_words() -> None:
    row, = candidates(speech=[spoken(0, 0, 2000, "a dog"), spoken(1, 2000, 5000, "runs")])
    assert row.text == "a dog runs"


def test_flagged_speech_does_not_spoil_its_neighbours() -> None:
    invented = spoken(1, 6000, 7000, "谢谢观看", "invention")
    rows = candidates(speech=[spoken(0, 0, 6000, "一只狗在追球"), invented, spoken(2, 7000, 13_000, "它跑得很快")])
    assert {row.text: row.flags for row in rows} == {"一只狗在追球": (), "谢谢观看": ("invention",), "它跑得很快": ()}


def test_a_telephone_number_across_two_segments_is_masked() -> None:
    row, = candidates(speech=[spoken(0, 0, 2500, "打幺三八零零一"), spoken(1, 2500, 6000, "三八零零零找我")])
    assert row.text == "打***找我"
    assert row.flags == ("personal_data",)


def test_every_subtitle_track_grows_by_itself() -> None:
    def line(source: str, start_ms: int, text: str) -> Evidence:
        return Evidence(kind="subtitle", text=text, start_ms=start_ms, end_ms=start_ms + 3000, source=source)

    rows = candidates(subtitles=[line("stream:1", 0, "一只狗"), line("stream:2", 0, "a dog"), line("stream:1", 3000, "在追球")])
    assert [(row.kind, row.source, row.text, row.language) for row in rows] == [
        ("subtitle", "stream:1", "一只狗在追球", "zh"), ("subtitle", "stream:2", "a dog", "en"),
    ]


def test_on_screen_text_of_the_span_is_joined_once_and_what_is_said_already_is_not() -> None:
    screen = [
        shown(0, 6000, "大雨停了"), shown(500, 6000, "大雨停了"), shown(0, 6000, "一只狗在追球"),
        shown(0, 6000, "重复的话", repeats=0), shown(0, 20_000, "抖音号123", role="watermark"),
        shown(1000, 4000, "第三集", role="title_card"), shown(12_000, 18_000, "后来"),
    ]
    row, = candidates(speech=[spoken(0, 0, 6000, "一只狗在追球")], screen=screen)
    assert (row.text, row.speech_part, row.screen_part) == ("一只狗在追球 大雨停了 第三集", "一只狗在追球", "大雨停了 第三集")


def test_on_screen_text_is_joined_by_whole_lines_up_to_its_room() -> None:
    row, = candidates(title="小猫", screen=[shown(0, 9000, "大雨停了"), shown(1000, 9000, "太阳出来了")], screen_characters=8)
    assert row.screen_part == "大雨停了"


def test_short_texts_are_flagged_and_unknown_settings_refused() -> None:
    row, = candidates(title="猫!")
    assert row.flags == ("short",)
    with pytest.raises(ValidationError, match="min_time"):
        PairSettings(min_time=5)  # type: ignore[call-arg]


IMPORTED = {
    "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目": "invention", "字幕由Amara.org社区提供": "invention",
    "作词：李宗盛 作曲：李宗盛": "lyrics", "好吃好吃好吃好吃好吃好吃好吃好吃": "repeated", "一只狗在草地上追一个球": "",
}  # fmt: skip


def flags_by_text(rows: list[CandidateRow]) -> dict[str, str]:
    return {row.text: next(iter(row.flags), "") for row in rows}


@pytest.mark.parametrize("kind", ["asr", "subtitle"])
def test_speech_that_came_along_passes_the_text_rules_of_the_policy(kind: str) -> None:
    count = len(IMPORTED)
    source = SourceRow(
        source_id="cd" * 16, uri="/猫.mp4", captions=tuple(IMPORTED), caption_starts_ms=tuple(range(count)),
        caption_ends_ms=tuple(range(10_000, 10_000 + count)), caption_kind=kind,
    )
    found = flags_by_text(candidates(source=source, min_characters=0, min_ms=0))
    assert list(found.values()) == list(IMPORTED.values())
    assert found["一只狗在草地上追一个球"] == ""
    as_captions = flags_by_text(candidates(source=replace(source, caption_kind="caption")))
    assert {*as_captions.values()} <= {"", "bait"}


def test_a_subtitle_track_passes_the_text_rules_by_itself() -> None:
    tracks = [
        Evidence(kind="subtitle", text=text, start_ms=9000 * at, end_ms=9000 * at + 8000, source=source)
        for source, texts in (("stream:1", ["请不吝点赞", "一只狗"]), ("stream:2", ["明天会下大雨的"] * 2))
        for at, text in enumerate(texts)
    ]
    assert flags_by_text(candidates(subtitles=tracks)) == {
        "请不吝点赞": "invention", "一只狗": "", "明天会下大雨的": "",
    }
