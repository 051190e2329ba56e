"""The demo model's benchmark: ties as expectations, and every target that is missed is named."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.demo_model import NDCG, PRECISION, missed_of_full, short_figures
from retrieval.evaluation import Run, RunFacts, run_evaluation
from retrieval.evaluation.benchmarks import Benchmark, BenchmarkQuery, BenchmarkVideo


def run_of(pooled: np.ndarray, reranked: np.ndarray) -> Run:
    size = len(pooled)
    names = [f"v{i}" for i in range(size)]
    benchmark = Benchmark(
        protocol="drawn",
        videos=tuple(BenchmarkVideo(id=name) for name in names),
        queries=tuple(BenchmarkQuery(id=name, text=name, relevant={name: 1.0}) for name in names),
    )
    return run_evaluation(benchmark, pooled=pooled, reranked=reranked, facts=RunFacts(model="drawn"))


def test_tied_clips_count_by_chance_and_not_by_their_column():
    first, last = set(range(10)), set(range(10, 20))
    of_many, of_all, many = short_figures(np.zeros((3, 20), np.float32), [first, last, {0}])
    assert many == [0, 1]
    assert of_many.precision == pytest.approx([0.5, 0.5])
    assert len(of_all.ndcg) == 3
    assert of_many.figures()[PRECISION] == pytest.approx(50)
    assert set(of_many.intervals) >= {PRECISION, NDCG}


def test_a_recall_below_the_target_is_named_and_one_above_is_not():
    good, bad = np.eye(40), np.roll(np.eye(40), 1, axis=1)
    assert missed_of_full(run_of(good, good)) == []
    assert missed_of_full(run_of(bad, good)) == ["pooled R@1 0.0 is below 60"]


def test_reranking_that_harms_by_more_than_chance_is_named():
    good = np.eye(40)
    worse, hardly = good.copy(), good.copy()
    worse[:10] = np.roll(worse[:10], 1, axis=1)
    hardly[:1] = np.roll(hardly[:1], 1, axis=1)
    (sentence,) = missed_of_full(run_of(good, worse))
    assert sentence.startswith("re-ranking lowers R@1 by 25.0 [")
    assert missed_of_full(run_of(good, hardly)) == []
