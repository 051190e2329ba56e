"""Thresholds, balance, splits and components do what their plain definitions say."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from data_pipeline.selection.balance import within_caps
from data_pipeline.selection.components import components, joined_by
from data_pipeline.selection.settings import SelectionSettings
from data_pipeline.selection.splits import split_of_groups
from data_pipeline.selection.thresholds import keep_ladder, threshold_for_share, video_means

EDGES = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=25)


@settings(max_examples=150, deadline=None)
@given(EDGES)
def test_components_are_those_of_merging_sets(edges: list[tuple[int, int]]) -> None:
    sets = [{node} for node in range(20)]
    for a, b in edges:
        merged = sets[a] | sets[b]
        for node in merged:
            sets[node] = merged
    left, right = (np.array([edge[side] for edge in edges], np.int64) for side in (0, 1))
    assert components(20, left, right).tolist() == [min(one) for one in sets]


def test_equal_keys_are_connected_and_negative_ones_are_not() -> None:
    keys = np.array([3, -1, 3, 5, -1, 3])
    assert components(6, *joined_by(keys)).tolist() == [0, 1, 0, 3, 4, 0]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=30), st.floats(0.01, 1))
def test_the_threshold_of_a_share_is_the_highest_that_keeps_it(values: list[int], share: float) -> None:
    scores = np.array(values, np.float32)
    found = threshold_for_share(scores, share)
    enough = [value for value in values if sum(other >= value for other in values) >= share * len(values) - 1e-6]
    assert found == max(enough)


def test_no_scores_have_no_threshold() -> None:
    assert threshold_for_share(np.empty(0, np.float32), 0.5) == math.inf


def test_video_means_and_a_ladder_of_shares() -> None:
    scores, videos = np.array([0.1, 0.3, 0.5, 0.9], np.float32), np.array([7, 7, 2, 2])
    np.testing.assert_allclose(video_means(scores, videos), [0.2, 0.2, 0.7, 0.7], rtol=1e-6)
    kinds = np.array(["asr", "title", "asr", "title"])
    steps = keep_ladder(scores, videos, kinds, level="pair")
    assert [(step.share, step.pairs, step.videos, step.kinds) for step in steps] == [
        (1.0, 4, 2, {"asr": 2, "title": 2}), (0.89, 4, 2, {"asr": 2, "title": 2}), (0.78, 4, 2, {"asr": 2, "title": 2}),
        (0.67, 3, 2, {"asr": 1, "title": 2}), (0.56, 3, 2, {"asr": 1, "title": 2}),
    ]
    by_video = keep_ladder(video_means(scores, videos), videos, kinds, level="video")
    assert [step.pairs for step in by_video] == [4, 4, 4, 4, 4]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["猫", "狗", None]), st.sets(st.sampled_from("abcd"), max_size=3)), max_size=25))
def test_no_category_or_topic_is_over_its_cap_and_nothing_fitting_is_left_out(videos: list[tuple[str | None, set[str]]]) -> None:
    names, categories = [str(number) for number in range(len(videos))], [category for category, _ in videos]
    topics = [sorted(about) for _, about in videos]
    taken = within_caps(names, categories, topics, SelectionSettings(category_cap=3, topic_cap=2))
    of_category = Counter(category for category, kept in zip(categories, taken, strict=True) if kept and category)
    of_topic = Counter(topic for about, kept in zip(topics, taken, strict=True) if kept for topic in about)
    assert all(count <= 3 for count in of_category.values())
    assert all(count <= 2 for count in of_topic.values())
    for category, about, kept in zip(categories, topics, taken, strict=True):
        full = (category is not None and of_category[category] == 3) or any(of_topic[topic] == 2 for topic in about)
        assert kept or full


def test_the_choice_of_balance_does_not_depend_on_the_order_of_videos() -> None:
    names = [f"v{number}" for number in range(40)]
    mixed = random.Random(0).sample(names, 40)
    wanted = SelectionSettings(category_cap=7)
    first = dict(zip(names, within_caps(names, ["猫"] * 40, [()] * 40, wanted), strict=True))
    assert dict(zip(mixed, within_caps(mixed, ["猫"] * 40, [()] * 40, wanted), strict=True)) == first
    assert sum(first.values()) == 7


@settings(max_examples=60, deadline=None)
@given(EDGES, st.lists(st.sampled_from([None, None, "train", "test", "validation", "demo"]), min_size=20, max_size=20))
def test_no_group_is_divided_and_given_splits_win(edges: list[tuple[int, int]], given_splits: list[str | None]) -> None:
    left, right = (np.array([edge[side] for edge in edges], np.int64) for side in (0, 1))
    groups = components(20, left, right)
    names = [f"v{number:02}" for number in range(20)]
    splits = split_of_groups(groups, given_splits, names, SelectionSettings(validation_share=0.4, test_share=0.3))
    for group in set(groups.tolist()):
        members = [number for number in range(20) if groups[number] == group]
        asked = {given_splits[number] for number in members} - {None}
        found = {splits[number] for number in members}
        assert len(found) == 1
        assert found <= asked or not asked
        assert found == {"test"} or "test" not in asked


def test_chance_gives_about_the_wanted_shares() -> None:
    names = [f"v{number}" for number in range(4000)]
    wanted = SelectionSettings(validation_share=0.1, test_share=0.2)
    counts = Counter(split_of_groups(np.arange(4000), [None] * 4000, names, wanted))
    assert abs(counts["test"] - 800) < 120
    assert abs(counts["validation"] - 400) < 90


@pytest.mark.parametrize("wrong", [
    {"threshold": 0.2, "keep_share": 0.5}, {"validation_share": 0.7, "test_share": 0.7}, {"min_ms": 9, "max_ms": 8},
    {"keep_shares": 0.5}, {"score": "relevance"},
])  # fmt: skip
def test_settings_that_contradict_each_other_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        SelectionSettings(**wrong)  # type: ignore[arg-type]
