"""MIL-NCE against plain loops, with one and with several clips a video, and by parts of a batch."""

from __future__ import annotations

import math

import pytest
import torch

from training.objectives import mil_nce, mil_nce_of_rows


def by_loops(matrix, clips, *, weights=None, mask=None, all_clips=False):
    videos = len(matrix) // clips
    mask = mask or [[True] * clips] * videos
    there = [(j, c) for j in range(videos) for c in range(clips) if mask[j][c]]

    def lse(values):
        return math.log(sum(math.exp(v) for v in values))

    total = 0.0
    for j in range(videos):
        own = [c for c in range(clips) if mask[j][c]]
        losses = []
        for clip in own if all_clips else own[len(own) // 2 :][:1]:
            r = j * clips + clip
            column = {(i, c): matrix[i * clips + c][r] for i, c in there}
            row = [matrix[r][i * clips + c] for i, c in there if i != j]
            losses.append(lse([*column.values(), *row]) - lse([v for (i, _), v in column.items() if i == j]))
        total += (sum(losses) / len(losses) if losses else 0.0) * (1.0 if weights is None else weights[j])
    return total / videos


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("clips", [1, 2, 3, 4])
@pytest.mark.parametrize("positive_clips", ["middle", "all"])
def test_it_is_the_published_sum(clips, positive_clips):
    matrix, weights = torch.randn(5 * clips, 5 * clips, dtype=torch.float64), torch.rand(5, dtype=torch.float64)
    every = positive_clips == "all"
    found = mil_nce(matrix, clips_per_video=clips, pair_weights=weights, positive_clips=positive_clips)
    wanted = by_loops(matrix.tolist(), clips, weights=weights.tolist(), all_clips=every)
    assert found.item() == pytest.approx(wanted, rel=1e-9)
    plain = mil_nce(matrix, clips_per_video=clips, positive_clips=positive_clips).item()
    assert plain == pytest.approx(by_loops(matrix.tolist(), clips, all_clips=every), rel=1e-9)


@pytest.mark.parametrize("positive_clips", ["middle", "all"])
def test_clips_that_are_not_valid_are_not_there(positive_clips):
    matrix = torch.randn(12, 12, dtype=torch.float64)
    mask = torch.tensor([[True, True, True], [True, False, False], [False, True, True], [False, False, False]])
    found = mil_nce(matrix, clips_per_video=3, clip_mask=mask, positive_clips=positive_clips)
    wanted = by_loops(matrix.tolist(), 3, mask=mask.tolist(), all_clips=positive_clips == "all")
    assert found.item() == pytest.approx(wanted, rel=1e-9)


def test_with_nothing_valid_it_costs_nothing_and_has_a_gradient():
    matrix = torch.randn(4, 4, requires_grad=True)
    loss = mil_nce(matrix, clips_per_video=2, clip_mask=torch.zeros(2, 2, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(matrix.grad, torch.zeros(4, 4))


def test_only_the_middle_clip_is_pulled_and_all_are_when_asked():
    for choice, pulled in (("middle", [False, True, False]), ("all", [True] * 3)):
        matrix = torch.zeros(6, 6, requires_grad=True)
        mil_nce(matrix, clips_per_video=3, positive_clips=choice).backward()
        assert (matrix.grad[:3, :3].sum(dim=0) < 0).tolist() == pulled


@pytest.mark.parametrize("clips", [1, 3])
def test_the_gradient_is_that_of_the_value(clips):
    matrix = torch.randn(2 * clips, 2 * clips, dtype=torch.float64, requires_grad=True)
    mask = torch.ones(2, clips, dtype=torch.bool)
    mask[0, 1:] = False
    weights = torch.tensor([0.3, 1.0], dtype=torch.float64)
    for choice in ("middle", "all"):
        assert torch.autograd.gradcheck(
            lambda m, choice=choice: mil_nce(
                m, clips_per_video=clips, pair_weights=weights, clip_mask=mask, positive_clips=choice
            ),
            matrix,
        )


def test_with_one_clip_both_directions_are_one_and_a_shift_makes_no_difference():
    matrix = torch.randn(6, 6)
    wanted = mil_nce(matrix)
    torch.testing.assert_close(mil_nce(matrix.T), wanted)
    torch.testing.assert_close(mil_nce(matrix + 30.0), wanted)
    order = torch.randperm(6)
    torch.testing.assert_close(mil_nce(matrix[order][:, order]), wanted)


def test_equal_logits_cost_the_logarithm_of_what_is_in_the_softmax():
    assert mil_nce(torch.zeros(6, 6)).item() == pytest.approx(math.log(6 + 5))
    assert mil_nce(torch.zeros(6, 6), clips_per_video=3).item() == pytest.approx(math.log(6 + 3) - math.log(3))


def test_half_precision_and_large_logits_and_a_batch_of_one():
    matrix = (100 * torch.randn(6, 6)).bfloat16()
    found = mil_nce(matrix)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, mil_nce(matrix.float()))
    assert torch.isfinite(found)
    assert mil_nce(torch.tensor([[7.0]])).item() == 0


@pytest.mark.parametrize("ignoring", [False, True])
def test_parts_of_a_batch_add_up_to_the_whole(ignoring):
    matrix = torch.randn(6, 6, dtype=torch.float64)
    ignored = None
    if ignoring:
        ignored = torch.rand(6, 6) < 0.3
        ignored = ignored | ignored.T | torch.eye(6, dtype=torch.bool)
    parts = [
        mil_nce_of_rows(
            matrix[rows], matrix.T[rows], positives=torch.arange(6)[rows],
            ignored=None if ignored is None else ignored[rows],
        )
        for rows in (slice(0, 2), slice(2, 6))
    ]  # fmt: skip
    seen = matrix if ignored is None else matrix.masked_fill(ignored & ~torch.eye(6, dtype=torch.bool), -1e9)
    torch.testing.assert_close(sum(parts) / 6, mil_nce(seen))


def test_shapes_that_do_not_fit_are_refused():
    for arguments, message in (
        ({"similarity": torch.zeros(2, 3)}, r"\[B\*P, B\*P\]"),
        ({"similarity": torch.zeros(0, 0)}, r"\[B\*P, B\*P\]"),
        ({"similarity": torch.zeros(4, 4), "clips_per_video": 3}, "videos of 3 clips"),
        ({"similarity": torch.zeros(4, 4), "pair_weights": torch.ones(3)}, r"pair_weights must be \[4\]"),
        ({"similarity": torch.zeros(4, 4), "clip_mask": torch.ones(4, 1)}, "clip_mask must be bool"),
        ({"similarity": torch.zeros(4, 4), "positive_clips": "first"}, "positive_clips must be"),
    ):
        with pytest.raises(ValueError, match=message):
            mil_nce(**arguments)
    with pytest.raises(ValueError, match="there and back"):
        mil_nce_of_rows(torch.zeros(2, 3), torch.zeros(3, 2), positives=torch.arange(2))
