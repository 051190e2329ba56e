"""The rows of an explanation are the words that a person typed, however a tokenizer took them apart."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.encoders import load_encoder
from retrieval.text import normalise
from serving.explain.words import group_pieces, word_similarity

TEXT = "一只小狗在草地上追 iPhone15， don't Dogs 🐶 草 䶮"


def words(text: str, pieces: list[str]) -> list[tuple[str, int]]:
    """Words and how many pieces each has."""
    return [(word, len(own)) for word, own in group_pieces(text, pieces)]


def test_characters_become_chinese_words():
    assert words("一只小狗在草地上", list("一只小狗在草地上")) == [("一只", 2), ("小狗", 2), ("在", 1), ("草地", 2), ("上", 1)]


def test_pieces_of_latin_words_are_joined_and_keep_their_capitals():
    pieces = ["the", "s", "ky", "scr", "aper", "'", "s", "red", "-", "haired", "cat", "."]
    assert words("The SkyScraper's red-haired cat.", pieces) == [
        ("The", 1), ("SkyScraper's", 6), ("red-haired", 3), ("cat", 1), (".", 1)
    ]  # fmt: skip


def test_the_bytes_of_one_character_count_for_it_alone():
    assert words("在草地", ["在"] * 3 + ["草"] * 3 + ["地"] * 3) == [("在", 3), ("草地", 6)]
    assert words("我 我 狗", ["我"] * 6 + ["狗"] * 3) == [("我", 3), ("我", 3), ("狗", 3)]


def test_a_piece_over_a_border_of_words_joins_them():
    assert words("小狗在草地", ["小", "狗在", "草地"]) == [("小狗在", 2), ("草地", 1)]


def test_what_has_no_character_belongs_to_the_word_that_stands_there():
    assert words("狗 追 猫", ["狗", "", "<0xE8>", "追", "", "猫", "<0x00>"]) == [("狗", 1), ("追", 3), ("猫", 3)]
    assert words("狗 追 猫", ["狗", "猫"]) == [("狗", 1), ("猫", 1)]


@pytest.mark.parametrize("kind", ["chinese_clip", "clip", "siglip", "siglip2"])
def test_every_token_of_every_kind_of_model_has_its_word(tiny_model, kind):
    pieces = load_encoder(str(tiny_model(kind)), device="cpu").encode_texts([TEXT]).pieces[0]
    groups = group_pieces(normalise(TEXT), pieces)
    assert " ".join(word for word, _ in groups) == "一只 小狗 在 草地 上 追 iPhone15 , don't Dogs 🐶 草 䶮"
    assert [number for _, own in groups for number in own] == list(range(len(pieces)))
    for word, own in groups:
        assert all(pieces[number].lower() in word.lower() for number in own)


def test_a_word_has_the_mean_similarity_of_its_pieces():
    similarity = np.array([[0.1, 0.5], [0.3, 0.1], [-0.2, 0.4]], dtype=np.float32)
    means = word_similarity([("小狗", [0, 1]), ("在", [2])], similarity)
    np.testing.assert_allclose(means, [[0.2, 0.3], [-0.2, 0.4]], atol=1e-7)
