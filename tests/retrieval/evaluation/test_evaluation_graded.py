"""Graded metrics equal their plain definitions, averaged over every order of tied items."""

from __future__ import annotations

import itertools
import math
import random
import statistics

import numpy as np
import pytest

from retrieval.evaluation.graded import graded_metrics


def rankings(scores):
    levels = sorted(set(scores), reverse=True)
    blocks = [[item for item, score in enumerate(scores) if score == level] for level in levels]
    for orders in itertools.product(*(list(itertools.permutations(block)) for block in blocks)):
        yield list(itertools.chain(*orders))


def dcg(gains, cutoff):
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains[:cutoff]))


def plain(ranking, grades, cutoff, gain):
    gains = [gain(grades.get(item, 0)) for item in ranking]
    relevant = [grades.get(item, 0) > 0 for item in ranking]
    precisions = [sum(relevant[: place + 1]) / (place + 1) for place, hit in enumerate(relevant) if hit]
    return (
        dcg(gains, cutoff) / dcg(sorted(gains, reverse=True), cutoff),
        sum(relevant[:cutoff]) / cutoff,
        sum(precisions) / sum(relevant),
    )


@pytest.mark.parametrize("gain", ["linear", "exponential"])
@pytest.mark.parametrize("seed", range(20))
def test_every_figure_is_its_mean_over_all_orders_of_tied_items(seed, gain):
    chance = random.Random(seed)
    items, cutoff = chance.randint(1, 7), chance.randint(1, 8)
    scores = [chance.randint(0, 2) for _ in range(items)]
    grades = {item: chance.randint(0, 3) for item in range(items)} | {0: 1}
    value = float if gain == "linear" else lambda grade: 2.0**grade - 1
    tried = [plain(ranking, grades, cutoff, value) for ranking in rankings(scores)]
    expected = [statistics.mean(column) for column in zip(*tried, strict=True)]

    metrics = graded_metrics(np.array([scores]), [grades], cutoff=cutoff, gain=gain)

    assert [metrics.ndcg[0], metrics.precision[0], metrics.average_precision[0]] == pytest.approx(expected)


def test_pairs_of_different_grades_are_counted_over_all_queries():
    # Query 0: 3 > 1 right, 3 > 0 tied, 1 > 0 wrong. Query 1: one pair, right. Items that are not listed do not count.
    similarity = np.array([[0.8, 0.1, 0.8, 0.9], [0.2, 0.4, 0.9, 0.9]])
    pairs = graded_metrics(similarity, [{0: 3, 1: 1, 2: 0}, {0: 0, 1: 1}]).pairs

    assert (pairs.concordant, pairs.discordant, pairs.tied) == (2, 1, 1)
    assert pairs.ratio == 2.5 / 1.5


@pytest.mark.parametrize("seed", range(10))
def test_pairs_equal_a_count_of_all_pairs(seed):
    chance = random.Random(seed)
    scores = [chance.randint(0, 4) for _ in range(12)]
    grades = {item: chance.randint(0, 3) for item in range(12)} | {0: 1}
    signs = [
        (grades[a] - grades[b]) * (scores[a] - scores[b])
        for a, b in itertools.combinations(range(12), 2)
        if grades[a] != grades[b]
    ]
    pairs = graded_metrics(np.array([scores]), [grades]).pairs
    counted = (sum(s > 0 for s in signs), sum(s < 0 for s in signs), sum(s == 0 for s in signs))
    assert (pairs.concordant, pairs.discordant, pairs.tied) == counted


def test_the_ratio_of_a_perfect_order_is_infinite_and_of_one_grade_unknown():
    assert graded_metrics([[0.9, 0.1]], [{0: 2, 1: 1}]).pairs.ratio == math.inf
    assert graded_metrics([[0.5, 0.5]], [{0: 2, 1: 1}]).pairs.ratio == 1
    assert graded_metrics([[0.9, 0.1]], [{0, 1}]).pairs.ratio is None


def test_means_are_in_percent_with_intervals_that_never_change():
    similarity = np.random.default_rng(0).standard_normal((60, 20))
    relevant = [{query % 20, (query * 7) % 20, (query + 3) % 20} for query in range(60)]
    metrics = graded_metrics(similarity, relevant)

    assert metrics.figures()["precision_at_10"] == pytest.approx(100 * metrics.precision.mean())
    for name, (low, high) in metrics.intervals.items():
        assert low < metrics.figures()[name] < high
    assert metrics.intervals == graded_metrics(similarity, relevant).intervals


def test_a_query_without_a_relevant_item_is_refused():
    with pytest.raises(ValueError, match="no relevant item"):
        graded_metrics([[0.1, 0.2]], [{0: 0, 1: 0}])
