"""Where in a text the words of a query stand, for marking them."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from functools import lru_cache

from retrieval.text import fold, is_unspaced


def marks(text: str, held: Collection[str]) -> list[list[int]]:
    """[start, end) of what to mark, in characters of `text`, in order and apart.

    held: the tokens of the query that the text holds, folded. A single character that is part of a longer token which
    is held too is marked only as part of that: 的 of 你的 says nothing anywhere else.
    """
    tokens = [token for token in held if len(token) > 1 or not any(token in other for other in held if other != token)]
    folded, origin = _folded_by_character(text)
    found = sorted(span for token in tokens for span in _spans(folded, token))
    merged: list[list[int]] = []
    for start, end in found:
        first, last = origin[start], origin[end - 1] + 1
        while last < len(text) and unicodedata.combining(text[last]):       # no letter is cut off from its accent
            last += 1
        if merged and first <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    return merged


def _folded_by_character(text: str) -> tuple[str, Sequence[int]]:
    """The folded text, and for each of its characters which of the text's it comes from. Spaces stay."""
    parts = list(map(_folded, text))
    folded = "".join(parts)
    if len(folded) == len(text) and "" not in parts:        # as nearly always: each is one character
        return folded, range(len(text))
    return folded, [place for place, part in enumerate(parts) for _ in part]


@lru_cache(maxsize=1 << 15)     # an answer holds thousands of characters, and most of them again and again
def _folded(character: str) -> str:
    return " " if character.isspace() else fold(character)


def _spans(folded: str, token: str) -> list[tuple[int, int]]:
    """Every occurrence; of a word with spaces around it, only where a word begins."""
    spans = []
    at = folded.find(token)
    while at >= 0:
        inside = at > 0 and not is_unspaced(token) and folded[at - 1].isalnum() and not is_unspaced(folded[at - 1])
        if not inside or folded[at - 1].isdigit() != token[0].isdigit():
            spans.append((at, at + len(token)))
        at = folded.find(token, at + 1)
    return spans
