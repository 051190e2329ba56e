"""The token-wise score against plain loops over words and frames, and what masks and weights must do to it."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from retrieval.model.interaction import pooled_similarity, token_wise_similarity

TEXTS, VIDEOS, WORDS, FRAMES, DIMENSION = 3, 4, 5, 6, 8


def tokens(items: int, count: int, *, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(items, count, DIMENSION, generator=random), dim=-1)


def masks(items: int, count: int, *, seed: int) -> Tensor:
    mask = torch.rand(items, count, generator=torch.Generator().manual_seed(seed)) > 0.4
    mask[:, 0] = True
    return mask


def by_loops(
    words: Tensor, frames: Tensor, weights: Tensor, text_mask: Tensor, frame_mask: Tensor, *, neighbour_weight: float,
    neighbours: int,
) -> Tensor:
    """The definition, one pair and one word at a time, in float64."""
    words, frames = words.double(), frames.double()
    result = torch.zeros(len(words), len(frames), dtype=torch.float64)
    for a, b in itertools.product(range(len(words)), range(len(frames))):
        valid_words = [i for i in range(words.shape[1]) if text_mask[a, i]]
        valid_frames = [i for i in range(frames.shape[1]) if frame_mask[b, i]]
        total = sum(float(weights[a, i]) for i in valid_words)
        forth = 0.0
        for word in valid_words:
            score = {v: float(words[a, word] @ frames[b, v]) for v in valid_frames}
            best = max(score, key=score.__getitem__)
            likeness = sorted(
                ((max(float(frames[b, best] @ frames[b, u]), 0.0), score[u]) for u in valid_frames if u != best), reverse=True
            )
            near = sum(strength * value for strength, value in likeness[:neighbours]) / neighbours
            forth += float(weights[a, word]) / total * (score[best] + neighbour_weight * near)
        back = sum(max(float(words[a, i] @ frames[b, v]) for i in valid_words) for v in valid_frames) / len(valid_frames)
        result[a, b] = (forth + back) / 2
    return result


@pytest.mark.parametrize(("neighbour_weight", "neighbours"), [(0.0, 1), (0.5, 1), (0.5, 2), (0.3, 4)])
def test_it_is_the_definition_with_masks_weights_and_neighbours(neighbour_weight, neighbours):
    words, frames = tokens(TEXTS, WORDS, seed=1), tokens(VIDEOS, FRAMES, seed=2)
    text_mask, frame_mask = masks(TEXTS, WORDS, seed=3), masks(VIDEOS, FRAMES, seed=4)
    weights = torch.rand(TEXTS, WORDS, generator=torch.Generator().manual_seed(5)) + 0.1
    found = token_wise_similarity(
        words, frames, text_weights=weights, text_mask=text_mask, frame_mask=frame_mask,
        neighbour_weight=neighbour_weight, neighbours=neighbours,
    )  # fmt: skip
    wanted = by_loops(words, frames, weights, text_mask, frame_mask, neighbour_weight=neighbour_weight, neighbours=neighbours)
    torch.testing.assert_close(found.double(), wanted, atol=1e-6, rtol=0)


def test_what_is_masked_changes_nothing():
    words, frames = tokens(TEXTS, WORDS, seed=1), tokens(VIDEOS, FRAMES, seed=2)
    text_mask, frame_mask = masks(TEXTS, WORDS, seed=3), masks(VIDEOS, FRAMES, seed=4)
    settings = {"text_mask": text_mask, "frame_mask": frame_mask, "neighbour_weight": 0.5, "neighbours": 2}
    before = token_wise_similarity(words, frames, **settings)
    other_words = torch.where(text_mask[..., None], words, tokens(TEXTS, WORDS, seed=8))
    other_frames = torch.where(frame_mask[..., None], frames, tokens(VIDEOS, FRAMES, seed=9))
    torch.testing.assert_close(token_wise_similarity(other_words, other_frames, **settings), before)


def test_a_masked_frame_does_not_win_when_all_valid_ones_are_negative():
    word = torch.tensor([[[1.0, 0.0]]])
    frames = torch.tensor([[[-0.6, 0.8], [0.0, 0.0]]])
    found = token_wise_similarity(word, frames, frame_mask=torch.tensor([[True, False]]))
    torch.testing.assert_close(found, torch.tensor([[-0.6]]))


def test_one_word_and_one_frame_are_the_cosine():
    words, frames = tokens(TEXTS, 1, seed=1), tokens(VIDEOS, 1, seed=2)
    plain = pooled_similarity(words[:, 0], frames[:, 0])
    torch.testing.assert_close(token_wise_similarity(words, frames), plain)
    torch.testing.assert_close(token_wise_similarity(words, frames, neighbour_weight=0.5), plain)  # nobody beside it


def test_weights_count_by_their_share_and_all_zero_weights_as_equal():
    words, frames = tokens(TEXTS, WORDS, seed=1), tokens(VIDEOS, FRAMES, seed=2)
    weights = torch.rand(TEXTS, WORDS) + 0.1
    once = token_wise_similarity(words, frames, text_weights=weights)
    torch.testing.assert_close(token_wise_similarity(words, frames, text_weights=7 * weights), once)
    plain = token_wise_similarity(words, frames)
    torch.testing.assert_close(token_wise_similarity(words, frames, text_weights=0 * weights), plain)


def test_gradients_reach_words_and_frames():
    words, frames = tokens(TEXTS, WORDS, seed=1).double(), tokens(VIDEOS, FRAMES, seed=2).double()
    mask = masks(VIDEOS, FRAMES, seed=4)

    def score(w: Tensor, f: Tensor) -> Tensor:
        return token_wise_similarity(w, f, frame_mask=mask, neighbour_weight=0.5, neighbours=2)

    assert torch.autograd.gradcheck(score, (words.requires_grad_(), frames.requires_grad_()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"text_mask": torch.zeros(TEXTS, WORDS, dtype=torch.bool)},
        {"frame_mask": torch.ones(VIDEOS, FRAMES)},
        {"text_mask": torch.ones(TEXTS, WORDS + 1, dtype=torch.bool)},
        {"text_weights": -torch.ones(TEXTS, WORDS)},
        {"neighbours": 0},
    ],
)
def test_what_does_not_fit_is_refused(wrong):
    with pytest.raises(ValueError, match=r"mask|weights|neighbours"):
        token_wise_similarity(tokens(TEXTS, WORDS, seed=1), tokens(VIDEOS, FRAMES, seed=2), **wrong)
