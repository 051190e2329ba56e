"""Significant words: the common content words of a corpus, and which tokens of a text they are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from retrieval.evaluation.parts_of_speech import PARTS, Part, words_of
from retrieval.text import holds_chinese

Span = tuple[int, int]                                              # [start, stop) in characters
Tagger = Callable[[str], Iterable[tuple[str, Part | None]]]         # words in reading order, None = no content word

# What the published lists leave out of captions of stock footage.
STOP_WORDS = frozenset({"background", "backgrounds", "be", "is", "was", "were", "are"})
_NUMERAL = re.compile(
    r"[第几两\d〇零一二三四五六七八九十百千万亿]+.?|许多|很多|好多|不少|大量|无数|若干|多少"
    r"|one|two|three|four|five|six|seven|eight|nine|ten"
)


@dataclass(frozen=True, kw_only=True)
class WordStatistics:
    """What a corpus says about a word.

    count: how often it is there as a noun, verb or attribute; document_frequency: in how many texts; rank: how many words
    are there more often; parts: the share of each part of speech, those of little share left out, summing to 1.
    """

    count: int
    document_frequency: int
    rank: int
    parts: Mapping[Part, float]


@lru_cache(maxsize=200_000)
def content_words(text: str) -> tuple[tuple[str, Part | None], ...]:
    """`words_of` with numerals among the words that are no content words: the default tagger.

    Tagging takes a millisecond, and training reads a text when its words are mined and again in each epoch.
    """
    found = words_of(text)
    return tuple(_tagged(word, None if part == "attribute" and _is_numeral(word) else part) for word, part in found)


def significant_words(
    texts: Iterable[str], *, tagger: Tagger | None = None, top: int = 3000, min_share: float = 0.25,
    stop_words: frozenset[str] = STOP_WORDS,
) -> dict[str, WordStatistics]:
    """The most frequent nouns, verbs and attributes of a corpus, the most frequent first, in order of letters on ties.

    tagger: None = jieba for Chinese, a rule for other languages. top: a word is significant when at most so many are more
    frequent, so that one place more than `top`, and every tie there, is in. min_share: a part of speech that makes up
    less of a word is left out of its `parts`, which may leave none. A word of one character is only taken when that is
    Chinese. Raises ValueError for a `top` below 0 or a `min_share` outside 0..1.
    Source: significant-word mining of SNP-S3 (arXiv 2401.17773) with words in place of entries of a vocabulary.
    """
    if top < 0 or not 0 <= min_share <= 1:
        raise ValueError(f"top must not be below 0 and min_share be in 0..1, not {top} and {min_share}")
    by_part, documents = _counted(texts, tagger or content_words, stop_words)
    counts = {word: sum(parts.values()) for word, parts in by_part.items()}
    found: dict[str, WordStatistics] = {}
    rank, last = 0, None
    for place, word in enumerate(sorted(counts, key=lambda word: (-counts[word], word))):
        if counts[word] != last:
            rank, last = place, counts[word]
        if rank > top:
            break
        found[word] = WordStatistics(
            count=counts[word], document_frequency=documents[word], rank=rank, parts=_shares(by_part[word], min_share)
        )
    return found


def place_words(text: str, tagger: Tagger) -> list[tuple[str, Part | None, Span]]:
    """Each word with its place in the text; a word that the tagger wrote in another way has none and is left out."""
    folded, cursor, found = _folded(text), 0, []
    for word, part in tagger(text):
        start = folded.find(_folded(word), cursor)
        if start >= 0:
            cursor = start + len(word)
            found.append((word, part, (start, cursor)))
    return found


def word_at(span: Span, places: Sequence[Span]) -> int:
    """The number of the first of these places that a token reaches into, -1 = none, as for an empty span."""
    start, stop = span
    return next((n for n, (first, last) in enumerate(places) if max(start, first) < min(stop, last)), -1)


@lru_cache(maxsize=100_000)
def _tagged(word: str, part: Part | None) -> tuple[str, Part | None]:
    """One object for all the texts that hold the word."""
    return word, part


def _counted(texts: Iterable[str], tagger: Tagger, stop_words: frozenset[str]) -> tuple[dict[str, Counter[Part]], Counter[str]]:
    by_part: dict[str, Counter[Part]] = {}
    documents: Counter[str] = Counter()
    for text in texts:
        here = [(word, part) for word, part in tagger(text) if part in PARTS and _may_count(word, stop_words)]
        for word, part in here:
            if part is not None:
                by_part.setdefault(word, Counter())[part] += 1
        documents.update({word for word, _ in here})
    return by_part, documents


def _may_count(word: str, stop_words: frozenset[str]) -> bool:
    return word not in stop_words and (len(word) > 1 or holds_chinese(word))


def _shares(parts: Counter[Part], min_share: float) -> dict[Part, float]:
    total = sum(parts.values())
    kept = {part: parts[part] for part in PARTS if parts[part] and parts[part] / total >= min_share}
    return {part: count / sum(kept.values()) for part, count in kept.items()}


def _is_numeral(word: str) -> bool:
    return not word.endswith("色") and _NUMERAL.fullmatch(word) is not None


def _folded(text: str) -> str:
    """Lower case where that keeps the length: positions must stay those of the text."""
    return "".join(lower if len(lower := character.lower()) == 1 else character for character in text)
