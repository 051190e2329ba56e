"""A run keeps plain and changed scores apart, survives the disk, and is compared only with its like."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from retrieval.errors import InputError
from retrieval.evaluation.asymmetry import suspicious_gap
from retrieval.evaluation.benchmarks import Benchmark, BenchmarkQuery, BenchmarkVideo
from retrieval.evaluation.comparison import compare_runs, paired_median_test, paired_test
from retrieval.evaluation.judgements import Judgements
from retrieval.evaluation.metrics import TwoWayMetrics, retrieval_metrics, two_way_metrics
from retrieval.evaluation.postprocessing import qb_norm
from retrieval.evaluation.run import RunFacts, run_evaluation
from retrieval.evaluation.run_file import read_run, run_as_json, write_run

FACTS = RunFacts(model="a model", model_revision="abc", frames=12, decoder="PyAV", seed=3, extra={"batch": 8})


def benchmark(size: int, *, captions: int = 1, protocol: str = "a set") -> Benchmark:
    return Benchmark(
        protocol=protocol,
        videos=tuple(BenchmarkVideo(id=f"v{number}") for number in range(size)),
        queries=tuple(
            BenchmarkQuery(id=f"{number}#{caption}", text=f"视频{number}", relevant={f"v{number}": 1.0})
            for number in range(size)
            for caption in range(captions)
        ),
    )


def scores(size: int, seed: int, *, captions: int = 1, signal: float = 2.0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((size * captions, size))
    return noise + signal * np.repeat(np.eye(size), captions, axis=0)


@pytest.fixture(scope="module")
def run():
    return run_evaluation(
        benchmark(40, captions=2), pooled=scores(40, 0, captions=2), reranked=scores(40, 0, captions=2, signal=3.0),
        bank=scores(40, 9), dual_softmax_temperature=0.5, facts=FACTS,
    )  # fmt: skip


def test_pooled_and_reranked_are_rows_of_their_own_and_changed_scores_come_after(run):
    keys = [row.key for row in run.rows]
    directions = ("text_to_video", "video_to_text", "video_to_grouped_text")
    plain = [f"{score}/{direction}" for score in ("pooled", "reranked") for direction in directions]
    assert keys[:6] == plain
    assert keys[6:] == [
        "pooled+dual_softmax/text_to_video", "pooled+dual_softmax/video_to_text",
        "reranked+dual_softmax/text_to_video", "reranked+dual_softmax/video_to_text",
        "pooled+qb_norm/text_to_video",
    ]  # fmt: skip
    assert run.rows[0].metrics == retrieval_metrics(scores(40, 0, captions=2), [{q // 2} for q in range(80)])
    assert all(row.note for row in run.rows[6:])
    by_bank = qb_norm(scores(40, 0, captions=2), scores(40, 9))
    assert run.rows[-1].metrics == retrieval_metrics(by_bank, [{q // 2} for q in range(80)])
    assert run.final.score == "reranked"


def test_a_changed_score_never_enters_the_sum_of_both_directions(run):
    assert run.r_sum_both_ways() == {
        score: pytest.approx(sum(row.metrics.r_sum for row in run.rows[at : at + 2]))
        for score, at in (("pooled", 0), ("reranked", 3))
    }


def test_answers_are_the_first_videos_of_the_final_score(run):
    final = scores(40, 0, captions=2, signal=3.0)
    for number, query in enumerate(run.queries):
        assert query.top == tuple(f"v{column}" for column in np.argsort(-final[number])[:5])


def test_graded_figures_appear_when_there_is_something_to_grade():
    two = Benchmark(
        protocol="graded",
        videos=(BenchmarkVideo(id="a"), BenchmarkVideo(id="b"), BenchmarkVideo(id="c")),
        queries=(BenchmarkQuery(id="q", text="猫", relevant={"a": 2.0, "b": 1.0, "c": 0.0}),),
    )
    graded = run_evaluation(two, pooled=[[0.9, 0.5, 0.1]], facts=FACTS)
    single = run_evaluation(benchmark(3), pooled=np.eye(3), facts=FACTS)

    assert graded.rows[0].graded is not None
    assert graded.rows[0].graded.figures()["ndcg_at_10"] == pytest.approx(100)
    assert single.rows[0].graded is None


def test_a_run_comes_back_from_disk_as_it_was(run, tmp_path):
    file = write_run(run, tmp_path / "new" / "folder")
    back = read_run(file.parent)

    assert run_as_json(back) == run_as_json(run)
    assert back.queries == run.queries
    assert read_run(file).split_hash == run.split_hash
    assert sorted(path.name for path in file.parent.iterdir()) == ["queries.jsonl", "ranks.npz", "run.json"]


def test_an_infinite_ratio_is_written_as_nothing_and_read_back(tmp_path):
    graded = Benchmark(
        protocol="graded",
        videos=(BenchmarkVideo(id="a"), BenchmarkVideo(id="b")),
        queries=(BenchmarkQuery(id="q", text="猫", relevant={"a": 2.0, "b": 1.0}),),
    )
    file = write_run(run_evaluation(graded, pooled=[[0.9, 0.5]], facts=FACTS), tmp_path)
    assert json.loads(file.read_text())["results"][0]["graded"]["metrics"]["positive_negative_ratio"] is None
    assert read_run(file).rows[0].graded.pairs.concordant == 1


def test_the_file_names_what_was_measured(run, tmp_path):
    content = json.loads(write_run(run, tmp_path).read_text())
    assert content["protocol"] == "a set"
    assert content["split_hash"] == benchmark(40, captions=2).split_hash
    assert content["facts"] == {
        "model": "a model", "model_revision": "abc", "frames": 12, "decoder": "PyAV", "seed": 3, "extra": {"batch": 8},
    }  # fmt: skip
    assert (content["queries"], content["videos"], content["videos_without_text"]) == (80, 40, 0)
    assert content["date"].endswith("+00:00")
    assert {row["score"] for row in content["results"]} == {"pooled", "reranked"}
    assert not any(row["post_processing"] for row in content["results"])
    assert all(row["post_processing"] for row in content["post_processed_results"])


def test_a_figure_that_its_ranks_do_not_give_is_found_out(run, tmp_path):
    file = write_run(run, tmp_path)
    content = json.loads(file.read_text())
    content["results"][0]["metrics"]["recall_at_1"] += 10
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match="recall_at_1 of pooled/text_to_video"):
        read_run(file)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("items", np.arange(39)), ("items", np.arange(40) + 1), ("queries", np.zeros(79, int)), ("queries", np.full(80, -1)),
        ("queries", np.full(80, 40)), ("queries", np.zeros((80, 1), int)),
    ],
)  # fmt: skip
def test_what_is_drawn_together_that_is_not_of_the_queries_is_found_out(run, tmp_path, name, wrong):
    other = replace(run, draws=replace(run.draws, **{name: wrong}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TwoWayMetrics, "r_sum_interval", (0.0, 0.0))
        file = write_run(other, tmp_path)
    with pytest.raises(InputError, match="what is drawn together is not of its queries and videos"):
        read_run(file)


@pytest.mark.parametrize("name", ["ranks.npz", "queries.jsonl"])
def test_a_file_that_was_changed_or_lost_is_named(run, tmp_path, name):
    file = write_run(run, tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b" ")
    with pytest.raises(InputError, match=f"{name} was changed"):
        read_run(file)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=f"{name} cannot be read"):
        read_run(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not an evaluation run"),
        ('{"format": "wenshi evaluation run", "version": 99}', "version 99"),
        ('{"format": "wenshi evaluation run", "version": 1}', "version 1"),
        ('{"format": "wenshi evaluation run", "version": 2}', "not a complete"),
    ],
)
def test_what_is_no_run_is_refused_in_a_sentence(tmp_path, text, message):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match=message):
        read_run(tmp_path)


def test_scores_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="pooled scores are 3 x 4: the benchmark is 3 x 3"):
        run_evaluation(benchmark(3), pooled=np.zeros((3, 4)), facts=FACTS)


@pytest.mark.parametrize("seed", range(8))
def test_the_p_value_is_the_share_of_sign_patterns_as_far_from_zero(seed):
    chance = np.random.default_rng(seed)
    differences = chance.integers(-2, 4, 9) / 4
    patterns = [np.dot(signs, differences) for signs in itertools.product((-1, 1), repeat=9)]
    exact = np.mean(np.abs(patterns) >= abs(differences.sum()) - 1e-12)

    test = paired_test(np.zeros(9), differences)

    assert test.p_value == pytest.approx(exact, abs=0.02)
    assert test.difference == pytest.approx(differences.mean())
    assert test.changed == np.count_nonzero(differences)


@pytest.mark.parametrize("scale", [1e-14, 1.0, 1e14])
def test_runs_whose_gains_and_losses_cancel_are_no_different_but_for_rounding(scale):
    for gains in ([0.1, 0.2, -0.3], [0.7, -0.1, -0.6], [100 / 3, 200 / 3, -100]):
        assert paired_test(np.zeros(3), scale * np.array(gains)).p_value == 1


def test_the_interval_of_a_difference_is_that_of_drawing_pairs():
    chance = np.random.default_rng(1)
    a, b = chance.random(200), chance.random(200) + 0.05
    samples = [(b - a)[chance.integers(0, 200, 200)].mean() for _ in range(20_000)]
    test = paired_test(a, b)
    assert (test.low, test.high) == pytest.approx(tuple(np.percentile(samples, (2.5, 97.5))), abs=0.004)
    assert test == paired_test(a, b)


def test_equal_values_do_not_differ():
    test = paired_test(np.ones(5), np.ones(5))
    assert (test.difference, test.low, test.high, test.p_value, test.changed) == (0, 0, 0, 1, 0)


def test_a_better_run_is_told_from_a_run_of_the_same_quality():
    same_set = benchmark(300)
    base = run_evaluation(same_set, pooled=scores(300, 1), facts=FACTS)
    better = run_evaluation(same_set, pooled=scores(300, 2, signal=3.0), facts=FACTS)
    equal = run_evaluation(same_set, pooled=scores(300, 3), facts=FACTS)

    def first(a, b):
        compared = {(one.row, one.figure): one.test for one in compare_runs(a, b).figures}
        return compared["pooled/text_to_video", "recall_at_1"]

    assert first(base, better).p_value < 0.001
    assert first(base, better).low > 0
    assert first(base, equal).p_value > 0.05
    assert first(better, base).difference == -first(base, better).difference


def test_rows_of_only_one_run_are_named(run):
    pooled_only = replace(run, rows=run.rows[:3])
    comparison = compare_runs(run, pooled_only)
    assert {one.row for one in comparison.figures} == {row.key for row in run.rows[:3]} | {"pooled/both_ways"}
    assert set(comparison.only_in_one) == {row.key for row in run.rows[3:]}


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (benchmark(40, protocol="another set"), "protocol"),
        (benchmark(41), "videos"),
        (replace(benchmark(40), queries=benchmark(40).queries[::-1]), "queries"),
    ],
)
def test_runs_of_different_sets_are_not_compared(other, what):
    a = run_evaluation(benchmark(40), pooled=scores(40, 0), facts=FACTS)
    b = run_evaluation(other, pooled=np.zeros((len(other.queries), len(other.videos))), facts=FACTS)
    with pytest.raises(InputError, match=f"differ in their {what}"):
        compare_runs(a, b)


def lopsided(size: int) -> np.ndarray:
    """Each text finds its video, but half of the texts are nearer to everything than a video's own text."""
    similarity = np.random.default_rng(0).random((size, size)) + 2 * np.eye(size)
    similarity[: size // 2] += 5
    return similarity


def test_a_gap_that_no_plain_score_explains_is_told():
    metrics = two_way_metrics(lopsided(100))
    notice = suspicious_gap(metrics, Judgements.diagonal(100))
    assert notice is not None
    assert "R@1 is 100.0 and video to text R@1 is 50.0" in notice
    run = run_evaluation(benchmark(100), pooled=lopsided(100), facts=FACTS)
    assert run.notices == (f"pooled: {notice}",)


def test_no_alarm_for_a_gap_of_chance_or_of_judgements_that_are_not_one_to_one():
    even = scores(100, 0)
    assert suspicious_gap(two_way_metrics(even), Judgements.diagonal(100)) is None
    few = lopsided(6)
    assert suspicious_gap(two_way_metrics(few), Judgements.diagonal(6)) is None
    many = Judgements.of([{q, (q + 1) % 100} for q in range(100)], (100, 100))
    assert suspicious_gap(two_way_metrics(lopsided(100), many), many) is None


def test_the_interval_of_medians_is_that_of_drawing_pairs():
    chance = np.random.default_rng(4)
    a = chance.integers(1, 40, 151).astype(float)
    b = np.maximum(1, a - chance.integers(0, 8, 151))
    samples = []
    for _ in range(5000):
        drawn = chance.integers(0, 151, 151)
        samples.append(np.median(b[drawn]) - np.median(a[drawn]))
    test = paired_median_test(a, b)
    assert test.difference == np.median(b) - np.median(a)
    assert (test.low, test.high) == pytest.approx(tuple(np.percentile(samples, (2.5, 97.5))), abs=1)
    assert test.p_value < 0.01
    assert paired_median_test(a, a).p_value == 1


def test_the_p_value_of_medians_is_the_share_of_exchanges_as_far_from_zero():
    a, b = np.array([3.0, 1, 7, 2, 9, 4, 8]), np.array([1.0, 1, 2, 2, 5, 1, 9])
    real = abs(np.median(b) - np.median(a))
    pairs = itertools.product((False, True), repeat=7)
    exact = np.mean([abs(np.median(np.where(x, b, a)) - np.median(np.where(x, a, b))) >= real for x in pairs])
    assert paired_median_test(a, b, resamples=20_000).p_value == pytest.approx(exact, abs=0.02)


def test_sums_and_ranks_are_compared_one_way_and_both():
    same_set = benchmark(200)
    a = run_evaluation(same_set, pooled=scores(200, 1), facts=FACTS)
    b = run_evaluation(same_set, pooled=scores(200, 2, signal=3.0), facts=FACTS)
    compared = {(one.row, one.figure): one.test for one in compare_runs(a, b).figures}
    for direction, row in (("text_to_video", 0), ("video_to_text", 1)):
        for name in ("r_sum", "median_rank", "mean_rank"):
            test = compared[f"pooled/{direction}", name]
            assert test.a == pytest.approx(a.rows[row].metrics.figures()[name])
            assert test.b == pytest.approx(b.rows[row].metrics.figures()[name])
            assert test.low < test.difference < test.high or name == "median_rank"
    both = compared["pooled/both_ways", "r_sum"]
    assert (both.a, both.b) == pytest.approx((a.r_sum_both_ways()["pooled"], b.r_sum_both_ways()["pooled"]))
    assert both.queries == 400
    assert both.p_value < 0.001


def test_the_sum_both_ways_has_an_interval_in_the_metrics_and_in_the_file(run):
    metrics = run.both_ways()["pooled"]
    low, high = metrics.r_sum_interval
    assert low < metrics.r_sum < high
    assert run_as_json(run)["r_sum_both_ways_intervals"]["pooled"] == (low, high)


def test_the_breakdown_of_the_final_score_is_in_the_file(run, tmp_path):
    content = json.loads(write_run(run, tmp_path).read_text())["breakdown"]
    assert content["row"] == "reranked/text_to_video"
    assert sum(group["queries"] for group in content["by_length"]) == 80
    for groups in (content["by_length"], content["by_part"], content["by_word"]["noun"]):
        assert all(set(group) == {"name", "queries", "recall_at_1", "recall_at_10", "mean_rank"} for group in groups)
    (whole,) = (group for group in content["by_part"] if group["queries"] == 80 and group["name"] == "with noun")
    assert whole["recall_at_1"] == pytest.approx(run.final.metrics.recall_at_1)


def test_queries_without_texts_have_no_breakdown():
    same_set = benchmark(3)
    silent = replace(same_set, queries=tuple(replace(query, text=" ") for query in same_set.queries))
    assert run_as_json(run_evaluation(silent, pooled=np.eye(3), facts=FACTS))["breakdown"] is None
