"""What is drawn is what the data say: the thing, its colour, its size, its place and its motion."""

from __future__ import annotations

import dataclasses
from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from data_pipeline.miniature.backgrounds import BACKGROUNDS, VARIANTS, background
from data_pipeline.miniature.colours import PAINTS
from data_pipeline.miniature.motions import MOTIONS
from data_pipeline.miniature.pen import Pen
from data_pipeline.miniature.picture import SIZES, check_scene, draw_shot
from data_pipeline.miniature.spec import Actor, SceneSpec, Shot, actor
from data_pipeline.miniature.sprites import PHASES, SUPERSAMPLING, shadow, sprite
from data_pipeline.miniature.sprites import _grown as grown
from data_pipeline.miniature.things import THINGS
from retrieval.errors import InputError

WIDTH, HEIGHT = 320, 180
# On these much is of a fixed colour: tyres and spokes, the white of a football, a fuselage.
PARTLY_PAINTED = {"car", "bus", "bicycle", "boat", "plane", "rocket", "ball"}


def values(picture: Image.Image) -> NDArray[np.int16]:
    return np.asarray(picture).astype(np.int16)


def shot(look: str, *, motion: str = "still", count: int = 1, place: str = "sea", seconds: float = 4.0) -> Shot:
    return Shot(background=place, actors=(actor(look, motion=motion, count=count),), seconds=seconds)


def drawn(one: Shot, seconds: float) -> NDArray[np.bool_]:
    """Where a picture differs from its empty background."""
    empty = values(background(one.background, width=WIDTH, height=HEIGHT))
    full = values(draw_shot(one, seconds=seconds, width=WIDTH, height=HEIGHT))
    return np.abs(full - empty).max(axis=2) > 12


def middle(one: Shot, seconds: float) -> tuple[float, float]:
    rows, columns = np.nonzero(drawn(one, seconds))
    return float(columns.mean()), float(rows.mean())


@pytest.mark.parametrize("name", THINGS)
def test_a_thing_keeps_inside_its_picture(name: str) -> None:
    """A shape that is cut off leaves a long straight edge; every thing also fills a good part of its square."""
    for phase in range(PHASES):
        figure = Image.new("RGBA", (200, 200))
        THINGS[name].draw(Pen(figure), PAINTS["blue"], phase / PHASES)
        alpha = np.asarray(figure)[:, :, 3] > 0
        assert max(int(edge.sum()) for edge in (alpha[0], alpha[:, 0], alpha[:, -1])) <= 10
        assert 0.1 < alpha.mean() < 0.95


def test_no_two_things_have_the_same_outline() -> None:
    outlines = {name: values(sprite(name, colour="red", side=60))[:, :, 3] > 128 for name in THINGS}
    for one, other in combinations(outlines, 2):
        union = (outlines[one] | outlines[other]).sum()
        assert (outlines[one] & outlines[other]).sum() / union < 0.92, (one, other)


@pytest.mark.parametrize("name", THINGS)
def test_a_thing_shows_the_colour_it_is_painted_in(name: str) -> None:
    for paint in PAINTS.values():
        picture = values(sprite(name, colour=paint.name, side=120))
        close = np.abs(picture[:, :, :3] - np.asarray(paint.main)).max(axis=2) <= 6
        share = (close & (picture[:, :, 3] > 200)).sum() / (picture[:, :, 3] > 200).sum()
        assert share > 0.06, paint.name


@pytest.mark.parametrize("name", [name for name in THINGS if name not in PARTLY_PAINTED])
def test_a_thing_is_mostly_shades_of_its_paint(name: str) -> None:
    for paint in PAINTS.values():
        picture = values(sprite(name, colour=paint.name, side=120))
        solid = picture[picture[:, :, 3] > 200][:, :3]
        figure = solid[np.abs(solid - np.asarray(paint.outline)).max(axis=1) > 8]
        shades = [np.abs(figure - np.asarray(shade)).max(axis=1) <= 8 for shade in (paint.main, paint.dark, paint.light)]
        assert np.any(shades, axis=0).mean() > 0.58, paint.name


def test_no_two_paints_are_alike_and_inner_lines_show_on_each() -> None:
    for one, other in combinations(PAINTS.values(), 2):
        assert np.linalg.norm(np.subtract(one.main, other.main)) > 60, (one.name, other.name)
    for paint in PAINTS.values():
        for shade in (paint.ink, paint.outline, paint.dark):
            assert np.linalg.norm(np.subtract(paint.main, shade)) > 25, paint.name


