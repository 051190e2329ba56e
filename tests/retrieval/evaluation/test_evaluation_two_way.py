"""R@sum both ways draws a video together with its texts: its interval and its test are as sure as they may be, not surer."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from retrieval.evaluation.benchmarks import Benchmark, BenchmarkQuery, BenchmarkVideo
from retrieval.evaluation.bootstrap import TwoWayValues
from retrieval.evaluation.comparison import compare_runs, paired_two_way_test
from retrieval.evaluation.judgements import Draws, Judgements
from retrieval.evaluation.metrics import two_way_metrics
from retrieval.evaluation.run import RunFacts, run_evaluation
from retrieval.evaluation.run_file import read_run, write_run

FACTS = RunFacts(model="a model")
VIDEOS = 60


def world(chance, *, captions, videos=VIDEOS):
    """Scores of videos that are hard or easy to find in both directions: pairs differ by more than noise does."""
    signal = 2.2 + 1.6 * chance.standard_normal(videos)
    own = np.repeat(np.eye(videos), captions, axis=0) * signal
    return own + chance.standard_normal((videos * captions, videos))


def relevant(*, captions, videos=VIDEOS):
    return Judgements.of([{video} for video in range(videos) for _ in range(captions)], (videos * captions, videos))


def plain_samples(values, count):
    """Sums of two means, drawn one video after another with all its texts."""
    chance = np.random.default_rng(5)
    texts = [np.flatnonzero(values.draws.queries == video) for video in range(len(values.backward))]
    for _ in range(count):
        drawn = chance.integers(0, len(texts), len(texts))
        forward = [values.forward[text] for video in drawn for text in texts[video]]
        yield np.mean(forward) + values.backward[drawn].mean()


@pytest.mark.parametrize("captions", [1, 3])
def test_the_interval_is_that_of_drawing_videos_one_by_one_with_their_texts(captions):
    metrics = two_way_metrics(world(np.random.default_rng(1), captions=captions), relevant(captions=captions))
    plain = tuple(np.percentile(list(plain_samples(metrics.r_sums(), 5_000)), (2.5, 97.5)))
    assert metrics.r_sums().mean() == pytest.approx(metrics.r_sum)
    assert metrics.r_sum_interval == pytest.approx(plain, abs=0.06 * (plain[1] - plain[0]))


def test_unequal_numbers_of_texts_are_drawn_with_their_videos():
    chance = np.random.default_rng(2)
    video_of_text = np.repeat(np.arange(40), chance.integers(1, 12, 40))
    forward = chance.random(len(video_of_text)) + np.repeat(chance.random(40), np.bincount(video_of_text))
    draws = Draws(queries=video_of_text, items=np.arange(40))
    values = TwoWayValues(forward=forward, backward=chance.random(40), draws=draws)
    plain = np.percentile(list(plain_samples(values, 5_000)), (2.5, 50, 97.5))
    samples = values.resampled_means(resamples=5_000, seed=0)
    assert np.percentile(samples, (2.5, 50, 97.5)) == pytest.approx(plain, abs=0.06 * (plain[2] - plain[0]))


@pytest.mark.parametrize("captions", [1, 4])
def test_the_interval_holds_the_truth_of_a_known_world_as_often_as_it_says(captions):
    chance, judged = np.random.default_rng(3), relevant(captions=captions)
    truth = np.mean([two_way_metrics(world(chance, captions=captions), judged).r_sum for _ in range(1_000)])
    intervals = [two_way_metrics(world(chance, captions=captions), judged).r_sum_interval for _ in range(200)]
    held = sum(low <= truth <= high for low, high in intervals)
    assert 180 <= held <= 198


@pytest.mark.parametrize("captions", [1, 4])
def test_equally_good_runs_are_told_apart_as_seldom_as_the_p_value_says(captions):
    chance, judged = np.random.default_rng(4), relevant(captions=captions)
    p_values = []
    for _ in range(200):
        a, b = (two_way_metrics(world(chance, captions=captions), judged).r_sums() for _ in range(2))
        p_values.append(paired_two_way_test(a, b, resamples=500).p_value)
    assert 2 <= sum(p <= 0.05 for p in p_values) <= 18


def test_the_p_value_is_the_share_of_sign_patterns_of_whole_videos():
    chance = np.random.default_rng(6)
    video_of_text = np.array([0, 0, 0, 1, 2, 2, 3, 4, 5, 6, 7])
    a, b = (
        TwoWayValues(forward=chance.integers(0, 4, 11) * 1.0, backward=chance.integers(0, 4, 8) + more,
                     draws=Draws(queries=video_of_text, items=np.arange(8)))
        for more in (0.0, 0.5)
    )  # fmt: skip
    gains = [
        (b.forward - a.forward)[video_of_text == video].sum() / 11 + (b.backward - a.backward)[video] / 8 for video in range(8)
    ]
    patterns = [np.dot(signs, gains) for signs in itertools.product((-1, 1), repeat=8)]
    exact = np.mean(np.abs(patterns) >= abs(sum(gains)) - 1e-9)
    test = paired_two_way_test(a, b)
    assert test.p_value == pytest.approx(exact, abs=0.02)
    assert test.difference == pytest.approx(sum(gains)) == pytest.approx(b.mean() - a.mean())


def drawn(relevant, videos):
    draws = Judgements.of(relevant, (len(relevant), videos)).draws()
    return list(draws.queries), list(draws.items)


def test_videos_that_share_texts_are_one_draw_however_long_the_chain_is():
    own = [{video} for video in range(100)]
    assert drawn([*own, {3, 50}, {50, 51}, {99, 51}], 100)[1] == [{50: 3, 51: 3, 99: 3}.get(v, v - (v > 50) - (v > 51))
                                                                  for v in range(100)]  # fmt: skip
    assert drawn([*own, {3, 50}, {50, 51}, {99, 51}], 100)[0][-3:] == [3, 3, 3]
    assert drawn([{3}, {1}, {3}], 5) == ([1, 0, 1], [0, 1])      # of the videos 1 and 3


def test_where_broad_texts_join_many_videos_each_is_drawn_with_one_of_its_best():
    assert drawn([{5: 1.0, 2: 2.0}, {2: 1.0}, {2, 5, 7}, {2, 5, 7}, {2: 1.0, 5: 0.0}], 9) == ([0, 0, 1, 2, 0], [0, 1, 2])


def test_the_interval_holds_the_truth_where_every_two_videos_have_the_same_texts():
    chance, twins = np.random.default_rng(3), np.arange(VIDEOS) // 2
    judged = Judgements.of([set(np.flatnonzero(twins == twin)) for twin in twins], (VIDEOS, VIDEOS))

    def figures():
        signal = 1.3 + chance.standard_normal(VIDEOS // 2)
        own = (twins[:, None] == twins) * signal[twins]
        return two_way_metrics(own + chance.standard_normal((VIDEOS, VIDEOS)), judged)

    truth = np.mean([figures().r_sum for _ in range(1_000)])
    intervals = [figures().r_sum_interval for _ in range(200)]
    assert 180 <= sum(low <= truth <= high for low, high in intervals) <= 198


def test_few_texts_with_many_right_videos_have_an_interval():
    similarity = np.random.default_rng(7).random((3, 50))
    low, high = two_way_metrics(similarity, [set(range(0, 20)), set(range(10, 40)), set(range(30, 50))]).r_sum_interval
    assert np.isfinite([low, high]).all()
    assert low < high


def test_a_run_remembers_on_disk_what_is_drawn_together(tmp_path):
    videos = tuple(BenchmarkVideo(id=f"v{number}") for number in (3, 0, 2, 1))
    queries = tuple(
        BenchmarkQuery(id=f"{number}#{caption}", text="猫", relevant={f"v{number}": 1.0})
        for number in range(4) for caption in range(number + 1)
    )  # fmt: skip
    same_set = Benchmark(protocol="a set", videos=videos, queries=queries)
    a, b = (run_evaluation(same_set, pooled=np.random.default_rng(s).random((10, 4)), facts=FACTS) for s in (0, 1))
    back = read_run(write_run(a, tmp_path))
    assert list(back.draws.queries) == [1, 3, 3, 2, 2, 2, 0, 0, 0, 0]
    assert list(back.draws.items) == [0, 1, 2, 3]
    assert back.both_ways()["pooled"].r_sum_interval == a.both_ways()["pooled"].r_sum_interval
    assert compare_runs(back, b) == compare_runs(a, b)
