"""Which rows say something about a query, and which only share incidental characters with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from retrieval.search.background import is_word_of_two, word_probability
from retrieval.search.query import Query, Reading
from retrieval.text import is_pair, ngrams_of_folded

TRANSCRIBED = frozenset({"subtitle", "asr", "ocr"})
# Nats in language at large. Below: about fifty Chinese characters (的 一 人 在 个 来 我 会 出 说) and the function words.
TELLING = 3.0
# A row without a telling token is admitted for this share of the query's information: 中国 for 中国地图, 一个 for 一个人.
ENOUGH = 1 / 3
# What a pair's better character must say beside the best one around it, if not both are telling: 一只 is no word of
# 一只狗, 厨房 is one of 在厨房切菜.
STRONG = 0.7


@dataclass(frozen=True)
class Admission:
    """`telling`: tokens one of which is enough; `words`: tokens one of which a line that was said or shown must hold.

    Unlike a title, such a line was not written to describe the video: 人不可貌相 does not answer 人民广场.
    """

    telling: frozenset[str]
    words: frozenset[str]

    @classmethod
    def of(cls, query: Query, language: Mapping[str, float]) -> Admission:
        """language: token -> nats in language at large, for every token of the query."""
        telling = frozenset(t for t in query.tokens if not is_pair(t) and language[t] >= TELLING)
        words = {word for piece in query.pieces for word in _words(ngrams_of_folded(piece), language)}
        return cls(telling, frozenset(words & language.keys()))

    def admits(self, kind: str, reading: Reading) -> bool:
        """Whether a row of this kind with this reading is an answer, if only a weak one."""
        if reading.coverage < ENOUGH and self.telling.isdisjoint(reading.held):
            return False
        return kind not in TRANSCRIBED or not self.words or not self.words.isdisjoint(reading.held)


def _words(tokens: list[str], language: Mapping[str, float]) -> Iterator[str]:
    """The words of what stands between spaces: a token alone, words of spaced scripts, strong pairs, characters apart."""
    if len(tokens) == 1 and not word_probability(tokens[0]):
        yield tokens[0]
    pairs = [token for token in tokens if is_pair(token)]
    for token in tokens:
        if not is_pair(token) and not any(token in pair for pair in pairs) and language.get(token, 0.0) >= TELLING:
            yield token
    strong = STRONG * max((language.get(c, 0.0) for pair in pairs for c in pair), default=0.0)
    for pair in pairs:
        says = [language.get(c, 0.0) for c in pair]
        if max(says) >= strong or min(says) >= TELLING:
            yield pair
    for character in {c for pair in pairs for c in pair if language.get(c, 0.0) >= max(strong, TELLING)}:
        around = [pair for pair in pairs if character in pair]
        if all(_is_loose(pair, character, strong, language) for pair in around):
            yield character


def _is_loose(pair: str, character: str, strong: float, language: Mapping[str, float]) -> bool:
    """Whether a character only stands beside the other one of the pair: 狗 in 只狗, but not 客 in 客人."""
    other = pair.replace(character, "", 1)
    return language.get(other, 0.0) < strong and not is_word_of_two(pair)
