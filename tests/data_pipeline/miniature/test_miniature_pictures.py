"""What is drawn is what the data say: the thing, its colour, its size, its place and its motion."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from data_pipeline.miniature.backgrounds import BACKGROUNDS, background
from data_pipeline.miniature.colours import PAINTS
from data_pipeline.miniature.motions import MOTIONS
from data_pipeline.miniature.pen import Pen
from data_pipeline.miniature.picture import SIZES, draw_shot
from data_pipeline.miniature.spec import Shot, actor
from data_pipeline.miniature.sprites import PHASES, shadow, sprite
from data_pipeline.miniature.things import THINGS

WIDTH, HEIGHT = 320, 180


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
    first = background(name, width=WIDTH, height=HEIGHT).tobytes()
    background.cache_clear()
    assert background(name, width=WIDTH, height=HEIGHT).tobytes() == first
    others = [background(other, width=WIDTH, height=HEIGHT) for other in BACKGROUNDS if other != name]
    mine = values(background(name, width=WIDTH, height=HEIGHT))
    assert all(np.abs(mine - values(other)).mean() > 10 for other in others)


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
