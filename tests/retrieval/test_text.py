"""Folding and n-grams: what makes a Chinese text findable."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.text import fold, ngrams, normalise, simplify


def test_normalise_folds_width_space_and_control_characters_but_keeps_case_and_script():
    assert normalise("ＡＢＣ　１２３\t繁體\u200b字\x00") == "ABC 123 繁體字"


def test_fold_also_simplifies_and_lowers():
    assert fold("繁體中文 iPhone") == "繁体中文 iphone"


@pytest.mark.parametrize(
    ("accented", "plain"),
    [
        ("Café", "cafe"), ("Cafe\u0301", "cafe"), ("naïve", "naive"), ("Beyoncé", "beyonce"), ("Việt Nam", "viet nam"),
        ("niúròu", "niurou"), ("İstanbul", "istanbul"), ("x\u0304", "x"), ("за\u0301мок", "замок"),
    ],
)  # fmt: skip
def test_a_latin_letter_folds_to_the_one_without_its_accent(accented, plain):
    assert fold(accented) == plain


@pytest.mark.parametrize("text", ["й", "が", "プ", "각", "ή", "ø", "ł"])
def test_a_mark_that_makes_another_letter_stays(text):
    assert fold(text) == fold(unicodedata.normalize("NFD", text)) == text


@pytest.mark.parametrize("text", ["e\u0301\u0302", "e\u0591\u0301\u0302", "ǰ", "ẖ", "ø\u0301", "´", "0 \u0301", "a \u0301 b"])
def test_folding_twice_changes_nothing_however_many_marks_there_are(text):
    assert fold(fold(text)) == fold(text)


def test_unspaced_scripts_give_unigrams_and_bigrams_others_whole_words():
    assert ngrams("小狗看 Big Buck") == ["小", "狗", "看", "小狗", "狗看", "big", "buck"]


def test_a_word_of_letters_and_digits_is_found_whole_and_in_parts():
    assert ngrams("iPhone15") == ["iphone15", "iphone", "15"]
    assert ngrams("第3集") == ["第", "3", "集"]


def test_kana_and_hangul_are_cut_like_han_and_punctuation_is_no_token():
    assert ngrams("ねこ") == ["ね", "こ", "ねこ"]
    assert ngrams("고양") == ["고", "양", "고양"]
    assert ngrams("，。！？…—") == []


def test_other_scripts_keep_their_words():
    assert ngrams("Привет мир") == ["привет", "мир"]


@pytest.mark.parametrize(("traditional", "simplified"), [("貓", "猫"), ("頭髮", "头发"), ("乾隆", "干隆"), ("視頻", "视频")])
def test_characters_fold_without_their_neighbours(traditional, simplified):
    assert fold(traditional) == simplified


def test_what_an_encoder_reads_is_simplified_by_phrase():
    assert simplify("乾隆皇帝的頭髮很乾") == "乾隆皇帝的头发很干"


@given(st.text(alphabet="一只小狗在草地上追球貓頭髮乾隆", min_size=1, max_size=20), st.data())
def test_every_part_of_a_text_has_only_tokens_of_the_text(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    assert set(ngrams(text[start:end])) <= set(ngrams(text))


@given(st.text())
def test_any_text_folds_and_cuts_and_folding_twice_changes_nothing(text):
    assert all(ngrams(text)) or ngrams(text) == []
    assert fold(fold(text)) == fold(text)
