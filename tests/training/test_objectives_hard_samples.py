"""Hard sample curriculum learning: which negatives are chosen, what a positive weighs, and from when on."""

from __future__ import annotations

import pytest
import torch

from training.objectives import (
    curriculum_share,
    draws_hard_negatives,
    hard_negative_indices,
    positive_pair_weights,
)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def chosen_by_loops(row, own, count, rule, excluded=()):
    easiness = {j: abs(s - row[own]) if rule == "nearest" else -s for j, s in enumerate(row) if j != own}
    return sorted(easiness, key=lambda j: (j in excluded, easiness[j], j))[:count]


@pytest.mark.parametrize("rule", ["nearest", "top_k"])
@pytest.mark.parametrize("count", [1, 4, 11])
def test_the_hardest_come_first_and_the_own_item_never(rule, count):
    similarity = (torch.randint(-8, 9, (7, 12)) / 8).double()       # with many ties
    own = torch.tensor([11, 0, 3, 3, 5, 6, 2])
    found = hard_negative_indices(similarity, count=count, own=own, rule=rule)
    rows = similarity.tolist()
    assert found.tolist() == [chosen_by_loops(rows[i], int(own[i]), count, rule) for i in range(7)]
    diagonal = hard_negative_indices(similarity, count=count, rule=rule)
    assert diagonal.tolist() == [chosen_by_loops(rows[i], i, count, rule) for i in range(7)]


def test_what_is_not_really_wrong_is_chosen_last():
    similarity, excluded = torch.randn(6, 8).double(), torch.rand(6, 8) < 0.5
    excluded[0] = True
    found = hard_negative_indices(similarity, count=7, excluded=excluded)
    for i in range(6):
        out = {j for j in range(8) if excluded[i, j]}
        assert found[i].tolist() == chosen_by_loops(similarity[i].tolist(), i, 7, "nearest", out)


def test_a_shift_makes_no_difference_and_equal_scores_are_taken_in_order():
    similarity = torch.randint(-8, 9, (5, 9)) / 8
    wanted = hard_negative_indices(similarity, count=5)
    assert torch.equal(hard_negative_indices(similarity + 4.0, count=5), wanted)
    assert torch.equal(hard_negative_indices(similarity.bfloat16(), count=5), wanted)
    assert hard_negative_indices(torch.zeros(2, 4), count=3).tolist() == [[1, 2, 3], [0, 2, 3]]


def test_the_matrix_is_left_as_it_was():
    similarity = torch.randn(4, 6, requires_grad=True)
    before = similarity.detach().clone()
    found = hard_negative_indices(similarity, count=2, rule="top_k")
    assert torch.equal(similarity.detach(), before)
    assert not found.requires_grad


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 4}, r"count must be in 1\.\.3"),
        ({"count": 0}, r"count must be in 1\.\.3"),
        ({"count": 2, "rule": "hardest"}, "rule must be"),
        ({"count": 2, "own": torch.arange(3)}, r"own must be \[2\]"),
    ],
)
def test_what_cannot_be_chosen_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        hard_negative_indices(torch.zeros(2, 4), **arguments)


def test_a_batch_of_one_alone_has_no_negative_and_more_rows_than_columns_need_own():
    with pytest.raises(ValueError, match=r"count must be in 1\.\.0"):
        hard_negative_indices(torch.zeros(1, 1), count=1)
    with pytest.raises(ValueError, match="similarity must be"):
        hard_negative_indices(torch.zeros(3, 2), count=1)


def weights_by_loops(values, floor):
    mean, lowest = sum(values) / len(values), min(values)
    return [
        1.0 if s <= mean or s - lowest < 1e-6 else max((mean - lowest) / (s - lowest), floor) for s in values
    ]  # fmt: skip


@pytest.mark.parametrize("floor", [0.2, 0.6])
def test_easy_positives_weigh_less(floor):
    similarity = torch.cat([torch.randn(30, dtype=torch.float64), torch.tensor([9.0], dtype=torch.float64)])
    found = positive_pair_weights(similarity, floor=floor)
    torch.testing.assert_close(found.tolist(), weights_by_loops(similarity.tolist(), floor))
    assert found.min() >= floor
    assert (found == 1).any()
    torch.testing.assert_close(positive_pair_weights(similarity - 5.0, floor=floor), found)
    torch.testing.assert_close(positive_pair_weights(3.0 * similarity, floor=floor), found)


def test_an_outlier_weighs_the_floor():
    assert positive_pair_weights(torch.tensor([0.0] * 9 + [1.0]))[-1].item() == pytest.approx(0.2)


@pytest.mark.parametrize("count", [1, 3, 7])
@pytest.mark.parametrize("value", [0.1, 0.3, 1.1])
def test_equal_positives_weigh_the_same_whatever_rounding_says(value, count):
    assert positive_pair_weights(torch.full((count,), value)).tolist() == [1.0] * count
    near = torch.full((count,), value)
    near[0] = torch.nextafter(near[0], torch.tensor(9.0))
    assert positive_pair_weights(near).tolist() == [1.0] * count


def test_weights_of_half_precision_and_without_gradient():
    similarity = torch.rand(9).bfloat16().requires_grad_()
    found = positive_pair_weights(similarity)
    assert found.dtype == torch.float32
    assert not found.requires_grad
    torch.testing.assert_close(found, positive_pair_weights(similarity.detach().float()))
    for bad in (torch.zeros(2, 2), torch.zeros(0)):
        with pytest.raises(ValueError, match=r"must be \[b\]"):
            positive_pair_weights(bad)


def test_the_share_of_hard_negatives_goes_up_in_steps_and_stays_at_all():
    found = [curriculum_share(step) for step in (0, 4999, 5000, 9999, 10_000, 15_000, 30_000, 34_999, 35_000, 10**7)]
    assert found == pytest.approx([0, 0, 0.15, 0.15, 0.3, 0.45, 0.9, 0.9, 1, 1])
    assert curriculum_share(70, every=10) == 1.0
    assert [curriculum_share(step, every=2, rate=0.5) for step in range(6)] == [0, 0, 0.5, 0.5, 1, 1]
    for bad in ({"step": -1}, {"step": 1, "every": 0}, {"step": 1, "rate": -0.1}):
        with pytest.raises(ValueError, match="must not be below"):
            curriculum_share(**bad)


def test_steps_are_drawn_as_often_as_the_share_says_and_the_same_for_whoever_asks():
    drawn = [draws_hard_negatives(step, seed=3, every=10_000, rate=0.3) for step in range(10_000, 20_000)]
    assert sum(drawn) / 10_000 == pytest.approx(0.3, abs=0.02)      # 4 standard deviations
    assert drawn[:50] == [draws_hard_negatives(step, seed=3, every=10_000, rate=0.3) for step in range(10_000, 10_050)]
    assert drawn[:50] != [draws_hard_negatives(step, seed=4, every=10_000, rate=0.3) for step in range(10_000, 10_050)]
    assert not any(draws_hard_negatives(step, seed=3) for step in range(5000))
    assert all(draws_hard_negatives(step, seed=3) for step in range(35_000, 36_000))
