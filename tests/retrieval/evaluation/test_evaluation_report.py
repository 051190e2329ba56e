"""The page shows every figure, groups queries by their words, and stands on its own."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image

from retrieval.evaluation.benchmarks import Benchmark, BenchmarkQuery, BenchmarkVideo
from retrieval.evaluation.breakdown import breakdown
from retrieval.evaluation.parts_of_speech import words_of
from retrieval.evaluation.ranking import QueryRanks
from retrieval.evaluation.report import render_report, write_report
from retrieval.evaluation.run import RunFacts, run_evaluation

TEXTS = (
    "红色的汽车在马路上行驶",
    "一只白猫跳上桌子",
    "两个人在海边跑步",
    "<b>a dog</b> & a cat",
    "a small red ball",
    "跳舞",
)


def ranks(*places: int) -> QueryRanks:
    one = np.ones(len(places), dtype=np.int64)
    return QueryRanks(ahead=np.array(places) - 1, tied=one, relevant_tied=one)


def jpeg(video: str) -> bytes:
    memory = io.BytesIO()
    Image.new("RGB", (32, 18), (int(video[1:]) * 40, 90, 120)).save(memory, "JPEG")
    return memory.getvalue()


@pytest.fixture(scope="module")
def run():
    size = len(TEXTS)
    benchmark = Benchmark(
        protocol="a set <1>",
        videos=tuple(BenchmarkVideo(id=f"v{number}") for number in range(size)),
        queries=tuple(
            BenchmarkQuery(id=str(number), text=text, relevant={f"v{number}": 1.0}) for number, text in enumerate(TEXTS)
        ),
        notices=("one notice",),
    )
    similarity = np.eye(size)
    similarity[3] = np.linspace(1, 0, size)  # the fourth query wants what comes fourth
    return run_evaluation(
        benchmark, pooled=similarity, dual_softmax_temperature=0.1, facts=RunFacts(model="m", frames=12)
    )


def test_chinese_words_are_tagged():
    tagged = dict(words_of("一只白色的小猫在草地上追球。"))
    assert tagged["小猫"] == "noun"
    assert tagged["白色"] == "attribute"
    assert tagged["追球"] == "verb" or tagged["追"] == "verb"
    assert "。" not in tagged


def test_english_words_are_sorted_by_a_rule():
    assert words_of("The red ball is rolling over 2 boxes.") == [
        ("the", None), ("red", "attribute"), ("ball", "noun"), ("is", None), ("rolling", "verb"), ("over", None),
        ("2", "attribute"), ("boxes", "noun"),
    ]  # fmt: skip


def test_groups_hold_the_figures_of_their_queries():
    texts = ["red ball"] * 5 + ["a ball is rolling down the hill"] * 5
    found = breakdown(texts, ranks(1, 1, 1, 1, 2, 20, 20, 20, 20, 1))

    lengths = {group.name: group for group in found.by_length}
    assert (lengths["1–3 words"].queries, lengths["1–3 words"].recall_at_1) == (5, 80)
    assert (lengths["4–7 words"].recall_at_1, lengths["4–7 words"].recall_at_10) == (20, 20)
    assert lengths["4–7 words"].mean_rank == pytest.approx(81 / 5)
    parts = {group.name: group.queries for group in found.by_part}
    assert parts == {
        "with noun": 10, "with verb": 5, "without verb": 5, "with attribute": 5, "without attribute": 5,
    }  # fmt: skip
    assert [(group.name, group.queries) for group in found.by_word["noun"]] == [("ball", 10), ("hill", 5)]
    assert [group.name for group in found.by_word["attribute"]] == ["red"]


def test_a_word_of_few_queries_is_not_shown_and_a_repeated_one_counts_once():
    found = breakdown(["ball ball"] * 5 + ["tree"] * 4, ranks(*[1] * 9))
    assert [(group.name, group.queries) for group in found.by_word["noun"]] == [("ball", 5)]


def test_texts_and_ranks_must_belong_together():
    with pytest.raises(ValueError, match="1 texts and the ranks of 2"):
        breakdown(["x"], ranks(1, 1))


def test_the_page_needs_no_other_file(run, tmp_path):
    page = write_report(run, tmp_path / "new", thumbnail=jpeg).read_text(encoding="utf-8")
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)


def test_the_page_shows_figures_notices_and_facts(run):
    page = render_report(run)
    assert "one notice" in page
    assert "a set &lt;1&gt;" in page
    assert f"{run.final.metrics.recall_at_1:.1f}<small>" in page
    assert run.split_hash in page
    assert page.index("Post-processed") > page.index("R@sum both ways")
    assert "frames a video<dd>12" in page


def test_the_worst_query_is_shown_with_what_was_wanted_and_what_came(run):
    page = render_report(run, thumbnail=lambda video: None if video == "v5" else jpeg(video))
    worst = page[page.index("worst queries") :]
    first = worst[worst.index('class="query"') :].split('class="query"')[1]
    assert "&lt;b&gt;a dog&lt;/b&gt; &amp; a cat" in first
    assert "rank 4 of 6" in first
    shown = re.findall(r'<figure( class=wanted)?>.*?<figcaption title="(v\d)">', first)
    assert shown == [(" class=wanted", "v3"), ("", "v0"), ("", "v1"), ("", "v2"), (" class=wanted", "v3"), ("", "v4")]


def test_a_run_without_texts_or_mistakes_has_a_page_too():
    benchmark = Benchmark(
        protocol="bare",
        videos=(BenchmarkVideo(id="v0"),),
        queries=(BenchmarkQuery(id="0", text="", relevant={"v0": 1.0}),),
    )
    page = render_report(run_evaluation(benchmark, pooled=[[1.0]], facts=RunFacts(model="m")))
    assert "Which queries go wrong" not in page
    assert "worst queries" not in page
