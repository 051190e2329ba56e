"""Subtitle cues: each spoken line is one piece of evidence, however often the format repeats it."""

from __future__ import annotations

from typing import NamedTuple

from data_pipeline.evidence.cues import merge_cues


class Line(NamedTuple):
    start_ms: int
    end_ms: int
    text: str


def merged(*cues: tuple[int, int, str], duration_ms: int = 100_000) -> list[tuple[int, int, str]]:
    pieces = merge_cues([Line(*cue) for cue in cues], duration_ms=duration_ms)
    return [(piece.start_ms, piece.end_ms, piece.text) for piece in pieces]


def test_roll_up_captions_give_each_line_once_for_as_long_as_it_is_seen() -> None:
    assert merged(
        (0, 2000, "今天天气很好"),
        (2000, 2010, "今天天气很好"),
        (2010, 4000, "今天天气很好\n我们去公园"),
        (4000, 4010, "我们去公园"),
        (4010, 6000, "我们去公园\n带上狗"),
        (6000, 8000, "带上狗"),
    ) == [(0, 4000, "今天天气很好"), (2010, 6000, "我们去公园"), (4010, 8000, "带上狗")]


def test_roll_up_is_seen_through_when_line_breaks_are_lost() -> None:
    assert merged(
        (0, 2000, "so today we are"), (2000, 4000, "so today we are going to bake"),
        (4000, 6000, "going to bake a large cake"), (6000, 8000, "a large cake and eat it"),
    ) == [
        (0, 4000, "so today we are"), (2000, 6000, "going to bake"), (4000, 8000, "a large cake"),
        (6000, 8000, "and eat it"),
    ]


def test_layers_of_karaoke_are_one_line() -> None:
    song, prompt = "月亮代表我的心", "你问我"
    assert merged((0, 3000, song), (10, 2900, prompt), (20, 3100, song), (30, 900, prompt)) == [
        (0, 3100, "月亮代表我的心"), (10, 2900, "你问我"),
    ]


def test_a_line_that_grows_word_by_word_becomes_its_longest_form() -> None:
    assert merged((0, 500, "we are"), (500, 900, "we are going"), (900, 2000, "we are going home")) == [
        (0, 2000, "we are going home")
    ]
    assert merged((0, 500, "我们"), (500, 900, "我们现在"), (900, 2000, "我们现在回家")) == [(0, 2000, "我们现在回家")]


def test_a_line_said_again_later_is_said_twice() -> None:
    assert merged((0, 1000, "好的"), (1000, 3000, "我马上来"), (5000, 6000, "好的")) == [
        (0, 1000, "好的"), (1000, 3000, "我马上来"), (5000, 6000, "好的"),
    ]


def test_two_languages_of_one_cue_stay_together() -> None:
    assert merged((0, 2000, "不允许失败\nFailure is not an option"), (2500, 4000, "每个人都记好\nRemember that")) == [
        (0, 2000, "不允许失败 Failure is not an option"), (2500, 4000, "每个人都记好 Remember that"),
    ]


def test_music_signs_and_punctuation_alone_are_dropped_and_lyrics_are_kept() -> None:
    assert merged((0, 1000, "♪♪♪"), (1000, 2000, "……！"), (2000, 3000, "♪ 茉莉花 ♪\n♫")) == [(2000, 3000, "茉莉花")]


def test_spans_are_clipped_to_the_video_and_sorted() -> None:
    assert merged((9000, 12_000, "尾"), (-500, 1000, "头"), (11_000, 12_000, "过后"), duration_ms=10_000) == [
        (0, 1000, "头"), (9000, 10_000, "尾"),
    ]


def test_a_cue_without_length_is_not_lost() -> None:
    assert merged((1000, 1000, "一闪而过")) == [(1000, 1001, "一闪而过")]
