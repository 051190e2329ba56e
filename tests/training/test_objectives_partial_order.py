"""Partial-order training: the margin, and which tokens are taken away."""

from __future__ import annotations

import pytest
import torch

from training.objectives import partial_margin, select_important_tokens


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_the_margin_is_the_mean_of_what_is_lacking():
    complete, partial = torch.randn(20, dtype=torch.float64), torch.randn(20, dtype=torch.float64)
    wanted = [max(0.0, 0.6 - (c - p)) for c, p in zip(complete.tolist(), partial.tolist(), strict=True)]
    assert partial_margin(complete, partial).item() == pytest.approx(sum(wanted) / 20, rel=1e-12)
    assert 0 < sum(one == 0 for one in wanted) < 20
    shifted = partial_margin(complete + 3.0, partial + 3.0)
    torch.testing.assert_close(shifted, partial_margin(complete, partial))


def test_a_pair_that_keeps_the_margin_has_no_gradient_and_one_that_does_not_is_pushed_apart():
    complete, partial = torch.tensor([1.0, 0.5, 0.1], requires_grad=True), torch.zeros(3, requires_grad=True)
    partial_margin(complete, partial, margin=0.5).backward()
    torch.testing.assert_close(complete.grad, torch.tensor([0.0, 0.0, -1 / 3]))
    torch.testing.assert_close(partial.grad, torch.tensor([0.0, 0.0, 1 / 3]))
    doubles = [torch.randn(5, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(partial_margin, doubles)


def test_the_margin_of_half_precision_of_no_pairs_and_of_wrong_shapes():
    complete, partial = torch.rand(8).bfloat16(), torch.rand(8).bfloat16()
    found = partial_margin(complete, partial)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, partial_margin(complete.float(), partial.float()))
    assert partial_margin(torch.zeros(0), torch.zeros(0)).item() == 0
    for bad in (torch.zeros(3), torch.zeros(2, 1)):
        with pytest.raises(ValueError, match=r"\[B\] alike"):
            partial_margin(torch.zeros(2), bad)


def kept_by_loops(importance, mass, mask):
    keep, total = list(mask), 0.0
    for token in sorted(range(len(mask)), key=lambda t: (-importance[t], t)):
        if mask[token]:
            total += importance[token]
            if total < mass:
                keep[token] = False
    return keep


@pytest.mark.parametrize("mass", [0.3, 0.6, 0.95])
def test_the_most_important_tokens_go_while_their_sum_is_below_the_mass(mass):
    importance = torch.randn(4, 50, 11, dtype=torch.float64).mul(2).softmax(dim=-1)
    mask = torch.rand(4, 50, 11) < 0.7
    mask[0, 0] = False
    found = select_important_tokens(importance, mass=mass, mask=mask)
    plain = select_important_tokens(importance, mass=mass)
    for i in range(4):
        for j in range(50):
            row = importance[i, j].tolist()
            assert found[i, j].tolist() == kept_by_loops(row, mass, mask[i, j].tolist())
            assert plain[i, j].tolist() == kept_by_loops(row, mass, [True] * 11)
    assert plain.any(dim=-1).all()


def test_the_token_that_reaches_the_mass_stays_and_of_equal_ones_the_first_goes():
    assert select_important_tokens(torch.tensor([0.25, 0.5, 0.25]), mass=0.75).tolist() == [True, False, True]
    assert select_important_tokens(torch.full((4,), 0.25), mass=0.6).tolist() == [False, False, True, True]
    assert select_important_tokens(torch.tensor([0.7, 0.2, 0.1])).tolist() == [True, True, True]
    assert select_important_tokens(torch.tensor([0.5, 0.5]), mass=0.5).tolist() == [True, True]
    assert select_important_tokens(torch.full((40,), 0.025), mass=0.3).tolist() == [False] * 11 + [True] * 29


def test_padding_is_never_kept_and_its_importance_does_not_count():
    importance = torch.tensor([0.3, 0.9, 0.5, 0.2])
    mask = torch.tensor([True, False, True, True])
    kept = select_important_tokens(importance, mask=mask)
    assert kept.tolist() == [True, False, False, True]
    assert select_important_tokens(torch.zeros(2, 3), mask=torch.zeros(2, 3, dtype=torch.bool)).sum() == 0
    with pytest.raises(ValueError, match="mask must be bool"):
        select_important_tokens(importance, mask=mask[:3])


def test_the_choice_of_half_precision_is_made_on_its_exact_values_and_has_no_gradient():
    importance = torch.randn(30, 9).softmax(dim=-1).bfloat16().requires_grad_()
    found = select_important_tokens(importance)
    assert found.dtype == torch.bool
    assert torch.equal(found, select_important_tokens(importance.detach().float()))
