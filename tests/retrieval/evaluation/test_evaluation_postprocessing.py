"""Dual softmax and QB-Norm do what their formulas say and keep what the plain scores say where they must."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest

from retrieval.evaluation.metrics import retrieval_metrics, two_way_metrics
from retrieval.evaluation.postprocessing import dual_softmax, dual_softmax_scores, qb_norm


def test_dual_softmax_is_the_product_of_both_softmaxes():
    similarity = np.random.default_rng(0).standard_normal((4, 6))
    changed = dual_softmax(similarity, temperature=0.5)
    for q in range(4):
        for v in range(6):
            own = math.exp(similarity[q, v] / 0.5)
            over_items = own / sum(math.exp(s / 0.5) for s in similarity[q])
            over_queries = own / sum(math.exp(s / 0.5) for s in similarity[:, v])
            assert changed[q, v] == pytest.approx(math.log(over_items * over_queries))


def test_dual_softmax_lets_a_video_that_is_near_to_everything_lose():
    # Video 2 is near to every text and answers only the last.
    similarity = np.array([[0.6, 0.1, 0.7], [0.1, 0.6, 0.7], [0.1, 0.1, 0.8]])
    assert retrieval_metrics(similarity).recall_at_1 == pytest.approx(100 / 3)
    assert retrieval_metrics(dual_softmax(similarity, temperature=0.05)).recall_at_1 == 100


def test_dual_softmax_at_a_low_temperature_makes_no_ties():
    similarity = np.random.default_rng(1).uniform(-1, 1, (50, 50))
    assert (retrieval_metrics(dual_softmax(similarity, temperature=0.0005)).ranks.tied == 1).all()


def test_qb_norm_changes_only_queries_whose_first_item_is_active():
    bank = np.array([[0.9, 0.2, 0.1], [0.8, 0.1, 0.3]])  # only item 0 is first for a bank query
    similarity = np.array([[0.75, 0.1, 0.7], [0.1, 0.7, 0.6]])
    changed = qb_norm(similarity, bank, temperature=0.05)

    popularity = [math.log(sum(math.exp(row[v] / 0.05) for row in bank)) for v in range(3)]
    assert changed[0] == pytest.approx([similarity[0, v] / 0.05 - popularity[v] for v in range(3)])
    assert list(changed[1]) == list(similarity[1])
    assert changed[0].argmax() == 2


def test_more_activated_items_change_more_queries():
    bank = np.array([[0.9, 0.5, 0.1]])
    similarity = np.array([[0.1, 0.7, 0.6]])
    assert (qb_norm(similarity, bank, activated=1) == similarity).all()
    assert (qb_norm(similarity, bank, activated=2) != similarity).all()


def test_scores_read_in_blocks_are_those_of_the_whole_matrix(monkeypatch):
    similarity, bank = np.random.default_rng(3).standard_normal((2, 23, 7))
    bank[:, 0] = 9      # only item 0 is active
    soft, normed = dual_softmax(similarity, temperature=0.1), qb_norm(similarity, bank)
    monkeypatch.setattr("retrieval.evaluation.scores.BLOCK_SCORES", 3 * 7)
    assert dual_softmax(similarity, temperature=0.1) == pytest.approx(soft, rel=1e-12)
    assert qb_norm(similarity, bank) == pytest.approx(normed, rel=1e-12)
    assert (normed != similarity).any(axis=1).sum() == (similarity.argmax(axis=1) == 0).sum()


def test_changed_scores_take_no_memory_of_the_matrix_size():
    similarity = np.random.default_rng(3).standard_normal((2000, 3000)).astype(np.float16)
    tracemalloc.start()
    two_way_metrics(dual_softmax_scores(similarity, temperature=0.1), [{q} for q in range(2000)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < similarity.size * 8


def test_the_scores_given_stay_as_they_were():
    similarity = np.random.default_rng(2).standard_normal((5, 5))
    before = similarity.copy()
    qb_norm(similarity, similarity)
    dual_softmax(similarity, temperature=1)
    assert (similarity == before).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: dual_softmax(np.eye(2), temperature=0), "above 0"),
        (lambda: dual_softmax(np.array([[np.inf, 0]]), temperature=1), "infinite"),
        (lambda: dual_softmax(np.array([[np.nan, 0]]), temperature=1), "NaN"),
        (lambda: qb_norm(np.array([[np.nan, 0]]), np.eye(2)), "NaN for query 0 and item 0"),
        (lambda: qb_norm(np.array([[np.inf, 0]]), np.eye(2)), "infinite"),
        (lambda: qb_norm(np.eye(2), np.eye(3)), "bank scores 3 items"),
        (lambda: qb_norm(np.eye(2), np.eye(2), activated=3), "activated is 3"),
    ],
)
def test_what_has_no_softmax_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        change()
