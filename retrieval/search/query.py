"""A query, and how much each of its tokens says."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from retrieval.search.background import character_probabilities, word_probability
from retrieval.text import (
    count_of_ngrams,
    fold,
    is_pair,
    is_unspaced,
    ngrams,
    ngrams_of_folded,
    normalise,
    simplify,
)

# A title or a line has about this many characters; the background counts as this many rows of that length.
_BACKGROUND_ROWS = 100
_BACKGROUND_LENGTH = 15
# Two characters side by side are rarer than either: the share of the rarer one's occurrences that a pair gets.
_PAIR_SHARE = 0.02
# A pair of characters repeats what its two characters already say, so it weighs less (measured: benchmarks/clip_queries.py).
_PAIR_WEIGHT = 0.2
# A row that holds a phrase of the query as it stands is worth this share of the phrase's information more.
_PHRASE_SHARE = 0.5
# A longer word that begins with a word of the query counts as so much of it: "compl" for "compliment".
_PREFIX_COUNT = 0.5
_K1, _B = 1.2, 0.75
_BREAK = re.compile(r"\s+|(?<![0-9a-z])[^\w\s]+|[^\w\s]+(?![0-9a-z])")


@dataclass(frozen=True)
class Query:
    """`text` is what the person typed, normalised; `encoder_text` what a text encoder reads; `tokens` are distinct n-grams."""

    text: str
    encoder_text: str
    tokens: tuple[str, ...]

    @property
    def pieces(self) -> tuple[str, ...]:
        """What stands between spaces and punctuation, folded; a sign inside a word or number stays: 5.3, don't."""
        return tuple(piece for piece in _BREAK.split(fold(self.text)) if piece)

    def with_pieces(self, other: Mapping[str, str]) -> str:
        """The folded text with some of its pieces replaced."""
        return "".join(other.get(part, part) for part in re.split(f"({_BREAK.pattern})", fold(self.text)))

    @property
    def phrases(self) -> tuple[str, ...]:
        """The pieces that are more than one token."""
        return tuple(piece for piece in self.pieces if len(ngrams_of_folded(piece)) > 1)

    @classmethod
    def parse(cls, text: str) -> Query:
        clean = normalise(text)
        return cls(text=clean, encoder_text=simplify(clean), tokens=tuple(dict.fromkeys(ngrams(clean))))


class WordScorer:
    """Scores the text of a row against a query by BM25, with document frequencies smoothed by Chinese at large.

    rows: the number of rows of the channel; document_frequency: token -> how many of them hold it.
    The background counts as 100 more rows, so a library of ten videos ranks by what words mean in general and one of a
    million by its own statistics. `language` is what the background alone says of each token, in nats.
    Source of the formula: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009),
    k1 = 1.2, b = 0.75.
    """

    def __init__(
        self, query: Query, *, rows: int, document_frequency: Mapping[str, int], average_length: float
    ) -> None:
        self._average_length = max(average_length, 1.0)
        background = _background_rows(query.tokens)
        self.language = _language(background)
        self.information = {
            token: _pair_weight(token)
            * _inverse_frequency(document_frequency.get(token, 0) + background[token], rows + _BACKGROUND_ROWS)
            for token in query.tokens
        }
        self.total = sum(self.information.values())
        self._known: dict[frozenset[str], tuple[float, float]] = {}     # information and share of what rows held so far
        self._prefixes = {token for token in query.tokens if len(token) >= 2 and token.isalpha() and not is_pair(token)}
        self._stands_alone = all(map(is_unspaced, query.tokens))
        self._doubled = [token for token in query.tokens if is_pair(token) and token[0] == token[1]]
        self._phrases = {
            phrase: _PHRASE_SHARE * sum(self.information.get(token, 0.0) for token in set(ngrams_of_folded(phrase)))
            for phrase in query.phrases
        }

    def read(self, text: str) -> Reading:
        """How well the text of a row answers."""
        return self.read_folded(fold(text))

    def read_folded(self, folded: str, *, length: int | None = None) -> Reading:
        """The same of a text that is folded already; length: how many n-grams it has, None = they are counted."""
        counts = self._counted(folded) if self._stands_alone else self._held(Counter(ngrams_of_folded(folded)))
        length = count_of_ngrams(folded) if length is None else length
        norm = _K1 * (1 - _B + _B * length / self._average_length)
        score = 0.0
        for token, n in counts.items():
            score += self.information[token] * n * (_K1 + 1) / (n + norm)
        for phrase, bonus in self._phrases.items():
            if phrase in folded:
                score += bonus
        held = frozenset(counts)
        if held not in self._known:
            self._known[held] = (sum(self.information[token] for token in counts), self.share(counts))
        return Reading(score, held, *self._known[held])

    def share(self, tokens: Collection[str]) -> float:
        """The share (0..1) of the query's information that these tokens of it hold."""
        return sum(self.information[token] for token in tokens) / self.total if self.total else 0.0

    def _counted(self, folded: str) -> dict[str, float]:
        """`_held` where every token of the query stands wherever it occurs: nothing need be cut into tokens."""
        counts = {token: float(folded.count(token)) for token in self.information if token in folded}
        for pair in self._doubled:
            if pair in counts:
                counts[pair] = float(sum(folded.startswith(pair, place) for place in range(len(folded) - 1)))
        return counts

    def _held(self, counts: Counter[str]) -> dict[str, float]:
        """How often a row with these tokens holds each token of the query."""
        held: dict[str, float] = {token: counts[token] for token in self.information if token in counts}
        for word in self._prefixes - held.keys():
            longer = sum(n for token, n in counts.items() if token.startswith(word))
            if longer:
                held[word] = _PREFIX_COUNT * longer
        return held


class Reading(NamedTuple):
    """`information` (nats) and `coverage` (0..1, its share of the query's) belong to the tokens in `held`."""

    score: float
    held: frozenset[str]
    information: float
    coverage: float


def language_information(tokens: Collection[str]) -> dict[str, float]:
    """What each token says in language at large, in nats."""
    return _language(_background_rows(tokens))


def _language(background: Mapping[str, float]) -> dict[str, float]:
    return {token: _inverse_frequency(rows, _BACKGROUND_ROWS) for token, rows in background.items()}


def _pair_weight(token: str) -> float:
    return _PAIR_WEIGHT if is_pair(token) else 1.0


def _inverse_frequency(rows_with_token: float, rows: float) -> float:
    return math.log(1 + (rows - rows_with_token + 0.5) / (rows_with_token + 0.5))


def _background_rows(tokens: Collection[str]) -> dict[str, float]:
    """How many of the background's rows would hold each token."""
    probabilities = character_probabilities({c for token in tokens if not token.isascii() for c in token})

    def probability(token: str) -> float:
        if token.isascii() or word_probability(token):
            return word_probability(token)
        rarest = min(probabilities[c] for c in token)
        return rarest * _PAIR_SHARE if is_pair(token) else rarest

    return {t: _BACKGROUND_ROWS * (1 - (1 - probability(t)) ** _BACKGROUND_LENGTH) for t in tokens}
