"""Tracked text: a line on the screen is one piece of evidence, whatever OCR and the picture do to it."""

from __future__ import annotations

import numpy as np
import pytest

from data_pipeline.evidence.ocr import OcrLine
from data_pipeline.evidence.text_blocks import text_blocks
from data_pipeline.evidence.text_likeness import extend_ticker
from data_pipeline.evidence.text_tracks import TextTrack, TextTracker

CAPTION = (0.3, 0.85, 0.7, 0.92)
CORNER = (0.02, 0.03, 0.15, 0.08)

Seen = tuple[str, tuple[float, float, float, float]] | tuple[str, tuple[float, float, float, float], float]


def line(text: str, box: tuple[float, float, float, float] = CAPTION, confidence: float = 0.95) -> OcrLine:
    left, top, right, bottom = box
    quad = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32)
    return OcrLine(quad=quad, text=text, confidence=confidence)


def tracked(looks: list[list[Seen]], *, every_ms: int = 500) -> list[TextTrack]:
    """Tracks of looks at 0, every_ms, ...; the video ends one step after the last look."""
    tracker = TextTracker()
    for number, look in enumerate(looks):
        tracker.observe(number * every_ms, [line(*seen) for seen in look])
    return tracker.finish(len(looks) * every_ms)


def spans(tracks: list[TextTrack]) -> list[tuple[int, int, str]]:
    return [(track.start_ms, track.end_ms, track.text) for track in tracks]


def test_a_line_starts_when_first_seen_and_ends_when_first_seen_gone() -> None:
    looks: list[list[Seen]] = [[], *[[("不允许失败", CAPTION)]] * 6, [], [], [], []]
    assert spans(tracked(looks)) == [(500, 3500, "不允许失败")]


def test_what_is_still_on_the_screen_ends_with_the_video() -> None:
    assert spans(tracked([[("不允许失败", CAPTION)]] * 3)) == [(0, 1500, "不允许失败")]


def test_a_slip_in_one_look_neither_splits_the_line_nor_wins_the_vote() -> None:
    looks: list[list[Seen]] = [[("我要去杂货店买点东西", CAPTION)] for _ in range(5)]
    looks[0] = [("我要去杂货占买点东西", CAPTION, 0.99)]
    looks[3] = [("我要去杂赁店买点西", CAPTION, 0.8)]
    assert spans(tracked(looks)) == [(0, 2500, "我要去杂货店买点东西")]
    looks = [[("我要去杂货店买点东西", CAPTION)]] * 4 + [[("我要去杂货店卖点东西", CAPTION, 0.99)]]
    assert spans(tracked(looks)) == [(0, 2500, "我要去杂货店买点东西")]


def test_a_look_that_misses_the_line_does_not_split_it() -> None:
    name: list[Seen] = [("微信公众号", CORNER)]
    assert spans(tracked([name, name, [], name])) == [(0, 2000, "微信公众号")]
    assert spans(tracked([name, name, [], [], name])) == [(0, 2500, "微信公众号")]


def test_the_next_caption_at_the_same_place_is_another_line() -> None:
    looks: list[list[Seen]] = [[("不允许失败", CAPTION)]] * 3 + [[("每个人都记好", CAPTION)]] * 3
    assert spans(tracked(looks)) == [(0, 1500, "不允许失败"), (1500, 3000, "每个人都记好")]


def test_a_lasting_change_of_one_character_is_another_line() -> None:
    looks: list[list[Seen]] = [[("我们明天去北京", CAPTION)]] * 3 + [[("我们明天去南京", CAPTION)]] * 3
    assert spans(tracked(looks)) == [(0, 1500, "我们明天去北京"), (1500, 3000, "我们明天去南京")]


def test_a_lasting_slip_over_strokes_that_have_not_changed_is_one_line() -> None:
    tracker = TextTracker()
    for number, text in enumerate(["全都结果"] * 3 + ["全部结果"] * 4):
        tracker.observe(number * 500, [line(text)], untouched=lambda box: box[0] < 0.5)
    assert spans(tracker.finish(3500)) == [(0, 3500, "全部结果")]


def test_a_wavering_reading_is_one_line() -> None:
    a: list[Seen] = [("一分钟系列", CORNER)]
    b: list[Seen] = [("一分钟期列", CORNER)]
    assert spans(tracked([a, a, b, b, a, a])) == [(0, 3000, "一分钟系列")]


