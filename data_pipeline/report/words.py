"""What the kept texts are made of: parts of speech and the commonest words, counted in a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from retrieval.evaluation.parts_of_speech import PARTS, Part
from retrieval.model.significance import content_words
from retrieval.text import holds_chinese

_TOP = 80


def word_summary(texts: Iterable[str], *, characters: int) -> dict[str, Any]:
    """Parts of speech and top words of the first texts that have `characters` characters together, ready for JSON.

    Words of one letter are left out; a Chinese character is one. The size of the sample stands in the result.
    """
    words: dict[Part, Counter[str]] = {part: Counter() for part in PARTS}
    sampled = read = tokens = 0
    for text in texts:
        if read >= characters:
            break
        sampled, read = sampled + 1, read + len(text)
        for word, part in content_words(text):
            tokens += 1
            if part is not None and (len(word) > 1 or holds_chinese(word)):
                words[part][word] += 1
    return {
        "sample_texts": sampled, "sample_characters": read, "words": tokens,
        "parts": {part: counts.total() for part, counts in words.items()},
        "per_text": {part: round(counts.total() / sampled, 3) if sampled else 0.0 for part, counts in words.items()},
        "different": {part: len(counts) for part, counts in words.items()},
        "top": {part: dict(counts.most_common(_TOP)) for part, counts in words.items()},
    }  # fmt: skip