def test_a_black_thing_is_seen_at_night() -> None:
    night = values(background("night", width=WIDTH, height=HEIGHT))
    one = shot("large black whale", place="night")
    edge = values(draw_shot(one, seconds=0.0, width=WIDTH, height=HEIGHT)) - night
    assert (np.abs(edge).max(axis=2) > 50).sum() > 300


def test_the_edge_grows_as_a_maximum_filter_says() -> None:
    for side in (8, 25, 60):
        alpha = sprite("crab", colour="red", side=side).getchannel("A")
        expected = alpha.filter(ImageFilter.MaxFilter(2 * SUPERSAMPLING - 1))
        assert np.array_equal(grown(np.asarray(alpha), reach=SUPERSAMPLING - 1), np.asarray(expected))


@pytest.mark.parametrize("name", [name for name, thing in THINGS.items() if thing.restless])
def test_a_restless_thing_moves_even_where_it_stays(name: str) -> None:
    still = shot(f"large red {name}", place="room")
    pictures = {
        draw_shot(still, seconds=k / THINGS[name].beats / 8, width=WIDTH, height=HEIGHT).tobytes() for k in range(8)
    }
    assert len(pictures) >= 4


def test_a_thing_that_stays_is_a_still_picture() -> None:
    still = shot("large red bus", place="street")
    first, last = (draw_shot(still, seconds=s, width=WIDTH, height=HEIGHT) for s in (0.0, 3.9))
    assert first.tobytes() == last.tobytes()


def test_wheels_turn_and_legs_step_on_the_way() -> None:
    for name in ("bus", "cat", "bicycle"):
        assert len({sprite(name, colour="red", side=90, phase=phase).tobytes() for phase in range(PHASES)}) >= 4


def test_edges_are_smooth() -> None:
    alpha = values(sprite("balloon", colour="red", side=80))[:, :, 3]
    assert len(np.unique(alpha)) > 6


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_a_background_is_the_same_each_time_and_like_no_other(name: str) -> None:
    for variant in range(VARIANTS):
        first = background(name, width=WIDTH, height=HEIGHT, variant=variant)
        anew = background.__wrapped__(name, width=WIDTH, height=HEIGHT, variant=variant)
        assert anew.tobytes() == first.tobytes()
        others = [
            background(other, width=WIDTH, height=HEIGHT, variant=k)
            for other in BACKGROUNDS if other != name for k in range(VARIANTS)
        ]
        assert all(np.abs(values(first) - values(other)).mean() > 10 for other in others)


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_variants_of_a_background_are_different_pictures_of_one_place(name: str) -> None:
    pictures = [values(background(name, width=WIDTH, height=HEIGHT, variant=k)) for k in range(VARIANTS)]
    for one, other in combinations(pictures, 2):
        assert 3 < np.abs(one - other).mean() < 40
        assert np.abs(one.mean(axis=(0, 1)) - other.mean(axis=(0, 1))).max() < 30


def test_drawing_leaves_the_shared_pictures_alone() -> None:
    before = background("sea", width=WIDTH, height=HEIGHT).tobytes()
    draw_shot(shot("large red boat"), seconds=1.0, width=WIDTH, height=HEIGHT)
    assert background("sea", width=WIDTH, height=HEIGHT).tobytes() == before


def test_the_same_shot_is_the_same_picture_with_or_without_what_was_drawn_before() -> None:
    one = shot("medium green dog", motion="circle", place="meadow")
    warm = draw_shot(one, seconds=1.3, width=WIDTH, height=HEIGHT).tobytes()
    for cache in (background, sprite, shadow):
        cache.cache_clear()
    assert draw_shot(one, seconds=1.3, width=WIDTH, height=HEIGHT).tobytes() == warm


def test_horizontal_motions_go_their_way_and_face_it() -> None:
    for name, sign in (("left_to_right", 1), ("right_to_left", -1)):
        one = shot("medium red car", motion=name)
        places = [middle(one, s)[0] for s in (0.6, 1.4, 2.2, 3.0)]
        assert all(sign * (b - a) > 30 for a, b in pairwise(places))
    to_right, to_left = sprite("car", colour="red", side=60), sprite("car", colour="red", side=60, mirrored=True)
    assert np.array_equal(values(to_left), values(to_right)[:, ::-1])
    assert MOTIONS["right_to_left"].pose(0.5).to_left
    assert not MOTIONS["left_to_right"].pose(0.5).to_left


