"""Queries come with exactly the scenes that answer them, also when there is none."""

from __future__ import annotations

import pytest

from data_pipeline.miniature.truth import satisfies
from data_pipeline.miniature.world import generate, queries
from retrieval.errors import InputError

SPECS = [clip.spec for clip in generate(200, seed=6, split="test")]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("detail", ["short", "medium", "full"])
def test_relevant_are_all_scenes_that_satisfy_the_query_and_no_other(detail: str, language: str) -> None:
    asked = queries(SPECS, seed=1, count=60, detail=detail, language=language)
    assert len(asked) == len({query.text for query in asked}) == 60
    for query in asked:
        assert query.relevant == {k for k, spec in enumerate(SPECS) if satisfies(spec, query.condition)}
        assert query.answerable


def test_every_scene_has_its_full_query_in_the_order_of_the_scenes() -> None:
    asked = queries(SPECS, seed=1)
    assert len(asked) == len(SPECS)
    assert all(k in query.relevant for k, query in enumerate(asked))


def test_short_queries_have_many_answers_and_full_ones_hardly_more_than_one() -> None:
    sizes = {detail: [len(query.relevant) for query in queries(SPECS, seed=2, detail=detail, count=100)]
             for detail in ("short", "full")}
    assert sum(sizes["short"]) / 100 > 2
    assert sum(sizes["full"]) / 100 < 1.1


@pytest.mark.parametrize("detail", ["short", "medium", "full"])
def test_queries_without_an_answer_have_none(detail: str) -> None:
    asked = queries(SPECS, seed=1, count=80, detail=detail, answerable=False)
    assert len(asked) == 80
    assert not any(satisfies(spec, query.condition) for query in asked for spec in SPECS)
    assert not any(query.answerable for query in asked)


def test_the_same_seed_asks_the_same() -> None:
    assert queries(SPECS, seed=1, count=30, detail="short") == queries(SPECS, seed=1, count=30, detail="short")
    assert queries(SPECS, seed=1, count=30, detail="short") != queries(SPECS, seed=2, count=30, detail="short")


def test_more_queries_than_there_are_is_refused() -> None:
    with pytest.raises(InputError, match="ask for fewer"):
        queries(SPECS[:1], seed=1, count=3000, detail="short")
