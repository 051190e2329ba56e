"""Matching losses over a batch: a binary one on whole pairs, and one on the words of each text."""

from __future__ import annotations

import math

import pytest
import torch

from training.objectives import (
    draw_words,
    local_vision_word_matching,
    mil_nce,
    random_mismatches,
    video_text_matching_loss,
    word_clip_similarity,
)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_the_matching_loss_is_the_mean_of_what_the_right_answer_costs():
    logits, matching = torch.randn(12, dtype=torch.float64), torch.rand(12) < 0.5
    costs = [math.log(1 + math.exp(-x if m else x)) for x, m in zip(logits.tolist(), matching.tolist(), strict=True)]
    assert video_text_matching_loss(logits, matching).item() == pytest.approx(sum(costs) / 12, rel=1e-9)
    assert video_text_matching_loss(-logits, ~matching).item() == pytest.approx(sum(costs) / 12, rel=1e-9)
    assert torch.autograd.gradcheck(lambda x: video_text_matching_loss(x, matching), logits.requires_grad_())


def test_a_head_with_two_outputs_has_the_cross_entropy_of_both():
    logits, matching = torch.randn(9, 2), torch.rand(9) < 0.5
    wanted = torch.nn.functional.cross_entropy(logits, matching.long())
    torch.testing.assert_close(video_text_matching_loss(logits, matching), wanted)


def test_matching_of_large_logits_of_half_precision_and_of_no_pairs():
    logits, matching = torch.tensor([200.0, -200.0]), torch.tensor([False, False])
    assert video_text_matching_loss(logits, matching).item() == pytest.approx(100.0)
    half = video_text_matching_loss(logits.bfloat16(), matching)
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(100.0)
    assert video_text_matching_loss(torch.zeros(0), torch.zeros(0, dtype=torch.bool)).item() == 0
    for bad in (torch.zeros(3), torch.zeros(2, 3), torch.zeros(2, 1)):
        with pytest.raises(ValueError, match="logits must be"):
            video_text_matching_loss(bad, matching)


def test_a_mismatch_is_of_another_group_and_each_has_the_same_chance(generator):
    groups = torch.tensor([0, 1, 0, 2, 3])
    counts = torch.zeros(5, 5)
    for _ in range(3000):
        rows, found = random_mismatches(groups, generator=generator)
        assert found.all()
        counts[torch.arange(5), rows] += 1
    other = (groups[:, None] != groups[None, :]).float()
    torch.testing.assert_close(counts / 3000, other / other.sum(dim=1, keepdim=True), atol=0.04, rtol=0)
    assert (counts[other == 0] == 0).all()


def test_where_there_is_no_mismatch_it_is_said(generator):
    for groups in (torch.tensor([4, 4, 4]), torch.tensor([1])):
        rows, found = random_mismatches(groups, generator=generator)
        assert not found.any()
        assert rows.tolist() == list(range(len(groups)))


def test_words_are_drawn_from_the_significant_ones_then_again_then_from_the_rest(generator):
    words = torch.tensor([[False, True, True, True, True, True, True, False]] * 5)
    significant = torch.zeros_like(words)
    significant[0, [1, 2, 4, 5, 6]] = True
    significant[1, [3, 5, 6]] = True
    significant[2, [2, 4]] = True
    significant[3, [0, 7]] = True           # special tokens: none of the text's own
    words[4] = False
    thirds, seen = set(), torch.zeros(8)
    for _ in range(400):
        found = draw_words(words, significant, generator=generator)
        for row in (found[0], found[1], found[3]):
            assert len(set(row.tolist())) == 3
        seen[found[0]] += 1
        assert set(found[1].tolist()) == {3, 5, 6}
        assert set(found[2].tolist()) == {2, 4}
        thirds.add(int(found[2][2]))
        assert set(found[3].tolist()) <= set(range(1, 7))
        assert found[4].tolist() == [0, 1, 2]
    assert thirds == {2, 4}
    torch.testing.assert_close(seen[[1, 2, 4, 5, 6]] / 400, torch.full((5,), 0.6), atol=0.1, rtol=0)
    assert seen[[0, 3, 7]].sum() == 0


