"""Token-wise losses on the hardest pairs of a batch alone."""

from __future__ import annotations

import pytest
import torch

from retrieval.errors import InputError
from retrieval.model import InteractionSettings, TextFeatures, VideoFeatures, token_wise_score
from tests.training.training_world import small_recipe
from training.objectives import RetrievalObjective, info_nce
from training.objectives.hardest_pairs import hardest_pairs
from training.recipe import Losses, Objective

SCALE = torch.tensor(9.0)
INTERACTION = InteractionSettings(neighbour_weight=0.5, sentence_weight=0.5)


def features(count: int) -> tuple[TextFeatures, VideoFeatures]:
    torch.manual_seed(0)
    unit = lambda *shape: torch.nn.functional.normalize(torch.randn(*shape), dim=-1)     # noqa: E731
    mask = torch.arange(5) < torch.randint(1, 6, (count, 1))
    shown = torch.arange(3) < torch.randint(1, 4, (count, 1))
    texts = TextFeatures(unit(count, 8), (unit(count, 5, 8) * mask[..., None]).requires_grad_(), mask)
    return texts, VideoFeatures(unit(count, 8), (unit(count, 3, 8) * shown[..., None]).requires_grad_(), shown)


def terms(objective: Objective, texts, videos, ids):
    found = RetrievalObjective(objective, interaction=INTERACTION)(texts, videos, logit_scale=SCALE, text_ids=ids)
    return found["loss"], torch.autograd.grad(found["loss"], (texts.words, videos.frames))


def test_pairs_are_the_own_ones_and_the_most_alike_of_each_row_and_column_by_loops():
    torch.manual_seed(1)
    similarity = torch.randn(7, 7)
    wanted = torch.eye(7, dtype=torch.bool)
    for one in range(7):
        others = [other for other in range(7) if other != one]
        for column in sorted(others, key=lambda other: -float(similarity[one, other]))[:2]:
            wanted[one, column] = wanted[column, one] = True
        for row in sorted(others, key=lambda other: -float(similarity[other, one]))[:2]:
            wanted[one, row] = wanted[row, one] = True
    assert torch.equal(hardest_pairs(similarity, count=2), wanted)
    assert 7 < wanted.sum() < 49
    assert hardest_pairs(similarity, count=99).all()
    assert hardest_pairs(similarity[:1, :1], count=2).tolist() == [[True]]
    for bad in ((similarity[:3], 2), (similarity, 0)):
        with pytest.raises(ValueError, match=r"must be \[N, N\]|count must be"):
            hardest_pairs(bad[0], count=bad[1])


def test_the_loss_is_that_of_the_whole_matrix_without_the_other_pairs():
    (texts, videos), ids = features(8), torch.tensor([0, 1, 2, 3, 4, 5, 6, 0])
    same = ids[:, None] == ids[None, :]
    skipped = same | ~hardest_pairs(texts.pooled @ videos.pooled.T, count=2, excluded=same)
    assert (skipped & ~same).any()
    whole = token_wise_score(texts, videos, interaction=INTERACTION)
    ways = [info_nce(way, logit_scale=SCALE, ignored=skipped) for way in (whole, whole.T)]
    wanted = sum(ways) / 2
    gradients = torch.autograd.grad(wanted, (texts.words, videos.frames))
    for chunk in (None, 3):
        settings = Objective(pooled=Losses(), token_wise=Losses(info_nce=1.0), hardest=2, chunk=chunk)
        loss, found = terms(settings, texts, videos, ids)
        torch.testing.assert_close(loss, wanted)
        torch.testing.assert_close(found, gradients)


@pytest.mark.parametrize("loss", ["info_nce", "neg_nce", "mil_nce"])
def test_with_room_for_all_pairs_it_is_the_loss_of_all(loss):
    (texts, videos), ids = features(6), torch.arange(6)
    both = [
        terms(Objective(pooled=Losses(), token_wise=Losses(**{loss: 1.0}), hardest=hardest), texts, videos, ids)
        for hardest in (None, 5)
    ]
    torch.testing.assert_close(both[0], both[1])


def test_without_a_token_wise_loss_there_is_nothing_to_save(tmp_path):
    with pytest.raises(InputError, match="hardest is for token-wise losses"):
        small_recipe(tmp_path, "objective.hardest=4")
