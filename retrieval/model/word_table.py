"""The table of significant words that goes with a model: mined from its training texts, kept in a file beside its weights."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from retrieval.errors import ModelError
from retrieval.model.significance import (
    Span,
    Tagger,
    WordStatistics,
    content_words,
    place_words,
    significant_words,
    word_at,
)

WORDS_NAME = "significant_words.json"
CONTENT, OTHER = 2.0, 1.0       # weights of tokens in the token-wise score
COMMON_SHARE = 0.5              # a word that more of the texts hold says little about any of them


@dataclass(frozen=True, kw_only=True)
class TextSignificance:
    """What the tokens of one text are, [L] each.

    significant: part of a word of the table. word_numbers: of the noun, verb or attribute that the token is part of, from
    0 in reading order, -1 = of none. weights: what the token weighs in the token-wise score.
    """

    significant: list[bool]
    word_numbers: list[int]
    weights: list[float]


@dataclass(frozen=True, kw_only=True)
class WordTable:
    """The significant words of a corpus, the most frequent first; texts: how many it has."""

    texts: int
    words: Mapping[str, WordStatistics]

    def significance(self, text: str, spans: Sequence[Span], *, tagger: Tagger | None = None) -> TextSignificance:
        """What each token of a text is; text: as the tokenizer read it, spans: of its tokens in that text.

        A token of a noun, verb or attribute weighs double, as long as the corpus does not hold that word in most of its
        texts. tagger: None = `content_words`. Source: text attention of DMAE (ACM MM 2023), with words found by their place.
        """
        placed = place_words(text, tagger or content_words)
        words = [word for word, part, _ in placed if part is not None]
        places = [span for _, part, span in placed if part is not None]
        numbers = [word_at(span, places) for span in spans]
        heavy = [not self._is_common(word) for word in words]
        known = [word in self.words for word in words]
        return TextSignificance(
            significant=[number >= 0 and known[number] for number in numbers],
            word_numbers=numbers,
            weights=[CONTENT if number >= 0 and heavy[number] else OTHER for number in numbers],
        )

    def save(self, path: Path) -> None:
        """Write the table as JSON. Raises OSError."""
        content = {"texts": self.texts, "words": {word: asdict(found) for word, found in self.words.items()}}
        path.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")

    def _is_common(self, word: str) -> bool:
        found = self.words.get(word)
        return found is not None and found.document_frequency > COMMON_SHARE * self.texts


def mine_words(texts: Iterable[str], *, top: int = 3000, tagger: Tagger | None = None) -> WordTable:
    """The table of a corpus: its `significant_words`, and how many texts it has."""
    count = 0

    def counted() -> Iterator[str]:
        nonlocal count
        for text in texts:
            count += 1
            yield text

    words = significant_words(counted(), top=top, tagger=tagger)
    return WordTable(texts=count, words=words)


def load_words(path: Path) -> WordTable:
    """Read a table. Raises ModelError when it is not there or no such table."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        words = {word: WordStatistics(**found) for word, found in content["words"].items()}
        return WordTable(texts=int(content["texts"]), words=words)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"The table of significant words {path} is missing or damaged ({type(error).__name__}): fetch the model again."
        ) from error
