"""Scores changed after the fact by looking at other queries: never reported as the plain score."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.evaluation.scores import ScoreMatrix

DUAL_SOFTMAX_NOTE = "uses all test queries at once: a search engine, which sees one query, cannot do this"
QUERY_BANK_NOTE = "uses a bank of other queries to weigh down videos that many texts are near to"
Floats = NDArray[np.float64]


def dual_softmax(similarity: Any, *, temperature: float) -> Floats:
    """Logarithm of the product of the softmax over items and the softmax over queries, [Q, N].

    An item that is near to many queries loses; so does, in the other direction, a query near to many items. Kept as a
    logarithm so that small probabilities do not become ties at 0, and so that negative scores keep their order, which a
    product of scores and probabilities loses. similarity: [Q, N]; temperature: above 0, that of the training loss.
    Raises ValueError for a NaN or infinite score.
    """
    scaled = _finite(similarity) / _positive(temperature)
    over_items = _log_sum_exp(scaled, axis=1)[:, None]
    over_queries = _log_sum_exp(scaled, axis=0)[None, :]
    return 2 * scaled - over_items - over_queries


def qb_norm(similarity: Any, bank: Any, *, temperature: float = 0.05, activated: int = 1) -> Floats:
    """Query bank normalisation with a dynamic inverted softmax, [Q, N], for ranking items (rows) only.

    similarity: [Q, N]; bank: [B, N], scores of other queries, never of the test set, for the same items. An item is
    active when it is among the first `activated` of a bank query. A query whose first item is active is ranked by
    s / temperature - log sum over the bank of exp(bank / temperature), another by its plain scores: rows are then not
    comparable with each other. Raises ValueError for different numbers of items and for NaN or infinite scores.
    Source: QB-Norm (CVPR 2022), with 1 / temperature = 20 as published, in logarithms.
    """
    scores, known = _finite(similarity), _finite(bank)
    if scores.shape[1] != known.shape[1]:
        raise ValueError(f"the bank scores {known.shape[1]} items, but similarity has {scores.shape[1]}")
    if not 1 <= activated <= scores.shape[1]:
        raise ValueError(f"activated is {activated}: it must be from 1 to the number of items, {scores.shape[1]}")
    first = np.argpartition(-known, activated - 1, axis=1)[:, :activated]
    active = np.zeros(scores.shape[1], dtype=bool)
    active[first] = True
    popularity = _log_sum_exp(known / _positive(temperature), axis=0)
    changed = active[scores.argmax(axis=1)]
    scores[changed] = scores[changed] / temperature - popularity
    return scores


def _finite(similarity: Any) -> Floats:
    """A copy in float64."""
    matrix = ScoreMatrix(similarity)
    scores = np.empty(matrix.shape)
    for start, block in matrix.blocks():
        if not np.isfinite(block).all():
            raise ValueError("similarity holds infinite scores: a softmax needs finite ones")
        scores[start : start + len(block)] = block
    return scores


def _positive(temperature: float) -> float:
    if not 0 < temperature < np.inf:
        raise ValueError(f"the temperature is {temperature}: it must be above 0")
    return temperature


def _log_sum_exp(values: Floats, *, axis: int) -> Floats:
    highest = values.max(axis=axis, keepdims=True)
    return np.log(np.exp(values - highest).sum(axis=axis)) + highest.squeeze(axis)
