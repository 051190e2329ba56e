"""What a query asks for and what it does not want, as it is read before anything is searched."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.library import Library
from retrieval.search import SearchEngine
from retrieval.search.asking import without_frame
from retrieval.search.exclusion import Wanted
from retrieval.search.numerals import in_characters, in_digits, numbers_in_the_other_script
from retrieval.text import _simplified
from tests.titled_videos import put_title

# What is asked for, then what is not wanted.
READ = {
    "海边 -狗": ("海边", "狗"), "海边 -狗 -猫": ("海边", "狗", "猫"), "-狗 海边": ("海边", "狗"), "海边 –狗": ("海边", "狗"),
    "海边 -“狗”": ("海边", "狗"), '海边 -"狗"': ("海边", "狗"), "海边 -《大白鲨》": ("海边", "大白鲨"),
    "海边 -2024": ("海边", "2024"),
    "除了狗以外的动物": ("动物", "狗"), "除狗外的动物": ("动物", "狗"), "除狗之外的动物": ("动物", "狗"),
    "动物，除了狗": ("动物", "狗"),
    "除了狗，其他动物": ("其他动物", "狗"), "除了狗的动物": ("动物", "狗"), "除了猫和狗之外的宠物": ("宠物", "猫", "狗"),
    "没有狗的海边": ("海边", "狗"), "沒有狗的海邊": ("海邊", "狗"), "海邊，不帶狗": ("海邊", "狗"),
    "没有狗没有猫的海边": ("海边", "狗", "猫"),
    "海边，不要狗": ("海边", "狗"), "海边 不要 狗": ("海边", "狗"), "海边，不包含狗": ("海边", "狗"),
    "海边，别有狗": ("海边", "狗"),
    "海边，不想看到狗": ("海边", "狗"), "海边，请不要狗": ("海边", "狗"), "海边(没有狗)": ("海边", "狗"),
    "海边【不要狗】": ("海边", "狗"),
    "海边，不要狗、猫": ("海边", "狗", "猫"), "海边，不要狗和猫": ("海边", "狗", "猫"),
    "海边，不要狗或猫": ("海边", "狗", "猫"),
    "海边，不要有狗": ("海边", "狗"), "海边，不要出现狗": ("海边", "狗"), "海边，没有任何人": ("海边", "人"),
    "猫，不要带字幕": ("猫", "字幕"),
    "海边，不要和尚": ("海边", "和尚"), "海边，不要共和国": ("海边", "共和国"), "海边，不要红色的车": ("海边", "红色的车"),
    "海边不要狗": ("海边", "狗"), "海边但不要有人": ("海边", "人"), "海边不要狗谢谢": ("海边", "狗"),
    "海边，不要狗，谢谢": ("海边", "狗"),
    "要猫不要狗": ("猫", "狗"), "只要猫不要狗": ("猫", "狗"), "要塞不要坦克": ("要塞", "坦克"),
    "海边不要狗的视频": ("海边", "狗"),
    "海边没有狗": ("海边", "狗"), "海边没有狗的视频": ("海边", "狗"), "找一下海边的视频，不要有小孩的": ("海边", "小孩"),
}  # fmt: skip
# What only looks like an exclusion: words, idioms, requests, numbers, lyrics.
AS_IT_STANDS = (
    "除夕夜外面放烟花", "除夕外地人回家过年", "拆除小区外墙", "清除车外积雪", "扫除室外垃圾", "消除内外温差",
    "除草机在户外工作",
    "除雪车在外面清扫马路", "哈尔滨 -30度", "冰箱 -18度冷冻", "比分 3 -2", "不要命的外卖员", "不要钱的午餐", "不要脸的人",
    "不要吸烟的标志", "去掉水印的方法", "排除故障的教程", "喝酒不要开车", "过马路不要闯红灯", "上课不要玩手机", "小孩子不要哭",
    "世上没有后悔药", "心里没有你", "没有你的日子", "房间里没有开灯", "没有不下雪的天", "没有共产党就没有新中国",
    "我要飞得更高",
    "千万不要忘记", "你们不要走", "请不要打扰", "妈妈再也不要离开", "咖啡不要了", "我们要不要养狗", "为什么不要熬夜",
    "晚上最好不要熬夜", "永远不要放弃", "吃饭时不要说话", "海边没事不要紧", "这件衣服不要钱", "不要忘记我", "没有人", "找朋友",
)  # fmt: skip


@pytest.mark.parametrize(("query", "read"), READ.items())
def test_what_is_not_wanted_is_told_from_what_is(query: str, read: tuple[str, ...]) -> None:
    wanted = Wanted.parse(query)
    assert (wanted.text, set(wanted.without)) == (read[0], set(read[1:]))


@pytest.mark.parametrize("query", AS_IT_STANDS)
def test_what_only_looks_like_an_exclusion_is_none(query: str) -> None:
    assert Wanted.parse(query) == Wanted(query)


@pytest.mark.parametrize(("query", "asked"), {
    "什么视频里有狗？": "狗", "有没有狗的视频": "狗", "帮我找一段狗在海边跑的视频": "狗在海边跑", "我想看猫": "猫",
    "我想要看看关于春节的视频吗": "春节",
    "哪个视频里有下雪的镜头？": "下雪", "请问有没有狗": "狗", "找一下 iPhone 15 的视频": "iPhone 15",
    "幫我找一下關於春節的影片": "春節",
    "搜索": "搜索", "有没有": "有没有", "搜索引擎": "搜索引擎", "海边的视频": "海边的视频", "我想": "我想",
    "有什么的": "有什么的",
}.items())  # fmt: skip
def test_words_that_only_ask_are_not_looked_for(query: str, asked: str) -> None:
    assert without_frame(query) == asked


def test_simplifying_in_place_keeps_every_place() -> None:
    assert {len(simple) for simple in _simplified().values()} == {1}


def test_a_number_in_characters_is_read_back() -> None:
    assert [in_digits(in_characters(value)) for value in range(10_000)] == list(range(10_000))
    assert [in_digits(number) for number in ("二〇二四", "两百", "百万", "十十", "零零七")] == [2024, 200, None, None, None]


@pytest.mark.parametrize(("text", "other"), {
    "第三集": "第3集", "第12集": "第十二集", "双十一": "双11", "零下30度": "零下三十度", "iphone15": "iphone15",
    "5.3": "5.3", "007": "007",
    "万里长城": "万里长城", "12345": "12345",
}.items())  # fmt: skip
def test_a_whole_number_is_written_in_the_other_script(text: str, other: str) -> None:
    assert numbers_in_the_other_script(text) == other


@pytest.fixture
def library(tmp_path: Path):
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        yield library


def put_titles(library: Library, *titles: str) -> None:
    for index, title in enumerate(titles):
        put_title(library, index, title)


def test_more_is_recalled_where_an_exclusion_leaves_too_little(library: Library) -> None:
    answers = {f"我们一家人在海边度假的第{index}天，风很大" for index in range(10)}
    put_titles(library, *(f"海边狗狗 第{index}集" for index in range(130)), *answers)
    assert {hit.title for hit in SearchEngine(library).search("海边 -狗狗", count=10).hits} == answers


def test_a_text_that_says_that_it_is_not_there_is_kept(library: Library) -> None:
    put_titles(library, "没有狗的安静海边", "海边 遛狗", "没有狗？海边有狗")
    assert [hit.title for hit in SearchEngine(library).search("海边，没有狗").hits] == ["没有狗的安静海边"]


def test_words_that_only_ask_count_where_a_title_holds_them(library: Library) -> None:
    put_titles(library, "有没有人告诉你", "人告诉你")
    engine = SearchEngine(library)
    assert engine.search("有没有人告诉你").hits[0].title == "有没有人告诉你"
    assert engine.search("有没有遛狗的人").hits == ()