def matching_by_loops(words, clips, scale):
    """The published steps: each word with each clip, words joined, then the clip in the middle against all."""
    videos, count = len(clips), len(clips[0])

    def lse(values):
        return math.log(sum(math.exp(v) for v in values))

    def dot(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True))

    joined = [[[lse([scale * dot(h, e) for h in words[i]]) for e in clips[j]] for j in range(videos)] for i in range(videos)]
    total = 0.0
    for j in range(videos):
        c = count // 2
        column = [joined[i][j][c] for i in range(videos) for _ in range(count)]
        row = [joined[j][i][d] for i in range(videos) if i != j for d in range(count)]
        total += lse(column + row) - lse([joined[j][j][c]] * count)
    return total / videos


@pytest.mark.parametrize("clips", [1, 2, 3])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_word_matching_is_the_published_sum(clips, scale):
    words, frames = torch.randn(4, 3, 5, dtype=torch.float64), torch.randn(4, clips, 5, dtype=torch.float64)
    wanted = matching_by_loops(words.tolist(), frames.tolist(), scale)
    assert local_vision_word_matching(words, frames, logit_scale=scale).item() == pytest.approx(wanted, rel=1e-9)


def test_the_order_of_words_and_pairs_makes_no_difference_and_one_word_is_a_dot_product():
    words, frames, order = torch.randn(5, 3, 6), torch.randn(5, 2, 6), torch.randperm(5)
    wanted = local_vision_word_matching(words, frames)
    torch.testing.assert_close(local_vision_word_matching(words.flip(1), frames), wanted)
    torch.testing.assert_close(local_vision_word_matching(words[order], frames[order]), wanted)
    single = local_vision_word_matching(words[:, :1], frames[:, :1], logit_scale=2.0)
    torch.testing.assert_close(single, mil_nce(2.0 * words[:, 0] @ frames[:, 0].T))
    assert word_clip_similarity(words[:3], frames).shape == (3, 5, 2)


def test_the_gradient_of_word_matching_is_that_of_its_value_with_masked_clips():
    words, clips = (torch.randn(3, 2, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    mask = torch.tensor([[True, True], [True, False], [True, True]])
    for choice in ("middle", "all"):
        assert torch.autograd.gradcheck(
            lambda w, c, choice=choice: local_vision_word_matching(w, c, clip_mask=mask, positive_clips=choice),
            (words, clips),
        )
    loss = local_vision_word_matching(words, clips, clip_mask=mask)
    assert torch.equal(torch.autograd.grad(loss, clips)[0][1, 1], torch.zeros(4, dtype=torch.float64))


def test_word_matching_of_half_precision_is_computed_in_float32_and_of_one_pair_costs_nothing():
    words, clips = torch.randn(4, 3, 5).bfloat16(), torch.randn(4, 2, 5).bfloat16()
    found = local_vision_word_matching(words, clips)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, local_vision_word_matching(words.float(), clips.float()))
    assert local_vision_word_matching(words[:1], clips[:1]).item() == pytest.approx(0, abs=1e-6)


def test_shapes_that_do_not_fit_are_refused(generator):
    for clips in (torch.zeros(3, 2, 5), torch.zeros(2, 2, 4), torch.zeros(2, 5)):
        with pytest.raises(ValueError, match=r"\[B, K, D\]"):
            local_vision_word_matching(torch.zeros(2, 3, 5), clips)
    flags = torch.ones(2, 4, dtype=torch.bool)
    for significant, count in ((flags[:1], 3), (flags, 0), (flags, 5)):
        with pytest.raises(ValueError, match="words and significant"):
            draw_words(flags, significant, count=count, generator=generator)
