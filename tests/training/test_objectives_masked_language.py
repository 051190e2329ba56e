"""Masked language modelling: how many and which tokens are hidden, what stands in their place, and the loss."""

from __future__ import annotations

import math

import pytest
import torch

from training.objectives import (
    UNLABELLED,
    HiddenTokens,
    hidden_count,
    hide_significant,
    hide_uniformly,
    mask_tokens,
    masked_language_loss,
)

MASK = 103


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_uniform_masks_hide_the_share_of_the_texts_own_tokens_and_nothing_else(generator):
    words = torch.rand(400, 50, generator=generator) < 0.6
    hidden = hide_uniformly(words, share=0.15, generator=generator).hidden
    assert not (hidden & ~words).any()
    # 12,000 draws: 4 standard deviations are 0.013
    assert (hidden.sum() / words.sum()).item() == pytest.approx(0.15, abs=0.013)
    by_place = (hidden.sum(dim=0) / words.sum(dim=0)).tolist()
    assert min(by_place) > 0.05
    assert max(by_place) < 0.28


def test_the_number_that_is_hidden_is_the_published_one():
    wanted = {1: 0} | dict.fromkeys(range(2, 9), 1) | dict.fromkeys(range(9, 16), 2)
    wanted |= dict.fromkeys(range(16, 23), 3) | dict.fromkeys(range(23, 29), 4)
    assert {n: hidden_count(n) for n in wanted} == wanted
    assert hidden_count(0) == 0
    assert hidden_count(10, share=0.5) == 5


def test_significant_tokens_are_hidden_first_and_others_fill_up(generator):
    words = torch.rand(300, 30, generator=generator) < 0.8
    words[0] = False
    significant = torch.rand(300, 30, generator=generator) < torch.linspace(0, 0.5, 300)[:, None]
    chosen = hide_significant(words, significant, generator=generator)
    filled_up = 0
    for i in range(300):
        able, quota = significant[i] & words[i], hidden_count(int(words[i].sum()))
        hidden = chosen.hidden[i]
        assert hidden.sum() == quota
        assert not (hidden & ~words[i]).any()
        assert (hidden & able).sum() == min(quota, int(able.sum()))
        assert torch.equal(chosen.varied[i], hidden & able)
        filled_up += int(quota > able.sum())
    assert 20 < filled_up < 280


def test_each_significant_token_has_the_same_chance_and_so_has_each_that_fills_up(generator):
    words = torch.ones(4000, 16, dtype=torch.bool)          # 3 of 16 are hidden
    significant = torch.zeros_like(words)
    significant[:, 3:9] = True
    found = hide_significant(words, significant, generator=generator).hidden.float().mean(dim=0)
    torch.testing.assert_close(found[3:9], torch.full((6,), 0.5), atol=0.04, rtol=0)
    assert found[:3].sum() + found[9:].sum() == 0
    significant[:] = False
    significant[:, 5] = True
    found = hide_significant(words, significant, generator=generator).hidden.float().mean(dim=0)
    assert found[5] == 1
    torch.testing.assert_close(found[torch.arange(16) != 5], torch.full((15,), 2 / 15), atol=0.03, rtol=0)


def test_the_tokens_of_a_word_are_hidden_together(generator):
    numbers = torch.tensor([[-1, 0, 0, -1, 1, 1, 1, -1, -1, 2]]).expand(2000, -1)
    words, significant = torch.ones(2000, 10, dtype=torch.bool), numbers >= 0
    words[:, 0] = False
    chosen = hide_significant(words, significant, generator=generator, word_numbers=numbers)
    whole = [chosen.hidden[:, [1, 2]], chosen.hidden[:, [4, 5, 6]], chosen.hidden[:, [9]]]
    for part in whole:
        assert torch.equal(part.any(dim=1), part.all(dim=1))
    counts = [part.all(dim=1).float().mean().item() for part in whole]
    assert sum(counts) > 1                                  # 2 tokens of 9: two words where the first is short
    assert min(counts) > 0.3
    assert not (chosen.hidden & ~significant).any()
    assert chosen.hidden.sum(dim=1).min() >= 2


def test_a_long_word_has_the_chance_of_a_short_one(generator):
    numbers = torch.tensor([[0, 1, 1, 2, 2, 2, 2]]).expand(6000, -1)        # 1 of 7 tokens: one word
    words = torch.ones(6000, 7, dtype=torch.bool)
    hidden = hide_significant(words, words, generator=generator, word_numbers=numbers).hidden
    torch.testing.assert_close(hidden[:, [0, 1, 3]].float().mean(dim=0), torch.full((3,), 1 / 3), atol=0.025, rtol=0)


