"""What a query's tokens are worth."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.search import background
from retrieval.search.background import character_probabilities
from retrieval.search.query import Query, WordScorer
from retrieval.text import count_of_ngrams, fold, is_unspaced, ngrams, normalise


def scorer(text: str, **frequency: int) -> WordScorer:
    return WordScorer(Query.parse(text), rows=10, document_frequency=frequency, average_length=20)


def test_a_query_is_normalised_and_its_tokens_are_distinct():
    query = Query.parse("  繁體ＡＢＣ　狗狗 ")
    assert query.text == "繁體ABC 狗狗"
    assert query.encoder_text == "繁体ABC 狗狗"
    assert query.tokens == ("繁", "体", "繁体", "abc", "狗", "狗狗")


def test_common_characters_say_less_than_rare_ones_even_in_an_empty_library():
    information = scorer("的狗").information
    assert information["的"] < 0.3 * information["狗"]


def test_background_is_a_probability_and_unknown_characters_are_zero():
    known = character_probabilities(["的", "狗", "\U00020000"])
    assert 0.005 < known["的"] < 0.2
    assert 0 < known["狗"] < known["的"]
    assert known["\U00020000"] == 0.0


def test_every_function_word_is_known_in_its_folded_form():
    assert [word for word in background._word_shares if fold(word) != word] == []


def test_the_library_s_own_frequencies_count():
    rare, common = scorer("狗"), scorer("狗", 狗=9)
    assert common.information["狗"] < rare.information["狗"]


def test_coverage_is_one_for_the_query_itself_and_small_for_a_shared_particle():
    words = scorer("小狗的草地")
    assert words.read("一只小狗的草地很绿").coverage == pytest.approx(1.0)
    assert words.read("我的手机").coverage < 0.1


def test_a_row_with_more_of_the_query_scores_higher():
    words = scorer("小狗追球")
    texts = ("小狗在草地上追球", "小狗在草地上睡觉", "一辆汽车驶过大桥")
    scores = [words.read(text).score for text in texts]
    assert scores[0] > scores[1] > scores[2] == 0.0


def test_a_phrase_as_it_stands_beats_its_parts_apart():
    words = scorer("5.3")
    assert words.read("版本 5.3 发布").score > words.read("气温 5 到 3 度左右").score
    words = scorer("二十分钟")
    assert words.read("再等二十分钟就可以出锅了").score > words.read("蒸二十五分钟").score


def test_the_beginning_of_a_word_is_held_but_counts_less_than_the_word():
    words = scorer("compl")
    assert words.read("Compliment Bot").held == {"compl"}
    assert 0 < words.read("Compliment Bot").score < words.read("Compl Bot").score
    assert words.read("a compass").held == frozenset()


def test_phrases_end_at_spaces_and_punctuation_but_not_inside_a_number():
    assert Query.parse("小猫，沙发 《流浪地球》 5.3").phrases == ("小猫", "沙发", "流浪地球", "5.3")


def test_the_beginning_of_a_number_is_another_number():
    assert scorer("15").read("1500 米").held == frozenset()


SOME_TEXT = st.text(alphabet="的狗狗追球草地上ab1 2🐶，々のプール漢", max_size=30)


@given(SOME_TEXT)
def test_ngrams_are_counted_as_they_are_made(text):
    assert count_of_ngrams(fold(text)) == len(ngrams(text))


@given(SOME_TEXT, SOME_TEXT)
def test_counting_in_a_text_finds_the_tokens_that_cutting_it_gives(query, text):
    words = scorer(query)
    counts = Counter(ngrams(text))
    held = {token: float(counts[token]) for token in words.information if counts[token]}
    if all(map(is_unspaced, words.information)):
        assert words._counted(fold(text)) == held
    assert words.read(text).held >= held.keys()


@given(st.text(max_size=30))
def test_folding_takes_its_short_ways_only_where_nothing_is_lost(text):
    plain = unicodedata.normalize("NFKC", text)
    plain = "".join(c for c in plain if c in "\t\n\r" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))
    plain = " ".join(plain.split())
    assert normalise(text) == plain
