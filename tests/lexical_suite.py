"""Chinese queries whose right answers are known exactly, made by rule from a fixed set of texts.

A text is a right answer to a query when its folded form holds the folded query, or each of its words. So the truth
follows from `retrieval.text.fold` and substring search alone: an index that misses one of them loses something.
Only numbers and Latin words are never cut: 30 is in 20:30 and in 30秒, but not in 12301, nor is "on" in "python".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import jieba
from opencc import OpenCC

from retrieval.records import EvidenceKind
from retrieval.text import fold
from tests.lexical_rows import INVENTED_NAMES, ON_SCREEN, SUBTITLES, TITLES

Label = Literal["character", "word", "name", "mixed", "digits", "script", "full_width", "two_words"]
LABELS: tuple[Label, ...] = get_args(Label)
MOST_OF_A_CLASS = 80

_HAN = re.compile(r"[\u4e00-\u9fff]+")
_DIGITS_WITH_UNIT = re.compile(r"第?\d+(?:[.:]\d+)?(?:集|年|公里|号线|万|米|度|克|元|天|秒|帧|窟|点半|p)?")
_HAN_OR_LATIN = re.compile(r"[\u4e00-\u9fff]|[A-Za-z0-9]+")
_LATIN_OR_DIGITS = re.compile(r"[A-Za-z0-9]+")
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


@dataclass(frozen=True, kw_only=True)
class LexicalRow:
    """A text as it is stored: what it is, and what it says."""

    kind: EvidenceKind
    text: str


@dataclass(frozen=True, kw_only=True)
class LexicalQuery:
    """A query of one class: `source` is the row it was made from, `targets` are the indices of all right answers."""

    text: str
    label: Label
    source: int
    targets: frozenset[int]


@lru_cache(maxsize=1)
def lexical_rows() -> tuple[LexicalRow, ...]:
    """The texts: titles first, then subtitle lines, then on-screen lines."""
    groups: tuple[tuple[EvidenceKind, tuple[str, ...]], ...] = (
        ("title", TITLES), ("subtitle", SUBTITLES), ("ocr", ON_SCREEN),
    )  # fmt: skip
    return tuple(LexicalRow(kind=kind, text=text) for kind, texts in groups for text in texts)


@lru_cache(maxsize=1)
def lexical_queries() -> tuple[LexicalQuery, ...]:
    """All queries, class by class, without two alike; MOST_OF_A_CLASS at most in each, taken evenly from the rows."""
    queries: list[LexicalQuery] = []
    seen: set[str] = set()
    for label, made in _makers().items():
        fresh = {text: source for source, text in reversed(list(made)) if text not in seen}
        seen |= set(fresh)
        chosen = _evenly(sorted(fresh.items(), key=lambda pair: (pair[1], pair[0])), most=MOST_OF_A_CLASS)
        queries += [
            LexicalQuery(text=text, label=label, source=source, targets=right_answers(text)) for text, source in chosen
        ]
    return tuple(queries)


def right_answers(query: str) -> frozenset[int]:
    """The rows whose folded text holds the folded query as it is, or all of its words."""
    whole, words = _uncut(fold(query)), [_uncut(word) for word in fold(query).split()]
    return frozenset(
        index for index, text in enumerate(_folded_rows())
        if whole.search(text) or all(word.search(text) for word in words)
    )


def _uncut(words: str) -> re.Pattern[str]:
    """Matches the words as they are, but not from within a number or a Latin word, nor up to within one."""
    before = "(?<![0-9])" if words[0].isdigit() else "(?<![a-z])" if words[0].isascii() else ""
    after = "(?![0-9])" if words[-1].isdigit() else "(?![a-z])" if words[-1].isascii() else ""
    return re.compile(before + re.escape(words) + after)


Made = Iterable[tuple[int, str]]        # source row, query


def _makers() -> dict[Label, Made]:
    return {
        "character": _characters(), "word": _dictionary_words(), "name": _names(), "mixed": _mixed(),
        "digits": _digits(), "script": _other_script(), "full_width": _full_width(), "two_words": _two_words(),
    }  # fmt: skip


def _characters() -> Iterator[tuple[int, str]]:
    """The rarest character of every row: common ones would find half of everything."""
    counts: dict[str, int] = {}
    for text in _folded_rows():
        for character in set(text):
            counts[character] = counts.get(character, 0) + 1
    for index, text in enumerate(_folded_rows()):
        han = _HAN.findall(text)
        if han:
            yield index, min("".join(han), key=lambda character: (counts[character], character))


def _dictionary_words() -> Iterator[tuple[int, str]]:
    """The first and the last longest word of 2 to 4 characters of every row."""
    for index, words in enumerate(_words_of_rows()):
        longest = sorted(words, key=len, reverse=True)
        yield from ((index, word) for word in longest[:2])


def _names() -> Iterator[tuple[int, str]]:
    for name in INVENTED_NAMES:
        yield min(right_answers(name), default=-1), name


def _mixed() -> Iterator[tuple[int, str]]:
    """A Latin word or number together with one to three characters on either side of it."""
    for index, row in enumerate(lexical_rows()):
        for run in re.finditer(r"[A-Za-z]+[0-9]*", row.text):
            before = re.search(r"[\u4e00-\u9fff]{1,3}$", row.text[: run.start()])
            after = re.match(r"[\u4e00-\u9fff]{1,3}", row.text[run.end() :])
            if before:
                yield index, before.group() + run.group()
            if after:
                yield index, run.group() + after.group()
                yield index, run.group().swapcase() + after.group()[:2]
            if before and after:
                yield index, before.group()[-1] + run.group() + after.group()[0]


def _digits() -> Iterator[tuple[int, str]]:
    """Numbers of two or more digits, and numbers with the words around them that make them one: 第3集, 42公里."""
    for index, row in enumerate(lexical_rows()):
        for run in _DIGITS_WITH_UNIT.finditer(row.text):
            yield index, run.group()
            digits = re.findall(r"\d{2,}", run.group())
            yield from ((index, number) for number in digits)


def _other_script() -> Iterator[tuple[int, str]]:
    """Words and short stretches of simplified rows in traditional characters, and the other way round."""
    to_traditional, to_simplified = OpenCC("s2t"), OpenCC("t2s")
    for index, row in enumerate(lexical_rows()):
        for stretch in _stretches(row.text):
            for changed in (to_traditional.convert(stretch), to_simplified.convert(stretch)):
                if changed != stretch:
                    yield index, changed


def _full_width() -> Iterator[tuple[int, str]]:
    """Stretches with letters or digits, in full-width forms; and the plain form of what is stored in full width."""
    for index, row in enumerate(lexical_rows()):
        for run in re.finditer(r"[\u4e00-\u9fff]{0,2}[A-Za-z0-9]{2,}[\u4e00-\u9fff]{0,2}", row.text):
            yield index, run.group().translate(_FULL_WIDTH)
            yield index, _LATIN_OR_DIGITS.findall(run.group())[0].upper().translate(_FULL_WIDTH)
        for wide in re.finditer(r"[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]+", row.text):
            yield index, wide.group().translate({plain_to: plain for plain, plain_to in _FULL_WIDTH.items()})


def _two_words() -> Iterator[tuple[int, str]]:
    """The first and last word of a row, in their order and turned round: they need not be neighbours."""
    for index, words in enumerate(_words_of_rows()):
        if len(words) >= 2 and words[0] != words[-1]:
            yield index, f"{words[0]} {words[-1]}" if index % 2 else f"{words[-1]} {words[0]}"


def _stretches(text: str) -> Iterator[str]:
    """The first four characters of each run of Chinese, and the run's words."""
    for run in _HAN.findall(text):
        yield run[:4]
        yield from (word for word in jieba.cut(run) if len(word) >= 2)


@lru_cache(maxsize=1)
def _words_of_rows() -> tuple[tuple[str, ...], ...]:
    """The dictionary words of 2 to 4 characters of each row, in order."""
    return tuple(
        tuple(word for word in jieba.cut(row.text) if is_dictionary_word(word) and 2 <= len(word) <= 4)
        for row in lexical_rows()
    )


def is_dictionary_word(word: str) -> bool:
    """Whether jieba's dictionary has it, as a word and not only as the beginning of one."""
    jieba.initialize()
    return bool(_HAN.fullmatch(word)) and jieba.dt.FREQ.get(word, 0) > 0


@lru_cache(maxsize=1)
def _folded_rows() -> tuple[str, ...]:
    return tuple(fold(row.text) for row in lexical_rows())


def _evenly(items: list[tuple[str, int]], *, most: int) -> list[tuple[str, int]]:
    count = min(most, len(items))
    return [items[position * len(items) // count] for position in range(count)]
