"""Which queries go wrong: figures by length of the text, and by the nouns, verbs and attributes in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.evaluation.parts_of_speech import PARTS, Part, words_of
from retrieval.evaluation.ranking import QueryRanks

LENGTHS = ((1, 3), (4, 7), (8, 12), (13, 20), (21, None))
LEAST_QUERIES = 5
WORDS_SHOWN = 15


@dataclass(frozen=True, kw_only=True)
class Group:
    """Figures of the queries that share something; recalls in percent. A query may be in several groups."""

    name: str
    queries: int
    recall_at_1: float
    recall_at_10: float
    mean_rank: float


@dataclass(frozen=True, kw_only=True)
class Breakdown:
    """Groups by number of words, by which parts of speech a text has, and the words that occur most, by part of speech."""

    by_length: tuple[Group, ...]
    by_part: tuple[Group, ...]
    by_word: Mapping[Part, tuple[Group, ...]]


def breakdown(texts: Sequence[str], ranks: QueryRanks) -> Breakdown:
    """Group queries by their texts; texts and ranks in the same order. Words are shown from 5 queries on.

    Raises ValueError for different numbers of texts and ranks.
    """
    if len(texts) != len(ranks):
        raise ValueError(f"{len(texts)} texts and the ranks of {len(ranks)} queries")
    lengths: dict[str, list[int]] = {_length_name(low, high): [] for low, high in LENGTHS}
    parts: dict[str, list[int]] = {f"{has} {part}": [] for part in PARTS for has in ("with", "without")}
    words: dict[Part, dict[str, list[int]]] = {part: defaultdict(list) for part in PARTS}
    for query, text in enumerate(texts):
        tagged = words_of(text)
        lengths[_length_group(len(tagged))].append(query)
        for part in PARTS:
            found = {word for word, its_part in tagged if its_part == part}
            parts[f"{'with' if found else 'without'} {part}"].append(query)
            for word in found:
                words[part][word].append(query)
    figures = _Figures(ranks)
    return Breakdown(
        by_length=figures.groups(lengths),
        by_part=figures.groups(parts),
        by_word={part: figures.groups(_most_frequent(words[part])) for part in PARTS},
    )


class _Figures:
    def __init__(self, ranks: QueryRanks) -> None:
        self._first, self._ten = 100 * ranks.hit_probability(1), 100 * ranks.hit_probability(10)
        self._rank = ranks.expected_rank()

    def groups(self, members: Mapping[str, list[int]]) -> tuple[Group, ...]:
        return tuple(self._group(name, np.array(queries)) for name, queries in members.items() if queries)

    def _group(self, name: str, queries: np.ndarray) -> Group:
        return Group(
            name=name,
            queries=len(queries),
            recall_at_1=float(self._first[queries].mean()),
            recall_at_10=float(self._ten[queries].mean()),
            mean_rank=float(self._rank[queries].mean()),
        )


def _most_frequent(words: Mapping[str, list[int]]) -> dict[str, list[int]]:
    frequent = sorted(
        ((word, queries) for word, queries in words.items() if len(queries) >= LEAST_QUERIES),
        key=lambda entry: (-len(entry[1]), entry[0]),
    )
    return dict(frequent[:WORDS_SHOWN])


def _length_group(words: int) -> str:
    return next(_length_name(low, high) for low, high in LENGTHS if high is None or words <= high)


def _length_name(low: int, high: int | None) -> str:
    return f"{low} or more words" if high is None else f"{low}–{high} words"