def test_numbered_steps_are_different_lines() -> None:
    looks: list[list[Seen]] = [[("第1步打开软件", CAPTION)], [("第2步打开软件", CAPTION)]]
    assert spans(tracked(looks)) == [(0, 500, "第1步打开软件"), (500, 1000, "第2步打开软件")]


def test_a_clock_is_one_track_and_a_number_that_stands_is_not() -> None:
    clock: list[list[Seen]] = [[(f"2024-05-07 10:00:{second // 2:02d}", CORNER)] for second in range(20)]
    assert spans(tracked(clock)) == [(0, 10_000, "2024-05-07 10:00:00")]
    years: list[list[Seen]] = [[("1998年", CAPTION)]] * 6 + [[("2008年", CAPTION)]] * 6
    assert [track.text for track in tracked(years)] == ["1998年", "2008年"]


def test_a_typed_line_becomes_one_line_with_all_it_says() -> None:
    text = "床前明月光疑是地上霜"
    looks: list[list[Seen]] = [[(text[:n], (0.2, 0.5, 0.2 + 0.05 * n, 0.56))] for n in (2, 4, 6, 8, 10, 10)]
    assert spans(tracked(looks)) == [(0, 3000, text)]


def test_credits_that_roll_up_give_each_line_once() -> None:
    names = ["导演王小明", "摄影李小红", "剪辑张三丰", "音乐赵大海"]
    looks: list[list[Seen]] = []
    for step in range(14):
        tops = [(name, 1.0 + 0.1 * row - 0.12 * step) for row, name in enumerate(names)]
        looks.append([(name, (0.4, top, 0.6, top + 0.05)) for name, top in tops if 0 <= top <= 0.95])
    assert sorted(track.text for track in tracked(looks)) == sorted(names)


def test_a_ticker_is_one_row_with_all_its_text() -> None:
    news = "气象台今晨发布大风蓝色预警预计白天到夜间有五级偏北风阵风七级请市民注意防风防火减少外出"
    looks: list[list[Seen]] = [[(news[at : at + 16], (0.0, 0.9, 1.0, 0.96))] for at in range(0, len(news) - 15, 3)]
    (track,) = tracked(looks)
    assert track.text == news[: 16 + 3 * (len(looks) - 1)]


def test_a_ticker_that_runs_in_circles_does_not_grow_for_ever() -> None:
    news = "气象台今晨发布大风蓝色预警预计白天到夜间有五级偏北风阵风七级请市民注意防风防火减少外出。"
    circle = news * 12
    looks: list[list[Seen]] = [[(circle[at : at + 16], (0.0, 0.9, 1.0, 0.96))] for at in range(0, 500, 3)]
    tracks = tracked(looks)
    assert len(tracks) <= 2
    assert sum(len(track.text) for track in tracks) < 4 * len(news)


def test_a_ticker_keeps_its_end_when_an_earlier_part_is_seen_again() -> None:
    assert extend_ticker("气象台今晨发布大风预警", "今晨发布") == "气象台今晨发布大风预警"
    assert extend_ticker("气象台今晨发布大风预警", "大风预警请市民注意") == "气象台今晨发布大风预警请市民注意"


def test_a_watermark_that_ocr_loses_at_times_is_one_row() -> None:
    rng = np.random.default_rng(0)
    looks: list[list[Seen]] = [[("布鲁克影视", CORNER)] if rng.random() < 0.7 else [] for _ in range(400)]
    looks[0] = looks[-1] = [("布鲁克影视", CORNER)]
    assert spans(text_blocks(tracked(looks), tolerance_ms=500)) == [(0, 200_000, "布鲁克影视")]


def test_a_word_that_comes_back_much_later_is_shown_twice() -> None:
    shown: list[list[Seen]] = [[("回到北京", CAPTION)]] * 3
    looks = shown + [[]] * 20 + shown
    assert spans(text_blocks(tracked(looks), tolerance_ms=500)) == [
        (0, 1500, "回到北京"), (11_500, 13_000, "回到北京"),
    ]


def test_a_text_that_ocr_loses_for_long_at_first_is_one_row_too() -> None:
    name: list[Seen] = [("布鲁克影视", CORNER)]
    looks = [name, [], [], [], [], *[name] * 30]
    assert len(tracked(looks)) == 2
    assert spans(text_blocks(tracked(looks), tolerance_ms=500)) == [(0, 17_500, "布鲁克影视")]


