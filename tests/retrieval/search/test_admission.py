"""Which rows are answers, and which only share characters with the query."""

from __future__ import annotations

import pytest

from retrieval.search.admission import Admission
from retrieval.search.query import Query, WordScorer


def admitted(query: str, text: str, *, kind: str = "subtitle") -> bool:
    parsed = Query.parse(query)
    scorer = WordScorer(parsed, rows=10, document_frequency={}, average_length=10)
    return Admission.of(parsed, scorer.language).admits(kind, scorer.read(text))


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("一只狗", "我的狗跑丢了"),  # a telling character between weak ones
        ("狗 草地", "我的狗跑丢了"),  # typed as a word
        ("小猫，沙发", "沙发上有什么"),
        ("人民广场", "广场上见"),
        ("三位客人", "客人到了"),
        ("手机壳", "我的手机呢"),
        ("的", "我的书"),
        ("light of hope", "the light"),
    ],
)
def test_a_line_that_holds_a_word_of_the_query_is_an_answer(query, line):
    assert admitted(query, line)


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("一只狗", "一只猫在睡觉"),
        ("人民广场", "人不可貌相"),
        ("人民广场", "雪后来了三位客人"),
        ("三位客人", "客厅很大"),
        ("李明", "明天见"),
        ("the quantum physics of light", "the end of the road"),
    ],
)
def test_a_line_that_shares_incidental_characters_is_none(query, line):
    assert not admitted(query, line)


@pytest.mark.parametrize("title", ["在路上的一个人", "一个人的早晨"])
def test_a_long_query_does_not_find_titles_by_its_common_characters(title):
    assert not admitted("一个男人在厨房里切菜做饭", title, kind="title")


@pytest.mark.parametrize(
    ("query", "title"), [("中国地图", "中国"), ("一个男人在厨房里切菜做饭", "厨房"), ("一个人", "一个人")]
)
def test_a_telling_token_or_a_share_of_the_query_is_enough_for_a_title(query, title):
    assert admitted(query, title, kind="title")


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("the quantum physics of light", "the end of the road"),
        ("量子の力", "春の海"),
        ("la historia de España", "la casa de papel"),
    ],
)
def test_function_words_of_other_languages_find_nothing_by_themselves(query, title):
    assert not admitted(query, title, kind="title")
