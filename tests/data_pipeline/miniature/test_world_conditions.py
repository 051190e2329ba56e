"""A condition is true of exactly the scenes that show all it says, in the places and the order it says."""

from __future__ import annotations

import dataclasses
from random import Random
from typing import Any

import pytest

from data_pipeline.miniature.captions import some_condition
from data_pipeline.miniature.spec import Actor, SceneSpec, Shot
from data_pipeline.miniature.truth import (
    ActorCondition,
    Condition,
    ShotCondition,
    condition_of,
    relevant_sets,
    satisfies,
)
from data_pipeline.miniature.world import generate
from retrieval.errors import InputError

CAT = Actor(thing="cat", colour="red", size="small", motion="bounce")
DOGS = Actor(thing="dog", colour="blue", size="large", motion="sway", count=2)
FACTS = {"thing": "pig", "colour": "white", "size": "medium", "count": 4, "motion": "spin"}


def scene(*actors: Actor, **more: Any) -> SceneSpec:
    facts = {"name": "one", "background": "snow", "seconds": 3.0, "title": "标题", "caption": "描述"}
    return SceneSpec(actors=actors, **(facts | more))


def said(*actors: ActorCondition, **more: Any) -> Condition:
    return Condition(shots=(ShotCondition(actors=actors, **more),))


def of(actor: Actor, *facts: str) -> ActorCondition:
    return ActorCondition(**{name: getattr(actor, name) for name in facts})


@pytest.mark.parametrize("fact", FACTS)
def test_each_fact_of_an_actor_counts_when_it_is_said_and_only_then(fact: str) -> None:
    changed = scene(dataclasses.replace(CAT, **{fact: FACTS[fact]}))
    others = [name for name in FACTS if name != fact]
    assert satisfies(scene(CAT), said(of(CAT, *FACTS)))
    assert not satisfies(changed, said(of(CAT, fact)))
    assert not satisfies(changed, said(of(CAT, *FACTS)))
    assert satisfies(changed, said(of(CAT, *others)))


def test_all_facts_of_one_actor_must_be_true_of_the_same_actor() -> None:
    assert satisfies(scene(CAT, DOGS), said(ActorCondition(thing="dog", colour="blue")))
    assert not satisfies(scene(CAT, DOGS), said(ActorCondition(thing="dog", colour="red")))


def test_two_actors_that_are_named_are_two_different_ones() -> None:
    red, small = ActorCondition(colour="red"), ActorCondition(size="small")
    assert not satisfies(scene(CAT), said(red, small))
    assert not satisfies(scene(CAT, DOGS), said(red, small))
    assert satisfies(scene(DOGS, CAT), said(red, ActorCondition(size="large")))


def test_the_scene_is_that_of_the_same_shot() -> None:
    two = scene(CAT, parts=(Shot(background="sea", actors=(DOGS,), seconds=2.0),))
    assert satisfies(two, said(of(CAT, "thing"), scene="snow"))
    assert not satisfies(two, said(of(CAT, "thing"), scene="sea"))
    assert not satisfies(two, said(of(CAT, "thing"), of(DOGS, "thing")))
    assert satisfies(two, said(scene="sea"))


def test_shots_come_in_the_order_they_are_said() -> None:
    two = scene(CAT, parts=(Shot(background="sea", actors=(DOGS,), seconds=2.0),))
    cat, dog = (ShotCondition(actors=(of(one, "thing"),)) for one in (CAT, DOGS))
    assert satisfies(two, Condition(shots=(cat, dog)))
    assert not satisfies(two, Condition(shots=(dog, cat)))
    assert not satisfies(scene(CAT, DOGS), Condition(shots=(cat, dog)))


def test_a_motion_is_true_in_either_half_and_two_motions_only_in_their_order() -> None:
    both = scene(dataclasses.replace(CAT, motion="rise", then="spin"))
    assert satisfies(both, said(ActorCondition(motion="rise")))
    assert satisfies(both, said(ActorCondition(motion="spin")))
    assert satisfies(both, said(ActorCondition(motion="rise", then="spin")))
    assert not satisfies(both, said(ActorCondition(motion="spin", then="rise")))
    assert not satisfies(scene(dataclasses.replace(CAT, motion="rise")), said(ActorCondition(motion="rise", then="spin")))


def test_a_saw_tooth_path_from_left_to_right_leads_from_left_to_right_but_not_the_other_way_round() -> None:
    zigzag, straight = (scene(dataclasses.replace(CAT, motion=name)) for name in ("zigzag", "left_to_right"))
    assert satisfies(zigzag, said(ActorCondition(motion="left_to_right")))
    assert not satisfies(straight, said(ActorCondition(motion="zigzag")))


def test_left_of_holds_while_nobody_can_change_sides() -> None:
    left = said(of(CAT, "thing"), of(DOGS, "thing"), relation="left_of")
    assert satisfies(scene(CAT, DOGS), left)
    assert not satisfies(scene(DOGS, CAT), left)
    assert not satisfies(scene(dataclasses.replace(CAT, motion="left_to_right"), DOGS), left)
    assert not satisfies(scene(dataclasses.replace(CAT, then="circle"), DOGS), left)


@pytest.mark.parametrize("relation", ["chases", "follows"])
def test_who_is_behind_is_left_on_the_way_to_the_right_and_right_on_the_way_to_the_left(relation: str) -> None:
    left = said(of(CAT, "thing"), of(DOGS, "thing"), relation="left_of")
    for motion, cat_is_left in (("left_to_right", True), ("right_to_left", False)):
        pursuit = scene(*(dataclasses.replace(one, motion=motion) for one in (CAT, DOGS)), relation=relation)
        assert satisfies(pursuit, left) == cat_is_left


def test_chases_and_follows_have_a_direction_and_differ() -> None:
    actors = [dataclasses.replace(one, motion="left_to_right") for one in (CAT, DOGS)]
    cat, dog = (of(one, "thing") for one in actors)
    chase = scene(*actors, relation="chases")
    assert satisfies(chase, said(cat, dog, relation="chases"))
    assert not satisfies(chase, said(dog, cat, relation="chases"))
    assert not satisfies(chase, said(cat, dog, relation="follows"))
    assert not satisfies(scene(*actors), said(cat, dog, relation="chases"))


def test_everything_is_true_of_nothing_said() -> None:
    assert satisfies(scene(CAT), Condition())


def test_a_condition_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(InputError, match="second motion"):
        ActorCondition(thing="cat", then="spin")
    with pytest.raises(InputError, match="two actors"):
        ShotCondition(actors=(of(CAT, "thing"),), relation="chases")


def test_the_fast_judgements_are_those_of_the_slow_ones() -> None:
    specs = [clip.spec for split in ("train", "composition") for clip in generate(120, seed=5, split=split)]
    random = Random(1)
    conditions = [some_condition(spec, random, detail=detail) for spec in specs for detail in ("short", "medium", "full")]
    conditions += [Condition(), said(scene="room"), said(ActorCondition(thing="nothing"))]
    slow = [{k for k, spec in enumerate(specs) if satisfies(spec, condition)} for condition in conditions]
    assert relevant_sets(conditions, specs) == slow
    assert max(map(len, slow[:-3])) > 10


def test_a_scene_satisfies_all_that_can_be_said_of_it() -> None:
    assert all(satisfies(clip.spec, condition_of(clip.spec)) for clip in generate(50, seed=2, split="train"))
