"""Swaps: a true text and one that differs in a single fact."""

from __future__ import annotations

from collections import Counter

import pytest

from data_pipeline.miniature.world import generate, swaps

SPECS = [clip.spec for clip in generate(120, seed=7, split="test")]


def test_every_scene_has_an_attribute_and_none_has_a_fact_twice():
    found = swaps(SPECS, seed=1)
    assert {swap.scene for swap in found if swap.fact == "attribute"} == set(range(len(SPECS)))
    assert max(Counter((swap.scene, swap.fact) for swap in found).values()) == 1
    assert {swap.fact for swap in found} == {"attribute", "verb", "relation"}


def test_the_texts_differ_and_depend_on_the_seed_alone():
    found = swaps(SPECS, seed=1)
    assert all(swap.true != swap.false for swap in found)
    assert found == swaps(SPECS, seed=1) != swaps(SPECS, seed=2)


def test_a_scene_without_a_relation_has_no_swap_of_one():
    without = [spec for spec in SPECS if len(spec.shots[0].actors) == 1]
    assert not [swap for swap in swaps(without, seed=1) if swap.fact == "relation"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_swapped_relations_keep_the_words_and_exchange_who_is_who(language):
    pursuits = [spec for spec in SPECS if spec.relation == "chases"]
    found = [swap for swap in swaps(pursuits, seed=1, language=language) if swap.fact == "relation"]
    assert len(found) == len(pursuits) > 3
