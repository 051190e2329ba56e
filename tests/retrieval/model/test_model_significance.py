"""Significant words against plain counting."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from retrieval.model.significance import STOP_WORDS, content_words, significant_words

TAGS = {"n": "noun", "v": "verb", "a": "attribute", "x": None}


def tagged(text):
    """A tagger for tests: `n:dog v:runs`."""
    return [(part.split(":")[1], TAGS[part.split(":")[0]]) for part in text.split()]


def mined_by_loops(texts, top, min_share):
    """The published steps, one after the other, over words instead of vocabulary entries."""
    pairs = [pair for text in texts for pair in tagged(text)]
    n_k = Counter((part, word) for word, part in pairs if part and word not in STOP_WORDS and len(word) > 1)
    n = Counter()
    for (_, word), count in n_k.items():
        n[word] += count
    found = {}
    for word in n:
        rank = sum(other > n[word] for other in n.values())
        if rank > top:
            continue
        shares = {part: n_k[part, word] / n[word] for part in ("noun", "verb", "attribute")}
        shares = {part: share for part, share in shares.items() if share >= min_share and share > 0}
        total = sum(shares.values())
        found[word] = (n[word], rank, {part: share / total for part, share in shares.items()})
    return found


@pytest.mark.parametrize("top", [0, 3, 10, 3000])
@pytest.mark.parametrize("min_share", [0.0, 0.25, 0.4])
def test_they_are_those_of_the_published_steps(top, min_share):
    chance = random.Random(0)
    words = [f"w{number}" for number in range(30)] + ["are", "background", "x"]
    texts = [
        " ".join(f"{chance.choice('nnvax')}:{chance.choice(words[: chance.randint(1, 33)])}" for _ in range(8))
        for _ in range(60)
    ]
    found = significant_words(texts, tagger=tagged, top=top, min_share=min_share)
    wanted = mined_by_loops(texts, top, min_share)
    assert {word: (one.count, one.rank, dict(one.parts)) for word, one in found.items()} == {
        word: (count, rank, pytest.approx(parts)) for word, (count, rank, parts) in wanted.items()
    }
    for word, one in found.items():
        assert one.document_frequency == sum(any(w == word and p for w, p in tagged(text)) for text in texts)
    assert list(found) == sorted(found, key=lambda word: (-found[word].count, word))


def test_one_place_more_than_top_and_every_tie_there_is_in():
    texts = ["n:aa n:aa n:aa n:bb n:bb n:cc n:dd n:ee"]
    assert list(significant_words(texts, tagger=tagged, top=0)) == ["aa"]
    assert list(significant_words(texts, tagger=tagged, top=1)) == ["aa", "bb"]
    found = significant_words(texts, tagger=tagged, top=2)
    assert [(word, found[word].rank) for word in found] == [("aa", 0), ("bb", 1), ("cc", 2), ("dd", 2), ("ee", 2)]


def test_a_rare_part_of_speech_is_left_out_and_the_count_stays():
    texts = ["n:play v:play v:play v:play v:play", "v:run n:run"]
    found = significant_words(texts, tagger=tagged)
    assert (found["play"].count, found["play"].parts) == (5, {"verb": 1.0})
    assert found["run"].parts == {"noun": 0.5, "verb": 0.5}
    assert significant_words(texts, tagger=tagged, min_share=0.9)["run"].parts == {}


def test_chinese_words_are_cut_by_jieba_and_one_character_may_be_a_word():
    texts = ["一只红色的狗在草地上奔跑", "两个男人看着狗", "许多孩子在草地上跳舞", "A red dog is in the background"]
    found = significant_words(texts)
    assert (found["狗"].count, found["狗"].document_frequency, found["狗"].rank) == (2, 2, 0)
    assert found["草地"].parts == {"noun": 1.0}
    assert found["奔跑"].parts == {"verb": 1.0}
    assert found["红色"].parts == {"attribute": 1.0}
    assert found["red"].parts == {"attribute": 1.0}
    assert not {"一只", "两个", "许多", "的", "在", "is", "the", "background", "a"} & found.keys()


def test_numerals_are_no_content_words_and_colours_of_several_are():
    assert dict(content_words("三根胡萝卜"))["三根"] is None
    assert dict(content_words("two red dogs"))["two"] is None
    assert dict(content_words("two red dogs"))["red"] == "attribute"
    assert significant_words([]) == {}


def test_bad_settings_are_refused():
    for bad in ({"top": -1}, {"min_share": 1.5}):
        with pytest.raises(ValueError, match="min_share"):
            significant_words([], **bad)