def test_a_padding_that_bears_the_number_of_a_word_is_not_hidden(generator):
    words = torch.tensor([[True, True, True, False, False]])
    numbers = torch.tensor([[0, 0, 1, 0, 0]])
    for _ in range(20):
        chosen = hide_significant(words, numbers >= 0, share=0.4, generator=generator, word_numbers=numbers)
        assert not chosen.hidden[0, 3:].any()


def test_hidden_tokens_are_masked_replaced_or_left_and_the_label_is_what_was_there(generator):
    ids = torch.randint(1000, 2000, (300, 40), generator=generator)
    hidden = torch.rand(300, 40, generator=generator) < 0.5
    varied = hidden & (torch.rand(300, 40, generator=generator) < 0.8)
    replacements, before = torch.tensor([5000, 5001, 5002]), ids.clone()
    found = mask_tokens(
        ids, HiddenTokens(hidden=hidden, varied=varied), mask_id=MASK, replacements=replacements, generator=generator
    )  # fmt: skip
    assert torch.equal(ids, before)
    assert torch.equal(found.labels, ids.masked_fill(~hidden, UNLABELLED))
    assert torch.equal(found.ids[~hidden], ids[~hidden])
    assert (found.ids[hidden & ~varied] == MASK).all()
    kinds = found.ids[varied]
    # about 4,800 draws: 4 standard deviations are 0.023 and 0.017
    assert (kinds == MASK).float().mean().item() == pytest.approx(0.8, abs=0.023)
    assert (kinds == ids[varied]).float().mean().item() == pytest.approx(0.1, abs=0.018)
    for replacement in replacements:
        assert (kinds == replacement).float().mean().item() == pytest.approx(0.1 / 3, abs=0.011)


def test_the_same_generator_hides_the_same():
    words, ids = torch.ones(5, 20, dtype=torch.bool), torch.arange(100).view(5, 20)
    found = []
    for _ in range(2):
        generator = torch.Generator().manual_seed(7)
        chosen = hide_uniformly(words, share=0.5, generator=generator)
        found.append(mask_tokens(ids, chosen, mask_id=MASK, replacements=torch.arange(9), generator=generator))
    assert torch.equal(found[0].ids, found[1].ids)


def test_the_loss_is_the_mean_cross_entropy_of_what_is_asked():
    logits, labels = torch.randn(3, 5, 7, dtype=torch.float64), torch.full((3, 5), UNLABELLED)
    labels[0, 1], labels[2, 4], labels[2, 0] = 6, 0, 3
    wanted = 0.0
    for i, place in ((0, 1), (2, 4), (2, 0)):
        row = logits[i, place].tolist()
        wanted += math.log(sum(map(math.exp, row))) - row[labels[i, place]]
    assert masked_language_loss(logits, labels).item() == pytest.approx(wanted / 3, rel=1e-9)
    assert masked_language_loss(logits, labels, count=6).item() == pytest.approx(wanted / 6, rel=1e-9)
    parts = [masked_language_loss(logits[h], labels[h], count=3 / 2) for h in (slice(0, 1), slice(1, 3))]
    assert sum(parts).item() / 2 == pytest.approx(wanted / 3, rel=1e-9)
    assert torch.autograd.gradcheck(lambda x: masked_language_loss(x, labels), logits.requires_grad_())


def test_a_loss_of_nothing_is_0_with_a_gradient_and_half_precision_is_computed_in_float32():
    logits = torch.randn(2, 3, 4, requires_grad=True)
    loss = masked_language_loss(logits, torch.full((2, 3), UNLABELLED))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros(2, 3, 4))
    half, labels = logits.detach().bfloat16(), torch.ones(2, 3, dtype=torch.int64)
    assert masked_language_loss(half, labels).dtype == torch.float32
    torch.testing.assert_close(masked_language_loss(half, labels), masked_language_loss(half.float(), labels))


def test_shapes_that_do_not_fit_are_refused(generator):
    flags = torch.ones(2, 3, dtype=torch.bool)
    with pytest.raises(ValueError, match="words and significant"):
        hide_significant(flags, flags[:, :2], generator=generator)
    chosen = HiddenTokens(hidden=flags, varied=flags)
    for ids, replacements in ((torch.ones(2, 2).long(), torch.ones(1).long()), (torch.ones(2, 3).long(), torch.ones(0).long())):
        with pytest.raises(ValueError, match="replacements"):
            mask_tokens(ids, chosen, mask_id=1, replacements=replacements, generator=generator)
    with pytest.raises(ValueError, match="vocabulary"):
        masked_language_loss(torch.zeros(2, 3), torch.zeros(2).long())
