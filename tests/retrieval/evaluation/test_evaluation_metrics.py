"""Figures equal what a plain reference finds by trying every order of tied items."""

from __future__ import annotations

import itertools
import random
import statistics

import numpy as np
import pytest
import torch

from retrieval.evaluation.bootstrap import weighted_medians
from retrieval.evaluation.judgements import Judgements
from retrieval.evaluation.metrics import grouped_video_to_text, retrieval_metrics, two_way_metrics


def first_relevant_ranks(scores, relevant):
    """The rank of the first relevant item in every order that the scores allow."""
    levels = sorted(set(scores), reverse=True)
    blocks = [[item for item, score in enumerate(scores) if score == level] for level in levels]
    ranks = []
    for orders in itertools.product(*(list(itertools.permutations(block)) for block in blocks)):
        ranking = list(itertools.chain(*orders))
        ranks.append(1 + min(ranking.index(item) for item in relevant))
    return ranks


def reference(similarity, relevant):
    ranks = [first_relevant_ranks(list(row), one) for row, one in zip(similarity, relevant, strict=True)]
    recall = {k: 100 * statistics.mean(statistics.mean(r <= k for r in one) for one in ranks) for k in (1, 5, 10)}
    expected = [statistics.mean(one) for one in ranks]
    return {
        "recall_at_1": recall[1],
        "recall_at_5": recall[5],
        "recall_at_10": recall[10],
        "r_sum": sum(recall.values()),
        "median_rank": statistics.median(expected),
        "mean_rank": statistics.mean(expected),
        "mean_reciprocal_rank": statistics.mean(statistics.mean(1 / r for r in one) for one in ranks),
    }


