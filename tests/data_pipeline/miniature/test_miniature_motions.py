"""Motions are what they are called, and two of them follow each other without a jump and in the frame."""

from __future__ import annotations

from itertools import combinations, pairwise, product

import numpy as np
import pytest
from numpy.typing import NDArray

from data_pipeline.miniature.motions import MOTIONS, Motion, Pose, in_turn
from data_pipeline.miniature.relations import places_in_relation

PAIRS = list(product(MOTIONS, repeat=2))
STEPS = 240


def poses(motion: Motion, *, low: float = 0.0, high: float = 1.0) -> list[Pose]:
    return [motion.pose(share) for share in np.linspace(low, high, STEPS + 1)]


def path(motion: Motion, *, low: float = 0.0, high: float = 1.0) -> NDArray[np.float64]:
    """Rows of x, y, logarithm of the scale."""
    return np.array([(pose.x, pose.y, np.log(pose.scale)) for pose in poses(motion, low=low, high=high)])


def test_receding_is_approaching_backwards() -> None:
    for share in (0.0, 0.3, 1.0):
        assert MOTIONS["recede"].pose(share) == MOTIONS["approach"].pose(1 - share)
    scales = [pose.scale for pose in poses(MOTIONS["recede"])]
    assert all(b < a for a, b in pairwise(scales))


def test_a_spin_turns_twice_on_the_spot() -> None:
    spin = poses(MOTIONS["spin"])
    assert {(pose.x, pose.y, pose.scale) for pose in spin} == {(0.0, 0.0, 1.0)}
    assert spin[-1].turn - spin[0].turn == 720


def test_a_zigzag_goes_right_in_straight_lines_with_sharp_corners() -> None:
    line = path(MOTIONS["zigzag"])
    assert np.allclose(np.diff(line[:, 0]), 1 / STEPS)
    climb = np.sign(np.diff(line[:, 1]))
    assert (np.diff(climb) != 0).sum() >= 5
    assert np.allclose(np.abs(np.diff(line[:, 1])), np.abs(np.diff(line[:, 1])[0]), atol=1e-9)
    assert np.ptp(line[:, 1]) > 0.4


def test_no_two_motions_are_alike() -> None:
    tracks = {name: np.array([(p.x, p.y, p.scale, p.turn / 90) for p in poses(MOTIONS[name])]) for name in MOTIONS}
    for one, other in combinations(tracks, 2):
        assert np.abs(tracks[one] - tracks[other]).max() > 0.15, (one, other)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_the_second_motion_begins_where_the_first_ends(first: str, second: str) -> None:
    both = in_turn(MOTIONS[first], MOTIONS[second])
    steps = np.abs(np.diff(path(both), axis=0))
    assert steps.max() < 0.05
    turns = [pose.turn % 360 for pose in poses(both)]
    jumps = [min(abs(b - a), 360 - abs(b - a)) for a, b in pairwise(turns)]
    assert max(jumps) < 10


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_each_half_is_its_own_motion(first: str, second: str) -> None:
    """Every half is the whole motion, moved and made smaller but neither bent nor slowed to nothing."""
    both = in_turn(MOTIONS[first], MOTIONS[second])
    for name, low, high in ((first, 0.0, 0.5 - 1e-9), (second, 0.5, 1.0)):
        half, whole = path(both, low=low, high=high), path(MOTIONS[name])
        for axis, least in ((0, 0.38), (1, 0.38), (2, 0.99)):
            way = whole[:, axis] - whole[0, axis]
            if np.ptp(way) > 1e-6:
                share = np.ptp(half[:, axis]) / np.ptp(way)
                assert least <= share <= 1.0 + 1e-6, axis
                assert np.allclose(half[:, axis] - half[0, axis], way * share, atol=1e-6)
        turns = [pose.turn for pose in poses(both, low=low, high=high)]
        assert np.allclose(turns, [pose.turn for pose in poses(MOTIONS[name])], atol=1e-4)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_both_motions_stay_in_the_frame(first: str, second: str) -> None:
    both = in_turn(MOTIONS[first], MOTIONS[second])
    line = path(both)
    assert np.abs(line[:, 0]).max() <= 0.42
    if both.tall:
        assert np.abs(line[:, 1]).max() <= 0.42
    assert line[:, 2].max() <= np.log(1.36)


def test_a_thing_keeps_looking_where_it_went() -> None:
    pose = in_turn(MOTIONS["right_to_left"], MOTIONS["bounce"]).pose
    assert [pose(share).to_left for share in (0.1, 0.4, 0.6, 1.0)] == [True] * 4
    pose = in_turn(MOTIONS["left_to_right"], MOTIONS["right_to_left"]).pose
    assert [pose(share).to_left for share in (0.1, 0.4, 0.6, 1.0)] == [False, False, True, True]


def test_a_chase_closes_the_gap_from_a_half_to_a_few_hundredths() -> None:
    small = ((1, 0.1), (1, 0.1))
    gaps = [np.diff(places_in_relation("chases", small, share=share, to_left=False))[0] for share in (0, 0.5, 1)]
    assert np.allclose(gaps, (0.5, 0.325, 0.15))


def test_a_follower_keeps_its_distance_and_is_slower_than_a_pursuer() -> None:
    small = ((1, 0.1), (1, 0.1))
    start, end = (places_in_relation("follows", small, share=share, to_left=False) for share in (0.0, 1.0))
    assert np.allclose(np.subtract(end, start), end[0] - start[0])
    assert np.isclose(start[1] - start[0], 0.3)
    chase = [places_in_relation("chases", small, share=share, to_left=False)[0] for share in (0.0, 1.0)]
    assert end[0] - start[0] < chase[1] - chase[0]


@pytest.mark.parametrize("relation", ["chases", "follows"])
@pytest.mark.parametrize("groups", [((1, 0.37), (1, 0.37)), ((3, 0.14), (5, 0.33)), ((4, 0.2), (1, 0.1))])
def test_the_pursuer_never_touches_the_pursued_and_the_mirrored_way_is_the_same(
    relation: str, groups: tuple[tuple[int, float], ...]
) -> None:
    count = groups[0][0]
    for share in np.linspace(0, 1, 9):
        places = places_in_relation(relation, groups, share=share, to_left=False)  # type: ignore[arg-type]
        mirrored = places_in_relation(relation, groups, share=share, to_left=True)  # type: ignore[arg-type]
        assert np.allclose(mirrored, np.subtract(1, places))
        assert places[count] - places[count - 1] >= (groups[0][1] + groups[1][1]) / 2 - 1e-9
