"""The table of significant words: what the tokens of a text are by it, and the file it is kept in."""

from __future__ import annotations

import json

import pytest

from retrieval.errors import ModelError
from retrieval.model.word_table import load_words, mine_words

TEXTS = ["一只红色的狗在草地上奔跑", "一只狗在草地上", "两只猫在屋里看着狗", "猫和狗在草地上跳舞"]
TEXT = "一只红色的狗在草地上奔跑"
CHARACTERS = [(i, i + 1) for i in range(len(TEXT))]


def spans_of(text, *pieces):
    spans, cursor = [], 0
    for piece in pieces:
        start = text.index(piece, cursor)
        cursor = start + len(piece)
        spans.append((start, cursor))
    return spans


def test_every_token_of_a_content_word_has_its_number():
    found = mine_words(TEXTS).significance(TEXT, CHARACTERS)
    assert found.word_numbers == [-1, -1, 0, 0, -1, 1, -1, 2, 2, -1, 3, 3]
    assert mine_words([]).significance(TEXT, [(2, 6), (9, 10), (7, 7)]).word_numbers == [0, -1, -1]


def test_only_words_of_the_table_are_significant():
    table = mine_words(TEXTS, top=1)
    assert list(table.words) == ["狗", "草地"]
    found = table.significance(TEXT, CHARACTERS)
    assert [i for i, flag in enumerate(found.significant) if flag] == [5, 7, 8]
    assert found.word_numbers == mine_words([]).significance(TEXT, CHARACTERS).word_numbers


def test_content_words_weigh_double_unless_most_texts_hold_them():
    found = mine_words(TEXTS).significance(TEXT, CHARACTERS)
    # 狗 is in four of four texts and 草地 in three, 红色 and 奔跑 in one.
    assert found.weights == [1, 1, 2, 2, 1, 1, 1, 1, 1, 1, 2, 2]
    half = mine_words([*TEXTS, "猫", "鸟"]).significance(TEXT, CHARACTERS)
    assert half.weights == [1, 1, 2, 2, 1, 1, 1, 2, 2, 1, 2, 2]     # 草地: three of six are not most
    assert mine_words([]).significance(TEXT, CHARACTERS).weights == [1, 1, 2, 2, 1, 2, 1, 2, 2, 1, 2, 2]


def test_words_are_found_by_their_place_not_by_their_letters():
    text = "A Dog and the dogged cat eats"
    spans = spans_of(text, "A", "Dog", "and", "the", "dog", "ged", "cat", "eats")
    found = mine_words(["cat"]).significance(text, spans)
    assert found.word_numbers[1] == 0
    assert found.word_numbers[4] == found.word_numbers[5] == 1      # pieces of one word
    assert [number for number in found.word_numbers if number >= 0] == [0, 1, 1, 2, 3]
    assert [span for span, flag in zip(spans, found.significant, strict=True) if flag] == spans_of(text, "cat")


def test_a_word_that_comes_again_has_a_place_of_its_own():
    found = mine_words(["dog"]).significance("dog sees dog", [(0, 3), (4, 8), (9, 12)])
    assert found.word_numbers == [0, 1, 2]
    assert found.significant == [True, False, True]


def test_a_word_that_the_tagger_wrote_in_another_way_has_no_place():
    found = mine_words([]).significance("狗在草地上", CHARACTERS[:5], tagger=lambda _: [("猫", "noun"), ("狗", "noun")])
    assert found.weights == [2, 1, 1, 1, 1]
    assert mine_words([]).significance("", []).weights == []


def test_a_table_is_read_back_as_it_was_and_the_same_texts_give_the_same_file(tmp_path):
    for name in "ab":
        mine_words(TEXTS).save(tmp_path / name)
    assert load_words(tmp_path / "a") == mine_words(TEXTS)
    assert load_words(tmp_path / "a").texts == 4
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert "狗" in (tmp_path / "a").read_text(encoding="utf-8")


@pytest.mark.parametrize("content", ["", "[]", '{"texts": 1}', json.dumps({"texts": 1, "words": {"狗": {"count": 1}}})])
def test_a_damaged_table_is_named(content, tmp_path):
    (tmp_path / "words.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=r"words\.json is missing or damaged"):
        load_words(tmp_path / "words.json")


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"none\.json is missing"):
        load_words(tmp_path / "none.json")
