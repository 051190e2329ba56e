"""Cleaned texts hold no hashtags, bait, links, names, emoji or personal data, and ordinary texts stay as they are."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.texts.cleaning import clean_text
from data_pipeline.texts.personal_data import MASK, PERSONAL_DATA, is_card_number, is_identity_number
from retrieval.text import normalise

ORDINARY = [
    "2026年3月15日早上8点30分出发", "价格12999元，比去年便宜了2000块", "安装Python 3.11.7和numpy 2.4.6",
    "播放量13800138000次", "1990到2023年的变化",
    "全长13912345678公里", "北京到上海1318公里，高铁4小时18分", "第12345期节目", "圆周率3.14159265358979323846",
    "编号20231105001", "QQ音乐2023年度歌单",
    "用微信支付100元", "QQ飞车手游2019年上线", "微信小程序怎么做", "京A股今天涨了", "川菜A级厨师", "学C#语言",
    "获得No.#1的成绩", "比分3:2，下半场", "1/2杯糖，2-3勺盐",
    "零下二十三度的一天", "一三五七九是奇数", "iPhone 15 Pro Max 256GB", "电影2012和1917", "身高175体重65",
    "4008元一平米", "0.1234567890123", "10000000000",
    "坐标39.9042,116.4074", "尾号6666的车", "房号1-2-301", "关注我的生活", "热门景点推荐", "一只猫在给花点赞",
    "分享一个有意思的瞬间", "订阅号怎么注册", "他喜欢的人来了",
    "vx2000型号评测", "qq糖好吃", "加v8发动机的车", "ISBN 7-111-07575-9", "12345678901234567",
    "18位数字110105194912310021", "4111111111111112是错的卡号",
    "感谢有你", "支持国产", "大家好，欢迎来到我的频道", "有人问我为什么总拍森林，没有为什么",
    "谢谢大家的支持，小猫在此谢过",
]  # fmt: skip


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_texts_lose_nothing(text: str) -> None:
    assert clean_text(text).text == normalise(text)
    assert not clean_text(text).removed


@pytest.mark.parametrize(("text", "kind", "cleaned"), [
    ("打13800138000找我", "phone", "打***找我"), ("电话138-0013-8000", "phone", "电话***"),
    ("+86 139 1234 5678", "phone", "***"),
    ("固话010-12345678", "phone", "固话***"), ("(0755)1234567", "phone", "***"), ("４００-８２０-８８２０", "phone", "***"),
    ("打幺三八零零一三八零零零", "phone", "打***"), ("身份证11010519491231002X", "identity", "身份证***"),
    ("卡号4111 1111 1111 1111", "card", "卡号***"), ("写信给a.b-c@mail.qq.com吧", "mail", "写信给***吧"),
    ("邮箱：a＠b.cn", "mail", "邮箱:***"),
    ("微信号：abc_12345", "account", "微信号***"), ("加V：zhang-san99", "account", "加V***"),
    ("加vx abc12345", "account", "加vx ***"),
    ("QQ群：123456789", "account", "QQ群***"), ("扣扣是123456", "account", "扣扣***"),
    ("威信13800138000", "account", "威信***"),
    ("京A·12345停在门口", "plate", "***停在门口"), ("粤BD12345", "plate", "***"), ("沪A1B2C3", "plate", "***"),
])  # fmt: skip
def test_personal_data_is_masked_and_counted(text: str, kind: str, cleaned: str) -> None:
    found = clean_text(text)
    assert found.text == cleaned
    assert found.removed == {kind: 1}
    assert found.holds_personal_data


@pytest.mark.parametrize(("text", "cleaned", "hashtags", "removed"), [
    ("橘貓在曬太陽#橘猫 #我要上热门 #dou+小助手", "橘猫在晒太阳", ("橘猫",), {"hashtag": 3, "bait": 2}),
    ("#猫咪日常# 今天好可爱 #猫咪日常", "今天好可爱", ("猫咪日常",), {"hashtag": 2}),
    ("看这只狗😂😂[笑哭]@小明 真好玩", "看这只狗 真好玩", (), {"emoji": 2, "name": 1}),
    ("喜欢的话点个赞吧，小狗在追球", "小狗在追球", (), {"bait": 1}),
    ("记得点赞收藏关注！", "", (), {"bait": 1}),
    ("复制此链接，打开Dou音搜索，直接观看视频！https://v.douyin.com/aB3/ 海边日落", "海边日落", (), {"bait": 3, "link": 1}),
    ("看 www.example.com/猫 和 b23.tv/abc", "看 猫 和", (), {"link": 2}),
    ("a\u0000b\u200b　ＡＢ", "ab AB", (), {"control": 2}),
    ("東京の夜景", "東京の夜景", (), {}),
])  # fmt: skip
def test_what_says_nothing_of_the_picture_is_taken_out(
    text: str, cleaned: str, hashtags: tuple[str, ...], removed: dict[str, int]
) -> None:
    found = clean_text(text)
    assert (found.text, found.hashtags, dict(found.removed)) == (cleaned, hashtags, removed)


PIECES = st.sampled_from([
    "猫", "狗在跑", "記得", "点赞", "关注", "#", "#我要上热门", "#猫", " ", "@小明", "😂", "[笑哭]", "13800138000", "138",
    "0013", "8000", "微信", "：",
    "abc12345", "，", "。", "a@b.com", "www.a.cn/", "11010519491231002X", "京A", "12345", "-", "(", ")", "の", "\u200b",
    "ﷺ", "Ⅷ", "é", "乾隆", "薴", "发",
])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=12).map("".join)))
def test_cleaning_twice_is_cleaning_once_and_nothing_grows(text: str) -> None:
    once = clean_text(text)
    again = clean_text(once.text)
    assert again.text == once.text
    assert not again.removed
    assert len(once.text) <= len(normalise(text))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["打{}找我", "{}", "电话：{}，谢谢", "call {} now"]))
def test_no_telephone_number_survives(seed: int, sentence: str) -> None:
    number = "1" + random.Random(seed).choice("3456789") + "".join(random.Random(seed).choices("0123456789", k=9))
    found = clean_text(sentence.format(number))
    assert number not in found.text
    assert MASK in found.text
    assert PERSONAL_DATA & found.removed.keys()


def test_checksums() -> None:
    assert is_identity_number("11010519491231002X")
    assert not is_identity_number("110105194912310021")
    assert is_card_number("4111 1111 1111 1111")
    assert not is_card_number("4111 1111 1111 1112")
    assert not is_card_number("0" * 16)
