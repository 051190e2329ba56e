"""A query, and how much each of its tokens says."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from retrieval.search.background import character_probabilities
from retrieval.text import ngrams, normalise, simplify

# A title or a line has about this many characters; the background counts as this many rows of that length.
_BACKGROUND_ROWS = 100
_BACKGROUND_LENGTH = 15
# Two characters side by side are rarer than either: the share of the rarer one's occurrences that a pair gets.
_PAIR_SHARE = 0.02
# A pair of characters repeats what its two characters already say, so it weighs less (measured: benchmarks/clip_queries.py).
_PAIR_WEIGHT = 0.2
_K1, _B = 1.2, 0.75


@dataclass(frozen=True)
class Query:
    """`text` is what the person typed, normalised; `encoder_text` what a text encoder reads; `tokens` are distinct n-grams."""

    text: str
    encoder_text: str
    tokens: tuple[str, ...]

    @property
    def words(self) -> frozenset[str]:
        """The tokens that are more than one character of an unspaced script: pairs, and words of other scripts."""
        return frozenset(token for token in self.tokens if _is_pair(token) or token.isascii() or len(token) > 1)

    @classmethod
    def parse(cls, text: str) -> Query:
        clean = normalise(text)
        return cls(text=clean, encoder_text=simplify(clean), tokens=tuple(dict.fromkeys(ngrams(clean))))


class WordScorer:
    """Scores the text of a row against a query by BM25, with document frequencies smoothed by Chinese at large.

    rows: the number of rows of the channel; document_frequency: token -> how many of them hold it.
    The background counts as 100 more rows, so a library of ten videos ranks by what words mean in general and one of a
    million by its own statistics. Source of the formula: Robertson and Zaragoza, "The Probabilistic Relevance
    Framework: BM25 and Beyond" (2009), k1 = 1.2, b = 0.75.
    """

    def __init__(
        self, query: Query, *, rows: int, document_frequency: Mapping[str, int], average_length: float
    ) -> None:
        self._average_length = max(average_length, 1.0)
        background = _background_rows(query.tokens)
        self.information = {
            token: _pair_weight(token)
            * _inverse_frequency(document_frequency.get(token, 0) + background[token], rows + _BACKGROUND_ROWS)
            for token in query.tokens
        }
        self.total = sum(self.information.values())

    def held(self, text: str) -> Counter[str]:
        """How often the text holds each token of the query."""
        tokens = ngrams(text)
        return Counter({token: tokens.count(token) for token in self.information.keys() & set(tokens)})

    def score(self, text: str) -> float:
        norm = _K1 * (1 - _B + _B * len(ngrams(text)) / self._average_length)
        return sum(self.information[t] * n * (_K1 + 1) / (n + norm) for t, n in self.held(text).items())

    def coverage(self, tokens: Iterable[str]) -> float:
        """The share (0..1) of the query's information that these of its tokens carry."""
        return self.worth(tokens) / self.total if self.total else 0.0

    def worth(self, tokens: Iterable[str]) -> float:
        """The information (nats) of these tokens of the query."""
        return sum(self.information[token] for token in tokens)


def _is_pair(token: str) -> bool:
    return len(token) == 2 and not token.isascii()


def _pair_weight(token: str) -> float:
    return _PAIR_WEIGHT if _is_pair(token) else 1.0


def _inverse_frequency(rows_with_token: float, rows: float) -> float:
    return math.log(1 + (rows - rows_with_token + 0.5) / (rows_with_token + 0.5))


def _background_rows(tokens: Collection[str]) -> dict[str, float]:
    """How many of the background's rows would hold each token."""
    probabilities = character_probabilities({c for token in tokens if not token.isascii() for c in token})

    def probability(token: str) -> float:
        if token.isascii():
            return 0.0
        rarest = min(probabilities[c] for c in token)
        return rarest * _PAIR_SHARE if _is_pair(token) else rarest

    return {t: _BACKGROUND_ROWS * (1 - (1 - probability(t)) ** _BACKGROUND_LENGTH) for t in tokens}
