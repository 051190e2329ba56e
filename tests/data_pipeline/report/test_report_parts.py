"""The parts of a report: markup that cannot be broken, clouds without overlaps, scores, samples and outcomes."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ElementTree
from itertools import combinations

import numpy as np
import pytest

from data_pipeline.corpus.measured import DecisionRow
from data_pipeline.report.outcomes import Outcome, Outcomes
from data_pipeline.report.page.cloud import cloud, layout
from data_pipeline.report.page.elements import Markup, both, join, tag
from data_pipeline.report.sampling import Sample
from data_pipeline.report.scores import histogram
from data_pipeline.report.words import word_summary


def test_what_a_person_wrote_is_shown_and_never_obeyed() -> None:
    wicked = '<script>alert("1")</script>&\'"><img src=x onerror=y>'
    element = tag("p", wicked, title=wicked, class_="a")
    read = ElementTree.fromstring(element)
    assert read.text == wicked
    assert read.attrib == {"title": wicked, "class": "a"}
    assert len(read) == 0


def test_markup_is_taken_as_it_is_and_joined_text_is_not() -> None:
    assert tag("p", tag("b", "a<b"), "c<d") == "<p><b>a&lt;b</b>c&lt;d</p>"
    assert join((Markup("<i>"), "<i>")) == "<i>&lt;i&gt;"
    assert both("中", "<e>") == '<span class="zh" lang="zh">中</span><span class="en" lang="en">&lt;e&gt;</span>'


def test_half_a_character_of_a_file_name_can_still_be_written() -> None:
    assert "\\udc80" in tag("p", "a\udc80").encode("utf-8").decode()


def test_words_of_a_cloud_never_overlap_and_larger_is_more_frequent() -> None:
    dice = random.Random(4)
    for count in (1, 2, 30, 70):
        names = ["".join(dice.choices("春夏秋冬天地人abc ", k=dice.randint(1, 6))) + str(k) for k in range(count)]
        words = {name: dice.randint(1, 900) for name in names}
        placed = layout(words)
        assert len(placed) == count
        assert not [(a.word, b.word) for a, b in combinations(placed, 2) if a.overlaps(b)]
        assert all(a.size >= b.size for a, b in combinations(placed, 2))
        assert all((a.count == b.count) == (a.size == b.size) for a, b in combinations(placed, 2))


def test_the_same_counts_give_the_same_cloud_in_whatever_order_they_come() -> None:
    counts = {"猫": 9, "狗": 9, "在草地上": 3, "run": 1}
    assert cloud(counts, label="x") == cloud(dict(reversed(counts.items())), label="x")


def test_every_word_of_a_cloud_lies_within_the_picture() -> None:
    counts = {f"词语{k}": 100 // (k + 1) for k in range(40)}
    picture = ElementTree.fromstring(cloud(counts, label="x"))
    left, top, width, height = map(float, picture.attrib["viewBox"].split())
    for one in layout(counts):
        assert left - 0.1 <= one.x - one.width / 2 <= one.x + one.width / 2 <= left + width + 0.1
        assert top - 0.1 <= one.y - one.height / 2 <= one.y + one.height / 2 <= top + height + 0.1


def test_a_histogram_counts_every_scored_row_once_in_its_class() -> None:
    dice = np.random.default_rng(0)
    scores = dice.normal(size=500).astype(np.float32)
    scores[::7] = np.nan
    first = dice.random(500) < 0.3
    found = histogram(scores, {"a": first, "b": ~first})
    assert found is not None
    known = ~np.isnan(scores)
    assert sum(found["counts"]["a"]) == (first & known).sum()
    assert sum(found["counts"]["b"]) == (~first & known).sum()
    assert found["scored"] == known.sum()
    assert histogram(np.full(3, np.nan, dtype=np.float32), {"a": first[:3]}) is None


def test_a_sample_is_the_same_in_any_order_and_takes_all_of_a_few() -> None:
    keys = [f"key {k}" for k in range(400)]
    samples = []
    for order in (keys, keys[::-1]):
        sample: Sample[str] = Sample(25)
        for key in order:
            sample.add(key, key.upper())
        samples.append(sample.items())
        assert sample.seen == 400
    assert samples[0] == samples[1]
    assert len(set(samples[0])) == 25
    few: Sample[int] = Sample(25)
    few.add("a", 1)
    assert few.items() == [1]


def test_a_sample_prefers_no_part_of_the_stream() -> None:
    sample: Sample[int] = Sample(1000)
    for k in range(10_000):
        sample.add(f"{k:016x}_0000", k)
    assert 4600 < float(np.mean(sample.items())) < 5400


def test_the_outcome_of_each_pair_is_found_again_and_of_unknown_ones_nothing() -> None:
    rows = [
        DecisionRow(
            pair_id=f"p{k}", keep=k % 3 == 0, reason="" if k % 3 == 0 else f"r{k % 5}", split="", text_cluster="",
            video_cluster="",
        )
        for k in range(200)
    ]  # fmt: skip
    outcomes = Outcomes(rows)
    asked = [*rows[::-3]]
    found = [outcomes.kinds[code] for code in outcomes.of([row.pair_id for row in asked])]
    assert found == [Outcome(row.keep, row.reason, row.split) for row in asked]
    assert outcomes.of(["q", "p"]) == [0, 0]
    assert Outcomes([]).of(["p1"]) == [0]
    assert Outcomes([]).kinds[0].kept is None


def test_words_are_counted_by_their_part_in_a_sample_whose_size_is_told() -> None:
    found = word_summary(["红色的小猫在草地上奔跑", "小猫睡觉"] * 3, characters=20)
    assert (found["sample_texts"], found["sample_characters"]) == (3, 26)
    assert found["top"]["noun"]["草地"] == 2
    assert found["parts"]["noun"] == sum(found["top"]["noun"].values())
    assert found["per_text"]["noun"] == pytest.approx(found["parts"]["noun"] / 3, abs=1e-3)
    assert word_summary([], characters=20)["sample_texts"] == 0