def test_vertical_motions_go_their_way() -> None:
    for name, sign in (("rise", -1), ("fall", 1)):
        one = shot("small red balloon", motion=name)
        heights = [middle(one, s)[1] for s in (0.5, 1.5, 2.5, 3.5)]
        assert all(sign * (b - a) > 8 for a, b in pairwise(heights))


def test_approaching_things_grow() -> None:
    one = shot("medium red boat", motion="approach")
    areas = [int(drawn(one, s).sum()) for s in (0.0, 2.0, 3.9)]
    assert areas[1] > 1.8 * areas[0]
    assert areas[2] > 1.5 * areas[1]


def test_a_circle_ends_where_it_began_and_a_bounce_leaves_the_ground() -> None:
    circle, bounce = shot("medium red bird", motion="circle"), shot("medium red boat", motion="bounce")
    assert np.allclose(middle(circle, 0.0), middle(circle, 4.0), atol=6)
    assert abs(middle(circle, 2.0)[0] - middle(circle, 0.0)[0]) > 80
    heights = [middle(bounce, s / 10)[1] for s in range(40)]
    assert max(heights) - min(heights) > 40


def test_swaying_things_tilt_both_ways() -> None:
    turns = [MOTIONS["sway"].pose(k / 40).turn for k in range(41)]
    assert min(turns) < -15
    assert max(turns) > 15


def test_sizes_differ_visibly() -> None:
    areas = [int(drawn(shot(f"{size} red boat"), 0.0).sum()) for size in SIZES]
    assert areas[1] > 1.8 * areas[0]
    assert areas[2] > 1.8 * areas[1]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_as_many_things_are_drawn_as_the_data_say(count: int) -> None:
    columns = np.any(drawn(shot("small red balloon", count=count, place="room"), 0.0), axis=0)
    starts = int((np.diff(columns.astype(int), prepend=0) == 1).sum())
    assert starts == count


def test_standing_things_stand_on_the_ground_whatever_their_size() -> None:
    for size in SIZES:
        rows = np.nonzero(drawn(shot(f"{size} red bus"), 0.0))[0]
        assert abs(rows.max() - BACKGROUNDS["sea"].ground * HEIGHT) < 8


def places(one: Shot, seconds: float) -> tuple[float, float]:
    """The middles, in widths, of what is red and of what is blue."""
    full = values(draw_shot(one, seconds=seconds, width=WIDTH, height=HEIGHT))
    found = []
    for name in ("red", "blue"):
        columns = np.nonzero(np.abs(full - np.asarray(PAINTS[name].main)).max(axis=2) <= 6)[1]
        found.append(float(columns.min() + columns.max()) / 2 / WIDTH)
    return found[0], found[1]


@pytest.mark.parametrize(("motion", "sign"), [("left_to_right", 1), ("right_to_left", -1)])
def test_the_first_of_two_actors_is_behind_and_comes_closer_or_keeps_its_distance(motion: str, sign: int) -> None:
    pair = (actor("small red frog", motion=motion), actor("small blue frog", motion=motion))
    gaps = {}
    for relation in ("chases", "follows"):
        one = Shot(background="snow", actors=pair, seconds=4.0, relation=relation)  # type: ignore[arg-type]
        times = (0.4, 1.6, 2.8, 3.6)
        seen = [places(one, seconds) for seconds in times]
        assert all(sign * (b - a) > 0.05 for k in (0, 1) for (a, b) in pairwise([pair[k] for pair in seen]))
        gaps[relation] = [sign * (ahead - behind) for behind, ahead in seen]
    assert all(a - b > 0.03 for a, b in pairwise(gaps["chases"]))
    assert gaps["chases"][0] > 0.42
    assert gaps["chases"][-1] < 0.23
    assert np.allclose(gaps["follows"], 0.3, atol=0.02)


def test_in_a_relation_both_look_the_way_they_go() -> None:
    pair = (actor("small red car", motion="left_to_right"), actor("small blue snail", motion="left_to_right"))
    there = Shot(background="stage", actors=pair, seconds=4.0, relation="chases")
    mirrored = tuple(dataclasses.replace(one, motion="right_to_left") for one in pair)
    back = dataclasses.replace(there, actors=mirrored)
    empty = values(background("stage", width=WIDTH, height=HEIGHT))
    right, left = (np.abs(values(draw_shot(s, seconds=2.0, width=WIDTH, height=HEIGHT)) - empty).max(axis=2) > 40
                   for s in (there, back))
    assert (right & left[:, ::-1]).sum() / (right | left[:, ::-1]).sum() > 0.85


