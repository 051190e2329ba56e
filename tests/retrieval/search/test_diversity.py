"""Maximal marginal relevance."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.search.diversity import maximal_marginal_relevance

RELEVANCE = {"a": 1.0, "a copy": 0.99, "b": 0.8, "c": 0.5}


def pick(count: int, trade_off: float, copies: set[frozenset[str]] = frozenset()) -> list[str]:  # type: ignore[assignment]
    return maximal_marginal_relevance(
        list(RELEVANCE),
        relevance=RELEVANCE.__getitem__,
        likeness_to=lambda y: np.array([1.0 if frozenset((x, y)) in copies else 0.0 for x in RELEVANCE]),
        count=count,
        trade_off=trade_off,
    )


def test_without_likeness_the_order_stays():
    assert pick(4, 0.7) == ["a", "a copy", "b", "c"]


def test_a_copy_steps_back_behind_what_is_different():
    assert pick(4, 0.5, {frozenset(("a", "a copy"))}) == ["a", "b", "c", "a copy"]


def test_trade_off_one_keeps_the_order_even_for_copies():
    assert pick(3, 1.0, {frozenset(("a", "a copy"))}) == ["a", "a copy", "b"]


def test_no_items_no_answer_and_a_wrong_trade_off_is_refused():
    assert (
        maximal_marginal_relevance([], relevance=lambda x: 1.0, likeness_to=lambda y: np.zeros(0), count=3, trade_off=0.5)
        == []
    )
    with pytest.raises(ValueError, match="trade_off"):
        pick(3, 1.5)