@pytest.mark.parametrize("seed", range(30))
def test_every_figure_is_its_mean_over_all_orders_of_tied_items(seed):
    chance = random.Random(seed)
    queries, items = chance.randint(1, 5), chance.randint(1, 7)
    similarity = [[chance.randint(0, 2) / 2 for _ in range(items)] for _ in range(queries)]
    relevant = [set(chance.sample(range(items), chance.randint(1, items))) for _ in range(queries)]

    metrics = retrieval_metrics(np.array(similarity), relevant)

    assert metrics.figures() == pytest.approx(reference(similarity, relevant), abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_video_to_text_is_text_to_video_of_the_transposed_matrix(seed):
    chance = random.Random(100 + seed)
    queries, items = 5, 4
    similarity = np.array([[chance.randint(0, 3) / 4 for _ in range(items)] for _ in range(queries)])
    relevant = [set(chance.sample(range(items), chance.randint(1, 2))) for _ in range(queries)]
    asked = [{q for q in range(queries) if v in relevant[q]} for v in range(items)]
    kept = [v for v in range(items) if asked[v]]

    both = two_way_metrics(similarity, relevant)

    assert both.text_to_video.figures() == pytest.approx(reference(similarity, relevant))
    assert both.video_to_text.figures() == pytest.approx(reference(similarity.T[kept], [asked[v] for v in kept]))
    assert both.videos_without_text == items - len(kept)
    assert both.r_sum == pytest.approx(both.text_to_video.r_sum + both.video_to_text.r_sum)


def test_when_all_scores_are_tied_one_of_ten_comes_first_by_chance():
    metrics = retrieval_metrics(np.zeros((10, 10)))

    assert metrics.recall_at_1 == 10
    assert metrics.recall_at_5 == 50
    assert metrics.recall_at_10 == 100
    assert metrics.median_rank == metrics.mean_rank == 5.5


def test_a_tied_item_has_the_mean_of_its_ranks():
    assert retrieval_metrics([[0.9, 0.5, 0.5, 0.5, 0.1]], [{2}]).mean_rank == 3
    assert retrieval_metrics([[0.5, 0.5]], [{0, 1}]).mean_rank == 1


def test_the_best_of_several_relevant_items_counts():
    assert retrieval_metrics([[0.1, 0.9, 0.5, 0.7]], [{0, 2}]).mean_rank == 3


def test_an_item_judged_irrelevant_is_an_item_like_others():
    assert retrieval_metrics([[0.9, 0.5, 0.7]], [{0: 0, 1: 2, 2: 0}]).mean_rank == 3


def test_rows_of_many_blocks_count_as_one_matrix(monkeypatch):
    monkeypatch.setattr("retrieval.evaluation.scores.BLOCK_SCORES", 7)
    similarity = np.random.default_rng(1).integers(0, 4, (23, 5)).astype(float)
    relevant = [{q % 5, (q * q) % 5} for q in range(23)]
    metrics = two_way_metrics(similarity, relevant)
    monkeypatch.undo()
    whole = two_way_metrics(similarity, relevant)

    assert metrics.text_to_video == whole.text_to_video
    assert metrics.video_to_text == whole.video_to_text


def test_figures_do_not_change_under_an_increasing_function_of_the_scores():
    similarity = np.random.default_rng(2).standard_normal((40, 40))
    assert retrieval_metrics(similarity) == retrieval_metrics(np.exp(3 * similarity) - 5)


def test_figures_do_not_change_with_the_order_of_the_items():
    chance = np.random.default_rng(3)
    similarity = chance.integers(0, 5, (20, 20)).astype(float)
    order = chance.permutation(20)
    moved = [{int(np.flatnonzero(order == q)[0])} for q in range(20)]
    assert retrieval_metrics(similarity) == retrieval_metrics(similarity[:, order], moved)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_arrays_of_any_float_type_are_compared_as_they_are(dtype):
    similarity = np.random.default_rng(4).standard_normal((30, 30)).astype(dtype)
    assert retrieval_metrics(similarity) == retrieval_metrics(similarity.astype(np.float64))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_tensors_of_any_float_type_are_compared_as_they_are(dtype):
    similarity = torch.randn(30, 30, generator=torch.Generator().manual_seed(5)).to(dtype).requires_grad_()
    assert retrieval_metrics(similarity) == retrieval_metrics(similarity.detach().double().numpy())


def test_scores_rounded_to_bfloat16_stay_between_the_luckiest_and_the_unluckiest_order():
    generator = torch.Generator().manual_seed(6)
    exact = 0.5 + 0.02 * torch.randn(400, 400, generator=generator) + 0.08 * torch.eye(400)
    rounded = exact.bfloat16()
    own = rounded.diagonal()[:, None]
    ahead, not_below = (rounded > own).sum(1), (rounded >= own).sum(1)
    unlucky, lucky = (100 * float((count == 0).double().mean()) for count in (not_below - 1, ahead))
    assert unlucky < lucky
    assert unlucky < retrieval_metrics(rounded).recall_at_1 < lucky


def test_infinite_scores_compare_like_others():
    metrics = retrieval_metrics([[np.inf, 1.0, -np.inf], [2.0, -np.inf, -np.inf]], [{0}, {1}])
    assert list(metrics.ranks.expected_rank()) == [1, 2.5]


def test_one_query_is_enough():
    metrics = retrieval_metrics([[0.3]])
    assert metrics.recall_at_1 == 100
    assert metrics.intervals["recall_at_1"] == (100, 100)


@pytest.mark.parametrize(
    ("similarity", "relevant", "message"),
    [
        ([[0.1, float("nan")], [0.2, 0.3]], None, "NaN for query 0 and item 1"),
        (torch.tensor([[0.1, 0.3], [float("nan"), 0.3]], dtype=torch.bfloat16), None, "NaN for query 1 and item 0"),
        ([[float("inf"), float("-inf")], [float("nan"), 0.3]], None, "NaN for query 1"),
        ([[0.1, 0.2]], [set()], "query 0 has no relevant item"),
        ([[0.1, 0.2]], [{1: 0.0}], "query 0 has no relevant item"),
        ([[0.1, 0.2]], [{2}], "item 2, but the items are 0 to 1"),
        ([[0.1, 0.2]], [{-1}], "item -1"),
        ([[0.1, 0.2]], [{0.5}], "not a set of column ids"),
        ([[0.1, 0.2]], [{True}], "not a set of column ids"),
        ([[0.1, 0.2]], [1], "not a set of column ids"),
        ([[0.1, 0.2]], ["1"], "not a set of column ids"),
        ([[0.1, 0.2]], [{1: float("nan")}], "not a number from 0 up"),
        ([[0.1, 0.2]], [{0}, {1}], "1 queries, but judgements for 2"),
        ([[0.1, 0.2], [0.3, 0.4]], np.eye(2), "relevant is a matrix"),
        ([[0.1, 0.2]], None, "as many items as queries"),
        ([0.1, 0.2], None, "must be a matrix"),
        ([[0.1], [0.2, 0.3]], None, "different lengths"),
        (np.zeros((0, 5)), [], "at least one query"),
        (np.zeros((5, 0)), [], "at least one query"),
        (np.zeros((2, 2), dtype=complex), None, "real numbers"),
        (np.array([["a"]]), None, "real numbers"),
    ],
)
def test_what_has_no_honest_figure_is_refused(similarity, relevant, message):
    with pytest.raises(ValueError, match=message):
        retrieval_metrics(similarity, relevant)


def test_intervals_are_the_same_every_time_and_hold_the_figure():
    similarity = np.random.default_rng(7).standard_normal((200, 200)) + 2 * np.eye(200)
    metrics = retrieval_metrics(similarity)
    again = retrieval_metrics(similarity)

    assert metrics.intervals == again.intervals
    assert set(metrics.intervals) == set(metrics.figures())
    for name, value in metrics.figures().items():
        low, high = metrics.intervals[name]
        assert low < value < high or name == "median_rank"


@pytest.mark.parametrize("total", [1, 2, 5, 6])
def test_the_median_of_weighted_values_is_that_of_the_values_written_out(total):
    values = np.array([1.0, 2.5, 4.0, 9.0])
    weights = np.random.default_rng(total).multinomial(total, [0.25] * 4, size=50)
    written_out = [np.median(np.repeat(values, row)) for row in weights]
    assert list(weighted_medians(values, weights)) == written_out


@pytest.mark.parametrize(("levels", "signal"), [(30, 12), (4, 2)])
def test_intervals_are_those_of_drawing_queries_one_by_one(levels, signal):
    similarity = np.random.default_rng(8).integers(0, levels, (300, 300)) + signal * np.eye(300)
    metrics = retrieval_metrics(similarity)
    hits, ranks = 100 * metrics.ranks.hit_probability(1), metrics.ranks.expected_rank()
    chance = np.random.default_rng(9)
    samples = [chance.integers(0, 300, 300) for _ in range(20_000)]
    for name, plain in (
        ("recall_at_1", [hits[sample].mean() for sample in samples]),
        ("median_rank", [np.median(ranks[sample]) for sample in samples]),
        ("mean_rank", [ranks[sample].mean() for sample in samples]),
    ):
        low, high = np.percentile(plain, (2.5, 97.5))
        assert metrics.intervals[name] == pytest.approx((low, high), abs=0.1 * (high - low) + 0.2)


def test_captions_of_a_video_can_count_as_one_answer():
    # Two captions each; video 0's second caption is nearest to video 1, whose own captions come next.
    similarity = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.1, 0.6]])
    judgements = Judgements.of([{0}, {0}, {1}, {1}], (4, 2))

    grouped = grouped_video_to_text(similarity, judgements)

    assert grouped is not None
    assert list(grouped.ranks.expected_rank()) == [1, 2]
    assert grouped_video_to_text(np.eye(2), Judgements.diagonal(2)) is None