def test_the_second_motion_is_done_in_the_second_half() -> None:
    one = Shot(background="sea", seconds=4.0,
               actors=(dataclasses.replace(actor("small red balloon", motion="left_to_right"), then="rise"),))
    xs, ys = zip(*(middle(one, seconds) for seconds in (0.2, 1.0, 1.8, 2.2, 3.0, 3.8)), strict=True)
    assert min(np.diff(xs[:3])) > 25
    assert np.ptp(xs[3:]) < 6
    assert np.ptp(ys[:3]) < 6
    assert max(np.diff(ys[3:])) < -20


def test_wheels_stand_while_a_thing_stays_and_turn_while_it_goes() -> None:
    one = Shot(background="street", seconds=4.0,
               actors=(dataclasses.replace(actor("large red bus", motion="still"), then="left_to_right"),))
    pictures = [draw_shot(one, seconds=s, width=WIDTH, height=HEIGHT).tobytes() for s in (0.2, 0.5, 1.1, 1.9, 2.2, 2.6)]
    assert len(set(pictures[:4])) == 1
    assert len(set(pictures[3:])) == 3


def test_a_shift_moves_a_thing_and_a_scale_makes_it_larger() -> None:
    plain = actor("medium red boat", motion="still")

    def with_actor(changed: Actor) -> Shot:
        return Shot(background="sea", actors=(changed,), seconds=2.0)

    x, y = middle(with_actor(plain), 0.0)
    moved_x, moved_y = middle(with_actor(dataclasses.replace(plain, shift=(0.1, -0.05))), 0.0)
    assert np.allclose((moved_x - x, moved_y - y), (32, -9), atol=1)
    ratio = drawn(with_actor(dataclasses.replace(plain, scale=1.15)), 0.0).sum() / drawn(with_actor(plain), 0.0).sum()
    assert abs(ratio - 1.15**2) < 0.08
    lowest = [np.nonzero(drawn(with_actor(dataclasses.replace(plain, scale=scale)), 0.0))[0].max() for scale in (0.85, 1.15)]
    assert abs(int(lowest[0]) - int(lowest[1])) <= 2


CAR, BUS = actor("small red car", motion="left_to_right"), actor("small blue bus", motion="left_to_right")


def scene(*actors: Actor, **changes: object) -> SceneSpec:
    plain = SceneSpec(name="one", background="street", actors=actors, seconds=1.0, title="标题", caption="描述")
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        (scene(dataclasses.replace(CAR, then="teleport")), "teleport.*zigzag"),
        (scene(CAR, relation="chases"), "exactly two actors"),
        (scene(CAR, BUS, CAR, relation="chases"), "exactly two actors"),
        (scene(CAR, dataclasses.replace(BUS, motion="right_to_left"), relation="follows"), "exactly two actors"),
        (scene(CAR, dataclasses.replace(BUS, motion="still"), relation="follows"), "exactly two actors"),
        (scene(*(dataclasses.replace(one, motion="zigzag") for one in (CAR, BUS)), relation="chases"), "left_to_right"),
        (scene(CAR, dataclasses.replace(BUS, then="spin"), relation="chases"), "second motion"),
        (scene(CAR, BUS, relation="loves"), "loves.*chases"),
        (scene(CAR, variant=-1), "variant -1"),
        (scene(CAR, variant=VARIANTS), f"variant {VARIANTS}"),
        (scene(dataclasses.replace(CAR, scale=-0.5)), "-0.5"),
        (scene(dataclasses.replace(CAR, scale=0.0)), "more than 0"),
        (scene(dataclasses.replace(CAR, scale=float("nan"))), "nan"),
        (scene(dataclasses.replace(CAR, shift=(float("inf"), 0.0))), "inf"),
        (scene(CAR, parts=(Shot(background="moon", actors=(BUS,), seconds=1.0),)), "moon.*stage"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(spec: SceneSpec, named: str) -> None:
    with pytest.raises(InputError, match=named):
        check_scene(spec)


def test_what_can_be_drawn_is_accepted() -> None:
    check_scene(scene(CAR, BUS, relation="chases", variant=VARIANTS - 1))
    check_scene(scene(dataclasses.replace(CAR, then="spin", scale=1.15, shift=(-0.1, 0.05)), BUS))
