"""Every token that texts of the miniature world can hold, for a tokenizer of single Chinese characters and words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from types import ModuleType

from data_pipeline.miniature.language import chatter, chinese_shapes, english_shapes
from data_pipeline.miniature.language import chinese_words as zh
from data_pipeline.miniature.language import english_words as en
from data_pipeline.miniature.language.chinese_motions import MOTIONS_ZH, motion_phrases
from data_pipeline.miniature.language.english_motions import MOTIONS_EN, motion_phrases_en

COMMON_CHARACTERS = 1000
_CJK = re.compile("[\u4e00-\u9fff]")
_SLOT = re.compile(r"\{\w+\}")
_MARKS = "，。：、？！,.?!0123456789"


@lru_cache(maxsize=1)
def vocabulary() -> tuple[str, ...]:
    """Single Chinese characters, lower-case English words, marks and digits, sorted; at most 2,000 entries.

    Beside all that captions use, the 1,000 most common Chinese characters by the frequencies of jieba's dictionary.
    """
    characters = {character for text in _chinese_texts() for character in _CJK.findall(text)}
    words = {word for text in _english_texts() for word in re.findall("[a-z]+", text.lower())}
    return tuple(sorted(characters | words | set(_MARKS) | set(common_characters())))


@lru_cache(maxsize=1)
def common_characters(count: int = COMMON_CHARACTERS) -> tuple[str, ...]:
    """The most common Chinese characters, most common first."""
    found: Counter[str] = Counter()
    for line in (files("jieba") / "dict.txt").read_text(encoding="utf-8").splitlines():
        word, frequency, *_ = line.split(" ")
        for character in _CJK.findall(word):
            found[character] += int(frequency)
    return tuple(character for character, _ in found.most_common(count))


def _chinese_texts() -> Iterator[str]:
    yield from (*zh.NUMBERS_ZH.values(), *_shapes(chinese_shapes), *chatter.CHATTER, *chatter.PLACE_CHATTER, *chatter.LYRICS)
    for thing in (*zh.THINGS_ZH.values(), zh.SOMETHING):
        yield from (*thing.names, *thing.measures, thing.posture)
        for verb in thing.verbs:
            for motion in MOTIONS_ZH:
                yield from motion_phrases(motion, thing, verb=verb)
    for colour in zh.COLOURS_ZH.values():
        yield from (*colour.adjectives, colour.short or "")
    for size in zh.SIZES_ZH.values():
        yield from (*size.adjectives, *size.predicates, *size.of_goods, size.plain or "")
    for scene in zh.SCENES_ZH.values():
        yield from (*scene.where, *scene.names)


def _english_texts() -> Iterator[str]:
    yield from ("a an is are one", *en.NUMBERS_EN.values(), *_shapes(english_shapes))
    for thing in (*en.THINGS_EN.values(), en.SOMETHING_EN):
        yield from (*thing.names, *map(en.plural, thing.names))
        for verb in thing.verbs:
            for motion in MOTIONS_EN:
                for phrase in motion_phrases_en(motion, verb=verb, manner=thing.manner):
                    yield from en.forms(phrase)
    yield from map(" ".join, (en.forms("chase"), en.forms("follow")))
    for table in (en.COLOURS_EN, en.SIZES_EN, en.SCENES_EN, en.SCENE_NAMES_EN):
        for words in table.values():
            yield from words


def _shapes(module: ModuleType) -> Iterator[str]:
    """Every string in the tables of a module of shapes, without its slots."""
    for name, table in vars(module).items():
        if name.isupper():
            yield from (_SLOT.sub(" ", text) for text in _strings(table))


def _strings(table: object) -> Iterator[str]:
    if isinstance(table, str):
        yield table
    elif isinstance(table, Mapping):
        yield from _strings(tuple(table.values()))
    elif isinstance(table, tuple):
        for part in table:
            yield from _strings(part)