def test_lines_of_one_caption_are_joined_from_top_to_bottom_and_left_to_right() -> None:
    look: list[Seen] = [
        ("东西", (0.52, 0.801, 0.6, 0.85)),
        ("Buy some milk", (0.3, 0.87, 0.68, 0.92)),
        ("我要去买", (0.38, 0.80, 0.5, 0.85)),
    ]
    (block,) = text_blocks(tracked([look] * 3), tolerance_ms=500)
    assert (block.start_ms, block.end_ms, block.text) == (0, 1500, "我要去买 东西 Buy some milk")
    np.testing.assert_allclose(block.quad_0to1, [[0.3, 0.8], [0.68, 0.8], [0.68, 0.92], [0.3, 0.92]], atol=1e-6)


def test_a_caption_is_not_joined_with_a_logo_or_with_the_caption_after_it() -> None:
    logo: Seen = ("晚间新闻", CORNER)
    looks: list[list[Seen]] = [[logo, ("不允许失败", CAPTION)]] * 3 + [[logo, ("每个人都记好", CAPTION)]] * 3
    assert {block.text for block in text_blocks(tracked(looks), tolerance_ms=500)} == {
        "晚间新闻", "不允许失败", "每个人都记好",
    }


def test_lines_at_one_place_that_come_one_after_the_other_are_not_joined() -> None:
    below = (0.3, 0.93, 0.7, 0.99)
    looks: list[list[Seen]] = [[("不允许失败", CAPTION)]] * 4 + [[("不允许失败", CAPTION), ("每个人都记好", below)]] * 4
    blocks = text_blocks(tracked(looks), tolerance_ms=500)
    assert spans(blocks) == [(0, 4000, "不允许失败"), (2000, 4000, "每个人都记好")]


def test_a_line_that_leaves_earlier_than_its_neighbour_is_not_joined_with_it() -> None:
    below = (0.3, 0.93, 0.7, 0.99)
    both: list[Seen] = [("不允许失败", CAPTION), ("每个人都记好", below)]
    blocks = text_blocks(tracked([both] * 2 + [both[:1]] * 6), tolerance_ms=500)
    assert spans(blocks) == [(0, 1000, "每个人都记好"), (0, 4000, "不允许失败")]


def test_a_line_seen_once_in_two_parts_leaves_no_fragment() -> None:
    whole: list[Seen] = [("我要去杂货店买点东西", CAPTION)]
    parts: list[Seen] = [("我要去杂货店", (0.3, 0.85, 0.54, 0.92)), ("买点东西", (0.55, 0.85, 0.7, 0.92))]
    blocks = text_blocks(tracked([whole, whole, parts, whole]), tolerance_ms=500)
    assert spans(blocks) == [(0, 2000, "我要去杂货店买点东西")]


def test_one_word_at_three_places_at_once_is_one_row() -> None:
    look: list[Seen] = [("停止", (x, 0.9, x + 0.05, 0.95)) for x in (0.1, 0.4, 0.7)]
    assert spans(text_blocks(tracked([look] * 4), tolerance_ms=500)) == [(0, 2000, "停止")]


def test_it_asks_for_another_look_until_a_text_is_settled_and_names_what_goes_missing() -> None:
    tracker = TextTracker()
    unsettled, missing = [], []
    for number, look in enumerate([[], ["字幕在此"], ["字幕在此"], ["字幕在此"], [], []]):
        tracker.observe(number * 500, [line(text) for text in look])
        unsettled.append(tracker.unsettled)
        missing.append(len(tracker.missing))
    assert unsettled == [False, True, False, False, False, False]
    assert missing == [0, 0, 0, 0, 1, 0]


def test_looks_must_come_in_order() -> None:
    tracker = TextTracker()
    tracker.observe(500, [])
    with pytest.raises(ValueError, match="order of time"):
        tracker.observe(500, [])


def test_an_hour_of_subtitles_is_followed_in_seconds() -> None:
    looks: list[list[Seen]] = [
        [("晚间新闻", CORNER), (f"这是第{chr(0x4E00 + at // 6)}{chr(0x5E00 + at // 6)}句", CAPTION)]
        for at in range(7200)
    ]
    blocks = text_blocks(tracked(looks), tolerance_ms=500)
    assert len(blocks) == 1201
    assert (0, 3_600_000, "晚间新闻") in spans(blocks)
