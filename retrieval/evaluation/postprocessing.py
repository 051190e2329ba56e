"""Scores changed after the fact by looking at other queries: never reported as the plain score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.evaluation.scores import ScoreMatrix

DUAL_SOFTMAX_NOTE = "uses all test queries at once: a search engine, which sees one query, cannot do this"
QUERY_BANK_NOTE = "uses a bank of other queries to weigh down videos that many texts are near to"
QUERY_BANK_TEMPERATURE = 0.05
Floats = NDArray[np.float64]


class ChangedScores:
    """Scores that are computed row by row when they are read: a large matrix never lies in memory a second time.

    shape: [Q, N]. A slice of rows gives float64, as `ScoreMatrix` wants it.
    """

    def __init__(self, source: ScoreMatrix, change: Callable[[slice, Floats], Floats]) -> None:
        self.shape = source.shape
        self._source, self._change = source, change

    def __getitem__(self, rows: slice) -> Floats:
        start, stop, _ = rows.indices(self.shape[0])
        return self._change(slice(start, stop), _finite(self._source.rows(start, stop)))


def dual_softmax(similarity: Any, *, temperature: float) -> Floats:
    """`dual_softmax_scores` as one array, [Q, N]."""
    return _whole(dual_softmax_scores(similarity, temperature=temperature))


def qb_norm(
    similarity: Any, bank: Any, *, temperature: float = QUERY_BANK_TEMPERATURE, activated: int = 1
) -> Floats:
    """`qb_norm_scores` as one array, [Q, N]."""
    return _whole(qb_norm_scores(similarity, bank, temperature=temperature, activated=activated))


def dual_softmax_scores(similarity: Any, *, temperature: float) -> ChangedScores:
    """Logarithm of the product of the softmax over items and the softmax over queries, [Q, N].

    An item that is near to many queries loses; so does, in the other direction, a query near to many items. Kept as a
    logarithm so that small probabilities do not become ties at 0, and so that negative scores keep their order, which a
    product of scores and probabilities loses. similarity: [Q, N]; temperature: above 0, that of the training loss.
    Raises ValueError for a NaN or infinite score. Keeps a number for each query and item, beside the scores given.
    """
    matrix, temperature = ScoreMatrix(similarity), _positive(temperature)
    over_items, over_queries = np.empty(matrix.shape[0]), _ColumnLogSumExp(matrix.shape[1])
    for start, block in matrix.blocks():
        scaled = _finite(block) / temperature
        over_items[start : start + len(block)] = _log_sum_exp(scaled)
        over_queries.add(scaled)
    of_columns = over_queries.value()
    return ChangedScores(
        matrix, lambda rows, block: 2 * (block / temperature) - over_items[rows, None] - of_columns[None, :]
    )


def qb_norm_scores(
    similarity: Any, bank: Any, *, temperature: float = QUERY_BANK_TEMPERATURE, activated: int = 1
) -> ChangedScores:
    """Query bank normalisation with a dynamic inverted softmax, [Q, N], for ranking items (rows) only.

    similarity: [Q, N]; bank: [B, N], scores of other queries, never of the test set, for the same items. An item is
    active when it is among the first `activated` of a bank query. A query whose first item is active is ranked by
    s / temperature - log sum over the bank of exp(bank / temperature), another by its plain scores: rows are then not
    comparable with each other. Raises ValueError for different numbers of items and for NaN or infinite scores (those of
    `similarity` when they are read).
    Source: QB-Norm (CVPR 2022), with 1 / temperature = 20 as published, in logarithms.
    """
    scores, known, temperature = ScoreMatrix(similarity), ScoreMatrix(bank), _positive(temperature)
    items = scores.shape[1]
    if items != known.shape[1]:
        raise ValueError(f"the bank scores {known.shape[1]} items, but similarity has {items}")
    if not 1 <= activated <= items:
        raise ValueError(f"activated is {activated}: it must be from 1 to the number of items, {items}")
    active, over_bank = np.zeros(items, dtype=bool), _ColumnLogSumExp(items)
    try:
        for _, block in known.blocks():
            over_bank.add(_finite(block) / temperature)
            active[np.argpartition(-block, activated - 1, axis=1)[:, :activated]] = True
    except ValueError as error:
        raise ValueError(f"in the query bank, {error}") from error
    popularity = over_bank.value()

    def changed(_: slice, block: Floats) -> Floats:
        return np.where(active[block.argmax(axis=1)][:, None], block / temperature - popularity, block)

    return ChangedScores(scores, changed)


def _whole(scores: ChangedScores) -> Floats:
    whole = np.empty(scores.shape)
    for start, block in ScoreMatrix(scores).blocks():
        whole[start : start + len(block)] = block
    return whole


def _finite(block: Floats) -> Floats:
    """The block itself; a NaN is left for `ScoreMatrix.blocks`, which says where it is."""
    if np.isinf(block).any():
        raise ValueError("similarity holds infinite scores: a softmax needs finite ones")
    return block


def _positive(temperature: float) -> float:
    if not 0 < temperature < np.inf:
        raise ValueError(f"the temperature is {temperature}: it must be above 0")
    return temperature


def _log_sum_exp(rows: Floats) -> Floats:
    """[Q] over the items of each row."""
    highest = rows.max(axis=1, keepdims=True)
    return np.log(np.exp(rows - highest).sum(axis=1)) + highest[:, 0]


class _ColumnLogSumExp:
    """log sum exp of each column, of rows that come block by block."""

    def __init__(self, columns: int) -> None:
        self._highest = np.full(columns, -np.inf)
        self._sum = np.zeros(columns)

    def add(self, rows: Floats) -> None:
        highest = np.maximum(self._highest, rows.max(axis=0))
        self._sum = self._sum * np.exp(self._highest - highest) + np.exp(rows - highest).sum(axis=0)
        self._highest = highest

    def value(self) -> Floats:
        return np.log(self._sum) + self._highest
