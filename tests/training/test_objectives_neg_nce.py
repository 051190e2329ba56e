"""NegNCE against plain loops: which negatives are hard, what they cost, and where there is no gradient."""

from __future__ import annotations

import math

import pytest
import torch

from training.objectives import info_nce, neg_nce, neg_nce_sums


def unit(*shape: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(*shape, dtype=torch.float64), dim=-1)


def probabilities(row, scale, skipped=()):
    powers = [0.0 if j in skipped else math.exp(scale * s) for j, s in enumerate(row)]
    return [min(max(power / sum(powers), 1e-6), 1 - 1e-6) for power in powers]


def by_loops(similarity, *, scale, margin=0.0, c_p=1.0, c_n=0.5):
    right, wrong = [], []
    for i, row in enumerate(similarity):
        chances = probabilities(row, scale)
        right.append(-math.log(chances[i]))
        for j, s in enumerate(row):
            if i != j and max(0, margin + s - similarity[i][i]) + max(0, margin + s - similarity[j][j]) > 0:
                wrong.append(-math.log(1 - chances[j]))
    return c_p * sum(right) / len(right) + (c_n * sum(wrong) / len(wrong) if wrong else 0.0)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("margin", [0.0, 0.2, -0.1])
@pytest.mark.parametrize("scale", [5.0, 100.0])
def test_it_is_the_published_sum(margin, scale):
    similarity = unit(9, 6) @ unit(9, 6).T
    wanted = by_loops(similarity.tolist(), scale=scale, margin=margin, c_p=0.7, c_n=1.3)
    found = neg_nce(similarity, logit_scale=scale, margin=margin, positive_weight=0.7, negative_weight=1.3)
    assert found.item() == pytest.approx(wanted, rel=1e-9)


def test_without_a_wrong_item_above_a_right_one_it_is_info_nce():
    similarity = torch.eye(6) + 0.1 * torch.rand(6, 6)
    torch.testing.assert_close(neg_nce(similarity, logit_scale=3.0), info_nce(similarity, logit_scale=3.0))


def test_ties_are_not_hard_and_a_margin_makes_them_so():
    similarity = torch.full((5, 5), 0.3)
    assert neg_nce(similarity, logit_scale=10.0).item() == pytest.approx(math.log(5))
    tied = neg_nce(similarity, logit_scale=10.0, margin=1e-3).item()
    assert tied == pytest.approx(math.log(5) - 0.5 * math.log(1 - 1 / 5))


def test_a_wrong_item_above_the_right_one_of_its_column_alone_is_hard():
    similarity = torch.tensor([[0.9, 0.5, 0.0], [0.1, 0.2, 0.0], [0.0, 0.0, 0.8]], dtype=torch.float64)
    for s in (similarity, similarity.T):            # the pair (0, 1) in both directions: S_01 = 0.5 > S_11
        assert neg_nce_sums(s, logit_scale=2.0, positives=torch.arange(3), own=s.diagonal())[2] == 1
        assert neg_nce(s, logit_scale=2.0).item() == pytest.approx(by_loops(s.tolist(), scale=2.0), rel=1e-9)


def test_few_hard_negatives_weigh_as_much_as_many():
    one, parts = torch.tensor([[1.0, 1.1], [0.0, 1.2]], dtype=torch.float64), []
    for count in (1, 3):                            # so many hard negatives, in blocks that do not see each other
        similarity = torch.block_diag(*[one] * count)
        parts.append(neg_nce(similarity, logit_scale=100.0, positive_weight=0.0).item())
    assert parts[0] == pytest.approx(-0.5 * math.log(1 - 1 / (1 + math.exp(-10))), rel=1e-6)
    assert parts[1] == pytest.approx(parts[0], rel=1e-6)


def test_the_gradient_is_that_of_the_value():
    similarity = (unit(6, 4) @ unit(6, 4).T).requires_grad_()
    scale = torch.tensor(4.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s, c: neg_nce(s, logit_scale=c, margin=0.1), (similarity, scale))


def test_an_order_of_the_pairs_makes_no_difference_and_neither_does_a_shift():
    similarity, order = unit(7, 4) @ unit(7, 4).T, torch.randperm(7)
    wanted = neg_nce(similarity, logit_scale=20.0)
    torch.testing.assert_close(neg_nce(similarity[order][:, order], logit_scale=20.0), wanted)
    torch.testing.assert_close(neg_nce(similarity + 0.25, logit_scale=20.0), wanted)


def test_a_probability_at_the_clamp_costs_what_the_clamp_costs_and_has_no_gradient():
    similarity = torch.tensor([[-1.0, 1.0], [-1.0, 1.0]], requires_grad=True)
    loss = neg_nce(similarity, logit_scale=100.0)
    loss.backward()
    # Row 0: P_00 at 1e-6, and the hard negative (0, 1) at 1 - 1e-6. Row 1: (1, 0) ties with S_00 and is not hard.
    assert loss.item() == pytest.approx((-math.log(1e-6) - math.log(1 - 1e-6)) / 2 - 0.5 * math.log(1e-6), rel=1e-6)
    assert torch.equal(similarity.grad, torch.zeros(2, 2))


def test_half_precision_is_computed_in_float32_and_a_batch_of_one_costs_nothing():
    similarity = (unit(8, 6) @ unit(8, 6).T).bfloat16()
    found = neg_nce(similarity, logit_scale=100.0)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, neg_nce(similarity.float(), logit_scale=100.0))
    assert neg_nce(torch.tensor([[0.3]]), logit_scale=100.0).item() == pytest.approx(0, abs=2e-6)


def test_the_sums_of_parts_of_the_rows_add_up_and_ignored_entries_are_not_there():
    similarity, scale = unit(6, 4) @ unit(6, 4).T, 8.0
    ignored = torch.rand(6, 6) < 0.3
    ignored = ignored | ignored.T
    wanted = [0.0, 0.0, 0]
    rows = similarity.tolist()
    for i in range(6):
        skipped = [j for j in range(6) if j != i and ignored[i, j]]
        chances = probabilities(rows[i], scale, skipped)
        wanted[0] -= math.log(chances[i])
        for j in set(range(6)) - {i, *skipped}:
            if rows[i][j] > min(rows[i][i], rows[j][j]):
                wanted[1] -= math.log(1 - chances[j])
                wanted[2] += 1
    assert wanted[2] > 3
    parts = [
        neg_nce_sums(
            similarity[part], logit_scale=scale, positives=torch.arange(6)[part], own=similarity.diagonal(),
            ignored=ignored[part],
        )
        for part in (slice(0, 2), slice(2, 6))
    ]  # fmt: skip
    assert sum(parts).tolist() == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("bad", [torch.zeros(2, 3), torch.zeros(4), torch.zeros(2, 2, 2)])
def test_a_matrix_that_is_not_square_is_refused(bad):
    with pytest.raises(ValueError, match=r"must be \[B, B\]"):
        neg_nce(bad, logit_scale=1.0)
    with pytest.raises(ValueError, match=r"own \[N\]"):
        neg_nce_sums(torch.zeros(2, 3), logit_scale=1.0, positives=torch.arange(2), own=torch.zeros(2))
