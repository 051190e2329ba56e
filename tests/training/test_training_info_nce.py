"""InfoNCE against plain loops, and the objective that a recipe puts together from it."""

from __future__ import annotations

import math

import pytest
import torch

from retrieval.model import InteractionSettings, TextFeatures, VideoFeatures, token_wise_similarity
from training.objectives import RetrievalObjective, info_nce, info_nce_by_rows
from training.recipe import Losses, Objective


def unit(*shape: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(*shape), dim=-1)


def by_loops(similarity, *, logit_scale, positives, ignored=None):
    total = 0.0
    for row, positive in enumerate(positives):
        others = [
            math.exp(logit_scale * similarity[row][column])
            for column in range(len(similarity[row]))
            if column == positive or ignored is None or not ignored[row][column]
        ]
        total += math.log(sum(others)) - logit_scale * similarity[row][positive]
    return total / len(positives)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_the_gradient_is_that_of_the_values_also_by_rows_and_with_ignored_entries():
    similarity, scale = (unit(4, 8) @ unit(6, 8).T).double().requires_grad_(), torch.tensor(7.0).double().requires_grad_()
    positives, ignored = torch.tensor([1, 0, 5, 2]), torch.rand(4, 6) < 0.3

    def by_rows(found, factor):
        return info_nce_by_rows(
            found.__getitem__, positives=positives, logit_scale=factor, chunk=3, ignored=ignored.__getitem__
        )

    def whole(found, factor):
        return info_nce(found, logit_scale=factor, positives=positives, ignored=ignored)

    assert torch.autograd.gradcheck(whole, (similarity, scale))
    assert torch.autograd.gradcheck(by_rows, (similarity, scale))


def test_the_mean_cross_entropy_of_the_diagonal():
    similarity = unit(6, 8) @ unit(6, 8).T
    wanted = by_loops(similarity.tolist(), logit_scale=20.0, positives=range(6))
    assert info_nce(similarity, logit_scale=20.0).item() == pytest.approx(wanted, rel=1e-5)


def test_scores_that_tell_nothing_cost_the_logarithm_of_their_number():
    assert info_nce(torch.zeros(10, 10), logit_scale=100.0).item() == pytest.approx(math.log(10))


def test_rows_of_one_process_with_columns_of_all_and_ignored_entries():
    similarity = (unit(3, 8) @ unit(7, 8).T).double()
    positives = [2, 6, 0]
    ignored = torch.zeros(3, 7, dtype=torch.bool)
    ignored[0, 2] = ignored[0, 5] = ignored[2, 1] = True        # (0, 2) is row 0's own: it stays
    wanted = by_loops(similarity.tolist(), logit_scale=9.0, positives=positives, ignored=ignored.tolist())
    found = info_nce(similarity, logit_scale=9.0, positives=torch.tensor(positives), ignored=ignored)
    assert found.item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("bad", [torch.zeros(2, 3), torch.zeros(4), torch.zeros(2, 2, 2)])
def test_a_matrix_that_is_not_square_needs_positives(bad):
    with pytest.raises(ValueError, match="similarity must be"):
        info_nce(bad, logit_scale=1.0)


@pytest.mark.parametrize("chunk", [1, 3, 7, 50])
def test_by_rows_it_has_the_value_and_the_gradients_of_the_whole(chunk):
    texts, videos, scale = unit(7, 8).requires_grad_(), unit(9, 8).requires_grad_(), torch.tensor(10.0, requires_grad=True)
    positives, ignored = torch.tensor([3, 1, 8, 0, 2, 2, 5]), torch.rand(7, 9) < 0.2
    whole = info_nce(texts @ videos.T, logit_scale=scale, positives=positives, ignored=ignored)
    wanted = torch.autograd.grad(whole, (texts, videos, scale))
    parts = info_nce_by_rows(
        lambda rows: texts[rows] @ videos.T, positives=positives, logit_scale=scale, chunk=chunk,
        ignored=lambda rows: ignored[rows],
    )  # fmt: skip
    torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(torch.autograd.grad(parts, (texts, videos, scale)), wanted)


def test_by_rows_no_more_than_a_chunk_is_kept_for_the_gradient():
    texts, videos = unit(64, 8).requires_grad_(), unit(64, 8).requires_grad_()
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        info_nce_by_rows(
            lambda rows: texts[rows] @ videos.T, positives=torch.arange(64), logit_scale=torch.tensor(5.0), chunk=8
        )
    assert max(kept, default=0) <= 64 * 8


def features(count: int, *, words: int = 5, frames: int = 3) -> tuple[TextFeatures, VideoFeatures]:
    word_mask = torch.arange(words) < torch.randint(1, words + 1, (count, 1))
    frame_mask = torch.arange(frames) < torch.randint(1, frames + 1, (count, 1))
    texts = TextFeatures(unit(count, 8), unit(count, words, 8) * word_mask[..., None], word_mask)
    return texts, VideoFeatures(unit(count, 8), unit(count, frames, 8) * frame_mask[..., None], frame_mask)


@pytest.mark.parametrize("chunk", [None, 2])
def test_the_objective_is_the_weighted_sum_of_both_scores_in_both_directions(chunk):
    texts, videos = features(6)
    settings = Objective(pooled=Losses(info_nce=1.0), token_wise=Losses(info_nce=0.25), chunk=chunk)
    objective = RetrievalObjective(settings, interaction=InteractionSettings(neighbour_weight=0.5))
    terms = objective(texts, videos, logit_scale=torch.tensor(12.0), text_ids=torch.arange(6))
    pooled = texts.pooled @ videos.pooled.T
    words = token_wise_similarity(
        texts.words, videos.frames, text_mask=texts.mask, frame_mask=videos.mask, neighbour_weight=0.5
    )
    both = [(info_nce(s, logit_scale=12.0) + info_nce(s.T, logit_scale=12.0)) / 2 for s in (pooled, words)]
    assert terms.keys() == {"pooled.info_nce", "token_wise.info_nce", "loss"}
    torch.testing.assert_close(terms["pooled.info_nce"], both[0])
    torch.testing.assert_close(terms["token_wise.info_nce"], both[1])
    torch.testing.assert_close(terms["loss"], both[0] + 0.25 * both[1])


def test_a_clip_with_the_very_same_text_is_no_negative_unless_the_recipe_says_so():
    texts, videos = features(4)
    ids = torch.tensor([7, 8, 7, 9])
    ignored = torch.zeros(4, 4, dtype=torch.bool)
    ignored[0, 2] = ignored[2, 0] = True
    pooled = texts.pooled @ videos.pooled.T
    for choice, mask in (("ignored", ignored), ("negative", None)):
        objective = RetrievalObjective(Objective(identical_texts=choice), interaction=InteractionSettings())
        found = objective(texts, videos, logit_scale=torch.tensor(5.0), text_ids=ids)["loss"]
        ways = [
            info_nce(s, logit_scale=5.0, positives=torch.arange(4), ignored=mask) for s in (pooled, pooled.T)
        ]  # fmt: skip
        torch.testing.assert_close(found, sum(ways) / 2)
