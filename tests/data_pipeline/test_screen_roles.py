"""The role of a line on the screen: each kind by an example of it, drawn as boxes and times."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from data_pipeline.evidence.text_likeness import box_of, same_row, similar_height
from data_pipeline.evidence.text_tracks import TextTrack
from data_pipeline.looking.roles import RoleRules, roles

DURATION_MS = 30_000


def line(
    text: str, *, x: float = 0.5, y: float, height: float = 0.05, width: float = 0.3, start_ms: int = 0,
    end_ms: int = 3_000,
) -> TextTrack:
    """A line centred at (x, y) in shares of the picture."""
    left, right, top, bottom = x - width / 2, x + width / 2, y - height / 2, y + height / 2
    quad = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32)
    return TextTrack(start_ms=start_ms, end_ms=end_ms, text=text, confidence=0.9, quad_0to1=quad, looks=2)


def role(*lines: TextTrack, duration_ms: int = DURATION_MS) -> str:
    return roles(lines, duration_ms=duration_ms)[0]


def test_a_short_centred_line_at_the_bottom_is_a_subtitle() -> None:
    assert role(line("我要去杂货店买点东西", y=0.88)) == "subtitle"
    assert role(line("我要去杂货店买点东西", y=0.7, width=0.8)) == "subtitle"


def test_a_line_that_stands_in_a_corner_most_of_the_time_is_a_watermark() -> None:
    assert role(line("文视新闻", x=0.1, y=0.07, width=0.12, end_ms=DURATION_MS)) == "watermark"
    assert role(line("文视新闻", x=0.88, y=0.92, width=0.12, end_ms=19_000)) == "watermark"
    assert role(line("文视新闻", x=0.1, y=0.07, width=0.12, end_ms=17_000)) != "watermark"


def test_a_line_for_the_whole_of_a_very_short_video_is_no_watermark_for_that() -> None:
    assert role(line("片名", x=0.2, y=0.1, end_ms=2_000), duration_ms=2_000) != "watermark"


def test_a_large_line_for_a_short_time_is_a_title_card() -> None:
    assert role(line("雪地里的小狗", y=0.45, height=0.15, width=0.7)) == "title_card"
    assert role(line("雪地里的小狗", y=0.45, height=0.15, width=0.7, end_ms=20_000)) == "scene"


def test_lines_that_follow_each_other_in_one_row_are_subtitles_wherever_the_row_is() -> None:
    row = [line(f"第{n}句话说了什么", y=0.1, start_ms=3_000 * n, end_ms=3_000 * n + 2_900) for n in range(3)]
    assert roles(row, duration_ms=DURATION_MS) == ["subtitle"] * 3
    assert roles(row[:2], duration_ms=DURATION_MS) == ["scene"] * 2
    at_once = [line(f"第{n}句话说了什么", y=0.1) for n in range(3)]
    assert "subtitle" not in roles(at_once, duration_ms=DURATION_MS)


def test_a_shop_sign_is_part_of_the_scene() -> None:
    assert role(line("兰州拉面", x=0.3, y=0.4)) == "scene"


@pytest.mark.parametrize(
    "text",
    ["抖音号：abc_12345", "抖音号 88001234", "@小明的日常", "快手:xiaoming", "ID: 123456", "12.3w", "1.2万赞", "3.4万 粉丝",
     "点赞 1.2w", "56人在看", "+关注", "分享", "进入直播间", "说点什么...", "LIVE"],
)
def test_the_words_of_an_app_are_its_interface_wherever_they_stand(text: str) -> None:
    assert role(line(text, y=0.88)) == "interface"


@pytest.mark.parametrize(
    "text",
    ["抖音上最火的舞蹈", "我给你点赞", "分享一个好方法", "第3集", "2024年", "北京 12:30", "关注我的人都知道", "今天卖了100万"],
)
def test_a_sentence_that_holds_such_a_word_is_a_subtitle(text: str) -> None:
    assert role(line(text, y=0.88)) == "subtitle"


def test_thresholds_can_be_set() -> None:
    strict = RoleRules(band_top=0.95)
    assert roles([line("一句话", y=0.88)], duration_ms=DURATION_MS, rules=strict) == ["scene"]


@pytest.mark.parametrize("seed", range(10))
def test_lines_in_one_row_are_found_as_by_holding_each_against_each(seed: int) -> None:
    random = Random(seed)
    lines = [
        line(
            "一行字", x=random.uniform(0.4, 0.6), y=random.choice((0.2, 0.3, 0.33)) + random.uniform(-0.02, 0.02),
            height=random.uniform(0.03, 0.06), start_ms=start_ms, end_ms=start_ms + random.randrange(500, 3_000),
        )
        for start_ms in (random.randrange(20_000) for _ in range(24))
    ]
    boxes = [box_of(one.quad_0to1) for one in lines]
    mates = [
        sum(
            (other.end_ms <= one.start_ms or one.end_ms <= other.start_ms) and same_row(a, b) and similar_height(a, b)
            and abs((a[0] + a[2]) / 2 - (b[0] + b[2]) / 2) <= 0.05
            for other, b in zip(lines, boxes, strict=True)
        )
        for one, a in zip(lines, boxes, strict=True)
    ]
    found = [role == "subtitle" for role in roles(lines, duration_ms=DURATION_MS)]
    assert found == [count >= RoleRules().band_lines - 1 for count in mates]
