"""Texts about two actors say the right way round who is left, who chases and who follows."""

from __future__ import annotations

import re
from random import Random

import pytest

from data_pipeline.miniature.captions import say
from data_pipeline.miniature.truth import ActorCondition, Condition, ShotCondition

DRAWS = 300
NAMES = {"zh": ("猫咪?", "帽子"), "en": ("cat", "hat")}     # of the first and of the second actor
MOVING = {None: (None, None), "left_of": ("rise", "spin"), "chases": ("right_to_left",) * 2, "follows": ("left_to_right",) * 2}


def texts(relation: str, language: str, detail: str, *, moving: bool) -> set[str]:
    """Wordings of one condition, the first actor written X and the second Y."""
    motions = MOVING[relation] if moving else (None, None)
    actors = tuple(
        ActorCondition(thing=thing, motion=motion, count=None if detail == "short" else 1)
        for thing, motion in zip(("cat", "hat"), motions, strict=True)
    )
    made = {
        say(Condition(shots=(shot,)), Random(seed), language=language, detail=detail)
        for scene in (None, "stage")
        for shot in (ShotCondition(actors=actors, relation=relation, scene=scene),)
        for seed in range(DRAWS)
    }
    first, second = NAMES[language]
    return {re.sub(first, "X", re.sub(second, "Y", text)) for text in made}


@pytest.mark.parametrize("detail", ["short", "medium"])
@pytest.mark.parametrize("relation", ["chases", "follows"])
def test_who_pursues_whom_in_chinese(relation: str, detail: str) -> None:
    for moving in (False, True) if detail == "medium" else (False,):
        for text in texts(relation, "zh", detail, moving=moving):
            pursued_first = re.search("被|后面追|Y.*后面跟着|跟在后面", text) is not None
            assert (text.index("Y") < text.index("X")) == pursued_first, text


@pytest.mark.parametrize("detail", ["short", "medium"])
@pytest.mark.parametrize("relation", ["chases", "follows"])
def test_who_pursues_whom_in_english(relation: str, detail: str) -> None:
    for moving in (False, True) if detail == "medium" else (False,):
        for text in texts(relation, "en", detail, moving=moving):
            pursued_first = re.search("chased|followed by", text) is not None
            assert (text.index("Y") < text.index("X")) == pursued_first, text


@pytest.mark.parametrize("detail", ["short", "medium"])
def test_who_is_left_in_chinese(detail: str) -> None:
    for moving in (False, True) if detail == "medium" else (False,):
        for text in texts("left_of", "zh", detail, moving=moving):
            assert left_in_chinese(text) == "X", text


def left_in_chinese(text: str) -> str:
    """Which of X and Y a text puts on the left: by the clause that speaks of a side, or by who is beside whom."""
    for clause in re.split("[， ]", text):
        things = re.findall("[XY]", clause)
        if len(things) == 1 and (side := re.search("[左右]", clause)):
            [thing] = things
            return thing if side[0] == "左" else "YX"["XY".index(thing)]
    beside = re.search("([XY])在一?.?([XY])的?([左右])", text)
    if beside:
        return beside[1] if beside[3] == "左" else beside[2]
    around = re.search("([XY])的([左右])边[是有]一?.?([XY])", text)
    if around:
        return around[1] if around[2] == "右" else around[3]
    raise AssertionError(text)


@pytest.mark.parametrize("detail", ["short", "medium"])
def test_who_is_left_in_english(detail: str) -> None:
    for moving in (False, True) if detail == "medium" else (False,):
        for text in texts("left_of", "en", detail, moving=moving):
            assert left_in_english(text) == "X", text


def left_in_english(text: str) -> str:
    beside = re.search("([XY]).*(left|right) of .*([XY])", text)
    if beside:
        return beside[1] if beside[2] == "left" else beside[3]
    for clause in re.split(", | and ", text):
        things = re.findall("[XY]", clause)
        side = re.search("left|right", clause)
        if len(things) == 1 and side:
            return things[0] if side[0] == "left" else "YX"["XY".index(things[0])]
    raise AssertionError(text)


def test_a_large_red_thing_is_never_called_bright_red() -> None:
    large_red = ActorCondition(thing="flower", colour="red", size="large", count=1)
    for seed in range(DRAWS):
        text = say(Condition(shots=(ShotCondition(actors=(large_red,)),)), Random(seed), language="zh", detail="medium")
        assert "大红" not in text
