"""The words of the world: every key has them, none says more than its key, and the vocabulary holds them all."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations
from random import Random

import pytest

from data_pipeline.miniature.backgrounds import BACKGROUNDS
from data_pipeline.miniature.captions import captions
from data_pipeline.miniature.colours import PAINTS
from data_pipeline.miniature.language import chinese_shapes, english_words
from data_pipeline.miniature.language.chinese_motions import MOTIONS_ZH, motion_phrases
from data_pipeline.miniature.language.chinese_words import COLOURS_ZH, SCENES_ZH, SIZES_ZH, THINGS_ZH
from data_pipeline.miniature.language.english_motions import MOTIONS_EN, motion_phrases_en
from data_pipeline.miniature.language.vocabulary import common_characters, vocabulary
from data_pipeline.miniature.motions import MOTIONS
from data_pipeline.miniature.picture import SIZES
from data_pipeline.miniature.things import THINGS
from data_pipeline.miniature.world import generate


@pytest.mark.parametrize(("keys", "tables"), [
    (THINGS, (THINGS_ZH, english_words.THINGS_EN)),
    (PAINTS, (COLOURS_ZH, english_words.COLOURS_EN)),
    (SIZES, (SIZES_ZH, english_words.SIZES_EN)),
    (MOTIONS, (MOTIONS_ZH, MOTIONS_EN)),
    (BACKGROUNDS, (SCENES_ZH, english_words.SCENES_EN, english_words.SCENE_NAMES_EN)),
])
def test_all_that_can_be_drawn_has_words_in_both_languages(keys: dict, tables: tuple[dict, ...]) -> None:
    for table in tables:
        assert set(table) == set(keys)


def test_the_name_and_measure_a_thing_is_drawn_under_are_among_its_words() -> None:
    for name, thing in THINGS.items():
        assert thing.chinese in THINGS_ZH[name].names
        assert thing.measure in THINGS_ZH[name].measures


def test_no_name_says_a_size_or_a_colour() -> None:
    shades = {colour.short for colour in COLOURS_ZH.values() if colour.short} | {"小", "橙", "橘", "粉", "棕", "褐"}
    for words in THINGS_ZH.values():
        for name in words.names:
            assert not shades & set(name), name
            assert "大" not in name or name == "大象"


def test_no_word_belongs_to_two_keys() -> None:
    for groups in (
        [words.names for words in THINGS_ZH.values()],
        [words.adjectives for words in COLOURS_ZH.values()],
        [(*words.adjectives, *words.predicates) for words in SIZES_ZH.values()],
        [(*words.where, *words.names) for words in SCENES_ZH.values()],
        [words.names for words in english_words.THINGS_EN.values()],
        list(english_words.COLOURS_EN.values()),
        list(english_words.SIZES_EN.values()),
    ):
        assert not any(set(one) & set(other) for one, other in combinations(groups, 2))


def test_no_phrase_says_two_motions() -> None:
    chinese = Counter(
        phrase for words in THINGS_ZH.values() for verb in words.verbs
        for phrase in {(p, motion) for motion in MOTIONS_ZH for p in motion_phrases(motion, words, verb=verb)}
    )
    english = {
        (phrase, motion) for words in english_words.THINGS_EN.values() for verb in words.verbs for motion in MOTIONS_EN
        for phrase in motion_phrases_en(motion, verb=verb, manner=words.manner)
    }
    for pairs in (set(chinese), english):
        assert len({phrase for phrase, _ in pairs}) == len(pairs)


def test_there_are_many_shapes_of_sentences() -> None:
    shapes = chinese_shapes
    assert len({*shapes.ONE, *shapes.BARE, *shapes.PAIR, *shapes.LEFT_OF, *shapes.CHASES, *shapes.FOLLOWS}) > 80


def test_the_vocabulary_is_small_sorted_and_holds_every_token_of_the_captions() -> None:
    known = set(vocabulary())
    assert len(known) == len(vocabulary()) <= 2000
    assert list(vocabulary()) == sorted(known)
    random = Random(0)
    for clip in generate(100, seed=1, split="train", dirt=0.3):
        texts = [caption.text for caption in clip.captions]
        texts += [caption.text for language in ("zh", "en") for detail in ("short", "medium", "full")
                  for caption in captions(clip.spec, random, count=2, language=language, detail=detail)]
        for text in texts:
            assert set(re.findall(r"[a-z]+|[^a-z\s]", text.lower())) <= known, text


def test_the_vocabulary_holds_the_most_common_characters() -> None:
    assert len(common_characters()) == 1000
    assert set("的一是不了人我在有他这中大来上国") <= set(common_characters()[:100])
    assert set(common_characters()) <= set(vocabulary())
