"""What a person meant who slipped, typed pinyin or wants something not; judged over the texts of the lexical suite."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.encoders import load_text_encoder
from retrieval.library import Library
from retrieval.records import Evidence, Location, Video
from retrieval.search import SearchEngine, SearchResult
from retrieval.search.exclusion import Wanted
from retrieval.search.readings import _SYLLABLE, _characters, homophones, spellings
from retrieval.text import fold
from tests.lexical_suite import lexical_queries, lexical_rows
from tests.slip_rows import AS_THEY_STAND, ONE_OTHER, PINYIN, READ_ALIKE, RIGHT, UNWANTED


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    """One video a row, each its title."""
    directory: Path = tmp_path_factory.mktemp("slips")
    with Library.open(directory / "library", write=True, create=True) as library:
        for index, row in enumerate(lexical_rows()):
            put_title(library, index, row.text)
        yield SearchEngine(library)


def put_title(library: Library, index: int, text: str) -> None:
    video = Video(
        id=hashlib.sha256(str(index).encode()).hexdigest(), size_bytes=1, duration_ms=4000, width=320, height=180,
        frames_per_second=25.0, container="mp4", codec="h264", has_audio=False,
    )  # fmt: skip
    title = Evidence(kind="title", text=text, start_ms=0, end_ms=4000, source="manifest")
    library.put(
        video, Location(path=f"/{index}.mp4", size_bytes=1, modified_ns=1), evidence=[], location_evidence=[title],
        clips=[], generation=None, examined={},
    )  # fmt: skip


def first(result: SearchResult) -> str:
    return result.hits[0].title if result.hits else ""


@pytest.mark.parametrize("judged", [READ_ALIKE, ONE_OTHER, PINYIN], ids=["read alike", "one other", "pinyin"])
def test_what_was_meant_comes_first_for_nine_in_ten(engine: SearchEngine, judged: dict[str, str]) -> None:
    wrong = [query for query, meant in judged.items() if fold(meant) not in fold(first(engine.search(query)))]
    assert len(wrong) <= len(judged) // 10, wrong


@pytest.mark.parametrize("queries", [RIGHT, [query.text for query in lexical_queries()]], ids=["absent", "lexical suite"])
def test_what_is_written_rightly_is_not_read_otherwise(engine: SearchEngine, queries: list[str]) -> None:
    assert not [query for query in queries if engine.search(query).notices]


@pytest.mark.parametrize(("query", "wanted", "unwanted"), UNWANTED)
def test_what_is_not_wanted_is_left_out_and_said(engine: SearchEngine, query: str, wanted: str, unwanted: str) -> None:
    result = engine.search(query)
    titles = [fold(hit.title) for hit in result.hits]
    assert any(fold(wanted) in title for title in titles)
    assert not any(fold(unwanted) in title for title in titles)
    assert "Left out" in result.notices[0]


@pytest.mark.parametrize(("query", "title"), AS_THEY_STAND.items())
def test_a_query_that_only_looks_like_an_exclusion_is_taken_as_it_stands(engine: SearchEngine, query: str, title: str) -> None:
    assert Wanted.parse(query).without == ()
    assert title in first(engine.search(query))


def test_a_query_that_a_text_holds_whole_is_no_exclusion(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        for index, text in enumerate(("爸爸不要走", "爸爸走了", "爸爸回家")):
            put_title(library, index, text)
        engine = SearchEngine(library)
        assert first(engine.search("爸爸不要走")) == "爸爸不要走"
        assert engine.search("爸爸不要走").notices == ()
        assert {hit.title for hit in engine.search("爸爸不要回").hits} == {"爸爸不要走", "爸爸走了"}


@pytest.mark.parametrize("query", [
    "千万不要忘记", "你们不要走", "请不要打扰", "妈妈再也不要离开", "咖啡不要了", "我们要不要养狗", "为什么不要熬夜",
    "晚上最好不要熬夜", "永远不要放弃", "吃饭时不要说话", "海边没事不要紧", "这件衣服不要钱",
])  # fmt: skip
def test_what_somebody_is_asked_for_is_no_exclusion(query: str) -> None:
    assert Wanted.parse(query).without == ()


def test_the_notice_says_what_is_shown(engine: SearchEngine) -> None:
    assert "'流浪猫'" in engine.search("liulangmao").notices[0]


def test_an_english_word_is_taken_for_pinyin_only_where_nothing_else_is_found(engine: SearchEngine) -> None:
    assert "'我们'" in engine.search("women").notices[0]
    found = engine.search("women 苹果")
    assert found.notices == ()
    assert "苹果" in first(found)
    assert "熊猫" in engine.search("xiongmao 苹果").notices[0]


def test_an_english_word_stays_where_pictures_can_answer(tiny_chinese_clip: Path, tmp_path: Path) -> None:
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        put_title(library, 0, "我们去公园看熊猫")
        seeing = SearchEngine(library, encoder=load_text_encoder(str(tiny_chinese_clip)))
        assert any("'我们'" in notice for notice in SearchEngine(library).search("women").notices)
        assert not any("我们" in notice for notice in seeing.search("women").notices)
        assert any("'熊猫'" in notice for notice in seeing.search("xiongmao").notices)


def test_readings_are_loaded_for_letters_that_are_syllables_alone() -> None:
    assert all(_SYLLABLE.fullmatch(syllable) for syllable in _characters())
    _characters.cache_clear()
    for word in ("python", "excel", "tokyo", "nvidia", "photo", "km"):
        assert list(spellings(word)) == []
    assert _characters.cache_info().misses == 0


def test_letters_are_cut_into_syllables_few_ones_first() -> None:
    assert list(spellings("xian")) == [("xian",), ("xi", "an")]
    assert list(spellings("python")) == []


def test_homophones_differ_in_tone_at_most() -> None:
    assert {"够", "勾", "沟"} <= set(homophones("狗"))
    assert "狗" not in homophones("狗")
