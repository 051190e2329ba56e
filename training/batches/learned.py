"""Which tokens a model will have learned: those that the texts of its training set are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data_pipeline.corpus.errors import CorpusError
from retrieval.errors import InputError
from training.batches.choosing import text_weights
from training.batches.samples import Samples
from training.batches.tokens import TextReader
from training.recipe import TextWeights

_READ = 50_000      # samples, evenly spread: a token that none of so many holds is not learned from the others either


def tokens_in(samples: Samples, weights: Sequence[TextWeights], reader: TextReader) -> frozenset[int]:
    """The tokens of every text that training may show; weights: of the stages of a recipe.

    A sample that cannot be read, and a text with nothing readable in it, is left out here and named when its turn comes.
    """
    found: set[int] = set()
    for number in np.linspace(0, len(samples) - 1, min(_READ, len(samples))).round().astype(int):
        try:
            texts = samples[int(number)].texts
        except CorpusError:
            continue
        for text in texts:
            if any(text_weights([text], stage)[0] for stage in weights):
                try:
                    found.update(reader.read(text["text"]).ids)
                except InputError:
                    continue
    return frozenset(found)
