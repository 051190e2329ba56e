"""The list of scenes is consistent with itself and with the queries that are asked of it."""

from __future__ import annotations

import dataclasses

import pytest

from data_pipeline.miniature.backgrounds import BACKGROUNDS
from data_pipeline.miniature.colours import PAINTS
from data_pipeline.miniature.motions import MOTIONS
from data_pipeline.miniature.picture import check_scene
from data_pipeline.miniature.queries import DEMO_QUERIES, DemoQuery
from data_pipeline.miniature.scenes import SCENES, Actor, SceneSpec, Shot
from data_pipeline.miniature.spec import actor
from data_pipeline.miniature.things import THINGS
from retrieval.errors import InputError
from retrieval.text import fold

BY_NAME = {spec.name: spec for spec in SCENES}


def scene(**changes: object) -> SceneSpec:
    plain = SceneSpec(name="one", background="meadow", actors=(actor("small red cat", motion="still"),), seconds=1.0,
                      title="标题", caption="描述")
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def channel_texts(spec: SceneSpec) -> dict[str, list[str]]:
    return {
        "title": [spec.title], "tag": list(spec.tags),
        "subtitle": [text for *_, text in spec.spoken], "ocr": [text for *_, text in spec.on_screen],
    }


def clips_that_hold(query: DemoQuery) -> set[str]:
    words = fold(query.text).split()
    found = set()
    for spec in SCENES:
        texts = [fold(text) for kind in query.channels for text in channel_texts(spec)[kind]]
        if all(any(word in text for text in texts) for word in words):
            found.add(spec.name)
    return found


def test_every_scene_can_be_drawn_and_has_its_own_name() -> None:
    for spec in SCENES:
        check_scene(spec)
    assert len(SCENES) == len(BY_NAME) == 36
    assert len({spec.title for spec in SCENES}) == 36


def test_the_scenes_use_much_of_the_world() -> None:
    shots = [shot for spec in SCENES for shot in spec.shots]
    actors = [actor for shot in shots for actor in shot.actors]
    used = {shot.background for shot in shots}
    assert used <= set(BACKGROUNDS)
    assert len(used) >= 0.4 * len(BACKGROUNDS)
    used = {actor.thing for actor in actors}
    assert used <= set(THINGS)
    assert len(used) >= 0.4 * len(THINGS)
    used = {actor.colour for actor in actors}
    assert used <= set(PAINTS)
    assert len(used) >= 0.4 * len(PAINTS)
    used = {actor.motion for actor in actors}
    assert used <= set(MOTIONS)
    assert len(used) >= 0.4 * len(MOTIONS)


def test_every_kind_of_channel_and_container_is_there_often_enough() -> None:
    assert sum(bool(spec.on_screen) for spec in SCENES) >= 12
    assert sum(bool(spec.spoken) and not spec.sidecar for spec in SCENES) >= 12
    assert sum(bool(spec.spoken) and spec.sidecar for spec in SCENES) >= 3
    assert sum(bool(spec.parts) for spec in SCENES) >= 4
    assert {spec.container for spec in SCENES} == {"mp4", "mkv", "webm"}
    assert all(2000 <= spec.duration_ms <= 8000 for spec in SCENES)


def test_the_caption_says_what_the_data_say() -> None:
    """Each kind of thing and each colour that is drawn is named in the caption."""
    for spec in SCENES:
        for shot in spec.shots:
            for one in shot.actors:
                assert THINGS[one.thing].chinese in spec.caption, spec.name
                assert PAINTS[one.colour].chinese in spec.caption, spec.name


def test_titles_do_not_repeat_what_is_spoken_or_drawn() -> None:
    for spec in SCENES:
        for *_, text in (*spec.spoken, *spec.on_screen):
            assert fold(text) not in fold(spec.title)


@pytest.mark.parametrize("query", DEMO_QUERIES, ids=lambda query: query.clip)
def test_a_demo_query_has_one_right_answer(query: DemoQuery) -> None:
    assert clips_that_hold(query) == {query.clip}


@pytest.mark.parametrize("query", [query for query in DEMO_QUERIES if query.span_ms], ids=lambda query: query.clip)
def test_a_demo_query_about_a_moment_names_the_span_of_its_line(query: DemoQuery) -> None:
    spec = BY_NAME[query.clip]
    spans = {
        (start, end) for start, end, text in (*spec.spoken, *spec.on_screen)
        if any(word in fold(text) for word in fold(query.text).split())
    }
    assert spans == {query.span_ms}


def test_a_two_word_query_needs_both_of_its_channels() -> None:
    query = next(query for query in DEMO_QUERIES if len(query.channels) == 2)
    for kind in query.channels:
        assert clips_that_hold(dataclasses.replace(query, channels=(kind,))) == set()


def test_a_scene_knows_its_length_and_its_cuts() -> None:
    later = Shot(background="sea", actors=(), seconds=0.5)
    spec = scene(seconds=1.25, parts=(later, later))
    assert spec.duration_ms == 2250
    assert spec.cuts_ms == (1250, 1750)
    assert scene().cuts_ms == ()


def test_an_actor_is_named_in_three_words() -> None:
    expected = Actor(thing="cat", colour="red", size="large", motion="rise", count=2)
    assert actor("large red cat", motion="rise", count=2) == expected


@pytest.mark.parametrize("changes", [
    {"name": "../up"}, {"name": ""}, {"seconds": 0.0}, {"seconds": -1.0},
    {"spoken": ((0, 1001, "太长"),)}, {"spoken": ((500, 500, "空"),)}, {"spoken": ((-1, 500, "早"),)},
    {"on_screen": ((0, 500, "  "),)},
])
def test_contradicting_data_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InputError):
        scene(**changes)


@pytest.mark.parametrize(("changes", "word"), [
    ({"background": "mars"}, "meadow"),
    ({"actors": (actor("small red unicorn", motion="still"),)}, "cat"),
    ({"actors": (actor("small beige cat", motion="still"),)}, "purple"),
    ({"actors": (actor("giant red cat", motion="still"),)}, "large"),
    ({"actors": (actor("small red cat", motion="teleport"),)}, "bounce"),
    ({"actors": (actor("small red cat", motion="still", count=9),)}, "9"),
    ({"actors": (actor("small red cat", motion="still", count=0),)}, "0"),
])
def test_a_scene_that_cannot_be_drawn_is_refused_with_what_can(changes: dict[str, object], word: str) -> None:
    with pytest.raises(InputError, match=word):
        check_scene(scene(**changes))
