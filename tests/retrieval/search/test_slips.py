"""What a person meant who slipped, typed pinyin or wants something not; judged over the texts of the lexical suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.encoders import load_text_encoder
from retrieval.library import Library
from retrieval.search import SearchEngine, SearchResult
from retrieval.search.confidence import Calibration, mark_of
from retrieval.search.exclusion import Wanted
from retrieval.search.query import Query
from retrieval.search.readings import _SYLLABLE, _characters, homophones, spellings
from retrieval.search.spelling import Corrected, corrected
from retrieval.text import fold
from tests.lexical_suite import lexical_queries, lexical_rows
from tests.slip_rows import AS_THEY_STAND, ONE_OTHER, PINYIN, READ_ALIKE, RIGHT, UNWANTED
from tests.titled_videos import put_title


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    """One video a row, each its title."""
    directory: Path = tmp_path_factory.mktemp("slips")
    with Library.open(directory / "library", write=True, create=True) as library:
        for index, row in enumerate(lexical_rows()):
            put_title(library, index, row.text)
        yield SearchEngine(library)


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
        assert {hit.title for hit in engine.search("爸爸，不要回家").hits} == {"爸爸不要走", "爸爸走了"}


def test_the_usual_reading_of_a_character_goes_first(engine: SearchEngine) -> None:
    assert [engine.search("weiqi").notices[0].zh] == ["没有内容包含“weiqi”，以下是“围棋”的结果。"]      # 机 was read wei too


def test_the_notice_says_what_is_shown(engine: SearchEngine) -> None:
    assert "'流浪猫'" in engine.search("liulangmao").notices[0]


@pytest.mark.parametrize(("query", "title"), [
    ("黑色轿车", "白色轿车评测"), ("男孩跳舞", "女孩跳舞"), ("南京大学", "北京大学开学"), ("三月樱花", "五月樱花"),
    ("右手写字", "左手写字"), ("黑色的猫", "黑色熊猫"), ("红色的车", "红色汽车"),
])  # fmt: skip
def test_another_fact_is_no_slip(tmp_path: Path, query: str, title: str) -> None:
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        put_title(library, 0, title)
        assert SearchEngine(library).search(query).notices == ()


def test_what_is_only_guessed_is_neither_read_by_a_model_nor_sure(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        put_title(library, 0, "小心地滑")
        put_title(library, 1, "红烧肉")
        found = corrected(library, Query.parse("小心他滑 hongshaorou"), nothing_else=True)
        assert found == Corrected(text="小心地滑 红烧肉", heard="小心他滑 红烧肉", guessed=True)
        Calibration(made_with=mark_of(library), clips=1, best={}).save(library)
        engine = SearchEngine(library)
        guess, sure = engine.search("小心他滑"), engine.search("hongshaorou")
    assert (guess.hits[0].confidence, guess.answered) == ("medium", None)
    assert (sure.hits[0].confidence, sure.answered) == ("high", True)


def test_a_number_is_found_in_the_other_script(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        for index, title in enumerate(("故事第3集", "故事第十二集", "双11大促", "a dog at home", "故事第二集", "故事第2集")):
            put_title(library, index, title)
        engine = SearchEngine(library)
        asked = {"第三集": "故事第3集", "第12集": "故事第十二集", "双十一": "双11大促", "dogs": "a dog at home"}
        assert {query: first(engine.search(query)) for query in asked} == asked
        assert [first(engine.search(query)) for query in ("第二集", "第2集")] == ["故事第二集", "故事第2集"]
        assert engine.search("第二集").notices == ()


def test_only_the_piece_that_is_spelled_out_is_changed(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library", write=True, create=True) as library:
        put_title(library, 0, "西安城墙")
        assert "'西安 xianren'" in SearchEngine(library).search("xian xianren").notices[0]


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
