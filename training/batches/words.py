"""The words that training texts are made of, and which clips hold them: each can be asked for on its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

import numpy as np
from torch import Tensor

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.samples import SampleText
from retrieval.evaluation.parts_of_speech import dictionary_words_of
from training.batches.samples import Samples
from training.batches.tokens import TokenRows
from training.recipe import Words

_READ = 20_000      # samples that the list of words is made of, evenly spread over all


@dataclass(frozen=True, kw_only=True)
class WordRows:
    """K words as texts of their own, and which clips of a batch hold them."""

    texts: TokenRows            # [K, L]
    held: Tensor                # bool [N, K], N clips of all processes


class WordList:
    """Nouns, verbs and attributes that enough samples hold, and not too many.

    Raises nothing for a sample that cannot be read: it is left out here and named when its turn comes.
    """

    def __init__(self, samples: Samples, settings: Words) -> None:
        numbers = np.linspace(0, len(samples) - 1, min(_READ, len(samples))).round().astype(int)
        counts: Counter[str] = Counter()
        read = 0
        for number in numbers:
            try:
                texts = samples[int(number)].texts
            except CorpusError:
                continue
            read += 1
            counts.update(words_in(texts, settings.languages))
        most = settings.most_share * read
        self._settings = settings
        self.words = sorted(word for word, count in counts.items() if settings.fewest <= count <= most)
        self._known = frozenset(self.words)

    def held(self, texts: Sequence[SampleText]) -> frozenset[str]:
        """The words of this list in any text of a sample."""
        return words_in(texts, self._settings.languages) & self._known

    def draw(self, held: Iterable[frozenset[str]], random: Random) -> list[str]:
        """Some of the words that these samples hold, as many as the recipe asks for, in the order of their letters."""
        found = sorted(frozenset().union(*held))
        return sorted(random.sample(found, min(self._settings.count, len(found))))


def words_in(texts: Sequence[SampleText], languages: Sequence[str]) -> frozenset[str]:
    """The nouns, verbs and attributes of texts in one of these languages."""
    return frozenset().union(*(_content_words(text["text"]) for text in texts if text["language"] in languages))


@lru_cache(maxsize=1_000_000)
def _content_words(text: str) -> frozenset[str]:
    return frozenset(word for word, part in dictionary_words_of(text) if part is not None)
