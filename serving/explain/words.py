"""From the pieces that a tokenizer makes of a text back to the words that a person typed."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Span = tuple[int, int]      # [start, stop) in characters; start = stop: no character of its own

_CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
_UNCUT = re.compile(r"\S+")
_OTHER_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*|\S")


def group_pieces(text: str, pieces: Sequence[str]) -> list[tuple[str, list[int]]]:
    """The words of a text in reading order, each with the numbers of the pieces that it was read as.

    text: normalised; pieces: what its tokens stand for, in order, as `TextVectors.pieces` has them. Chinese is cut by
    jieba, all else where it was typed apart. A piece that reaches over a border of words joins both; one without a
    character of its own (a space, an unknown sign) belongs to the word that stands there; several for one character
    belong to it together. A word that no piece stands for is left out.
    """
    if not pieces:
        return []
    spans = _spans_of_pieces(text, pieces)
    crossed = {border for start, stop in spans for border in range(start + 1, stop)}
    starts = [start for start, _ in _spans_of_words(text) if start not in crossed] or [0]
    stops = [*starts[1:], len(text)]
    members: list[list[int]] = [[] for _ in starts]
    for number, (start, _) in enumerate(spans):
        members[max(sum(first <= start for first in starts) - 1, 0)].append(number)
    words = zip(starts, stops, members, strict=True)
    return [(text[start:stop].strip(), own) for start, stop, own in words if own]


def word_similarity(groups: Sequence[tuple[str, list[int]]], similarity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Words × frames: the mean over the pieces of each word; similarity [pieces, F] -> [words, F]."""
    import numpy as np

    return np.stack([similarity[own].mean(axis=0) for _, own in groups])


def _spans_of_words(text: str) -> list[Span]:
    spans = []
    for chunk in _UNCUT.finditer(text):
        if _CHINESE.search(chunk.group()):
            start = chunk.start()
            for word in _jieba().cut(chunk.group()):
                spans.append((start, start + len(word)))
                start += len(word)
        else:
            found = _OTHER_WORD.finditer(chunk.group())
            spans += [(chunk.start() + word.start(), chunk.start() + word.end()) for word in found]
    return spans


def _spans_of_pieces(text: str, pieces: Sequence[str]) -> list[Span]:
    folded = _folded(text)
    spans: list[Span] = []
    cursor = 0
    for piece, run in groupby(map(_folded, pieces)):
        count = sum(1 for _ in run)
        found = _occurrences(folded, piece, cursor, most=count)
        # The bytes of one character are as many equal pieces: they are shared out over its occurrences.
        spans += [found[number * len(found) // count] for number in range(count)]
        cursor = found[-1][1]
    return spans


def _occurrences(text: str, piece: str, cursor: int, *, most: int) -> list[Span]:
    """Where a piece stands at or after the cursor, and again right behind; an empty span at the cursor if nowhere."""
    cursor = _behind_space(text, cursor)
    first = text.find(piece, cursor) if piece else -1
    if first < 0:
        return [(cursor, cursor)]
    spans = [(first, first + len(piece))]
    while len(spans) < most and text.startswith(piece, again := _behind_space(text, spans[-1][1])):
        spans.append((again, again + len(piece)))
    return spans


def _behind_space(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _folded(text: str) -> str:
    """Lower case where that keeps the length: positions must stay those of the text."""
    return "".join(lower if len(lower := character.lower()) == 1 else character for character in text)


@lru_cache(maxsize=1)
def _jieba() -> Any:
    import jieba

    jieba.setLogLevel(logging.WARNING)
    return jieba
