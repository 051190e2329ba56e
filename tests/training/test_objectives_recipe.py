"""NegNCE and MIL-NCE as a recipe asks for them: on both scores, whole, by rows and over processes that are acted here."""

from __future__ import annotations

import pytest
import torch

from retrieval.model import InteractionSettings, TextFeatures, VideoFeatures, pooled_similarity, token_wise_similarity
from training.objectives import RetrievalObjective, mil_nce, mil_nce_of_rows, neg_nce
from training.objectives.rows import slices, sum_over_rows
from training.recipe import Losses, NegNce, Objective

SCALE = torch.tensor(12.0)


def unit(*shape: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(*shape), dim=-1)


def features(count: int) -> tuple[TextFeatures, VideoFeatures]:
    word_mask = torch.arange(5) < torch.randint(1, 6, (count, 1))
    frame_mask = torch.arange(3) < torch.randint(1, 4, (count, 1))
    texts = TextFeatures(unit(count, 8).requires_grad_(), unit(count, 5, 8) * word_mask[..., None], word_mask)
    return texts, VideoFeatures(unit(count, 8).requires_grad_(), unit(count, 3, 8) * frame_mask[..., None], frame_mask)


def settings(*, chunk: int | None = None) -> Objective:
    both = Losses(neg_nce=1.0, mil_nce=0.5)
    return Objective(
        pooled=both, token_wise=both, chunk=chunk, neg_nce=NegNce(margin=0.1, positive_weight=0.8, negative_weight=0.7)
    )


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("chunk", [None, 1, 4])
def test_the_terms_are_the_losses_of_both_scores(chunk):
    texts, videos = features(6)
    objective = RetrievalObjective(settings(chunk=chunk), interaction=InteractionSettings())
    terms = objective(texts, videos, logit_scale=SCALE, text_ids=torch.arange(6))
    matrices = {
        "pooled": pooled_similarity(texts.pooled, videos.pooled),
        "token_wise": token_wise_similarity(texts.words, videos.frames, text_mask=texts.mask, frame_mask=videos.mask),
    }
    wanted = torch.zeros(())
    for score, matrix in matrices.items():
        both = [
            neg_nce(way, logit_scale=SCALE, margin=0.1, positive_weight=0.8, negative_weight=0.7)
            for way in (matrix, matrix.T)
        ]
        torch.testing.assert_close(terms[f"{score}.neg_nce"], sum(both) / 2)
        torch.testing.assert_close(terms[f"{score}.mil_nce"], mil_nce(SCALE * matrix))
        wanted = wanted + sum(both) / 2 + 0.5 * mil_nce(SCALE * matrix)
    torch.testing.assert_close(terms["loss"], wanted)
    assert terms.keys() == {f"{score}.{name}" for score in matrices for name in ("neg_nce", "mil_nce")} | {"loss"}


def test_by_rows_the_gradients_are_those_of_the_whole():
    texts, videos = features(7)
    found = []
    for chunk in (None, 3):
        scale = torch.tensor(9.0, requires_grad=True)
        objective = RetrievalObjective(settings(chunk=chunk), interaction=InteractionSettings())
        loss = objective(texts, videos, logit_scale=scale, text_ids=torch.arange(7) % 5)["loss"]
        found.append(torch.autograd.grad(loss, (texts.pooled, videos.pooled, scale)))
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("chunk", [None, 2])
def test_the_mean_over_processes_is_the_loss_of_the_joined_batch_however_hard_negatives_are_spread(chunk):
    """Process 0 has many hard negatives, process 1 few: only a count over both gives each its right weight."""
    texts, videos = features(8)
    pooled = torch.nn.functional.one_hot(torch.arange(8), 8).float()
    confused = pooled.clone()
    confused[0], confused[1], confused[2], confused[6] = pooled[1], pooled[0], unit(8), unit(8)
    texts = TextFeatures(confused.requires_grad_(), texts.words, texts.mask)
    videos = VideoFeatures(pooled, videos.frames, videos.mask)
    both = Losses(neg_nce=1.0, mil_nce=1.0)
    objective = RetrievalObjective(Objective(pooled=both, chunk=chunk), interaction=InteractionSettings())
    ids = torch.arange(8)
    wanted = objective(texts, videos, logit_scale=SCALE, text_ids=ids)["loss"]
    wanted_gradient = torch.autograd.grad(wanted, texts.pooled)[0]
    # A process asks for the whole of each tensor in the same order: a first pass notes what each gives.
    halves, given = (slice(0, 4), slice(4, 8)), ([], [])
    parts = [
        (TextFeatures(texts.pooled[h], texts.words[h], texts.mask[h]),
         VideoFeatures(videos.pooled[h], videos.frames[h], videos.mask[h]))
        for h in halves
    ]  # fmt: skip
    for _ in range(4):      # each pass knows what the others gave in the pass before, one more gather deep
        found, seen = [], ([], [])
        for rank, (half, part) in enumerate(zip(halves, parts, strict=True)):

            def gather(own, rank=rank, seen=seen, given=given):
                place = len(seen[rank])
                seen[rank].append(own)
                other = given[1 - rank]
                others = other[place] if place < len(other) else torch.zeros_like(own)
                return torch.cat([own, others] if rank == 0 else [others, own])

            found.append(
                objective(*part, logit_scale=SCALE, text_ids=ids[half], gather=gather, first=half.start)["loss"]
            )
        given = seen
    torch.testing.assert_close((found[0] + found[1]) / 2, wanted)
    gradient = torch.autograd.grad((found[0] + found[1]) / 2, texts.pooled)[0]
    torch.testing.assert_close(gradient, wanted_gradient)


def test_a_clip_with_the_very_same_text_is_neither_wrong_nor_hard():
    texts, videos = features(4)
    ids = torch.tensor([7, 8, 7, 9])
    same = (ids[:, None] == ids[None, :]) & ~torch.eye(4, dtype=torch.bool)
    only = Objective(pooled=Losses(neg_nce=1.0), neg_nce=NegNce(negative_weight=0.0))
    found = RetrievalObjective(only, interaction=InteractionSettings())(texts, videos, logit_scale=SCALE, text_ids=ids)
    logits = (SCALE * pooled_similarity(texts.pooled, videos.pooled)).masked_fill(same, float("-inf"))
    ways = [-way.log_softmax(dim=1).diagonal().mean() for way in (logits, logits.T)]
    torch.testing.assert_close(found["loss"], sum(ways) / 2, atol=1e-5, rtol=1e-5)
    joint = RetrievalObjective(Objective(pooled=Losses(mil_nce=1.0)), interaction=InteractionSettings())
    terms = joint(texts, videos, logit_scale=SCALE, text_ids=ids)
    torch.testing.assert_close(terms["pooled.mil_nce"], mil_nce(logits.masked_fill(same, -1e9)))


def test_a_sum_over_rows_is_kept_in_chunks_and_needs_a_row():
    matrix, kept = torch.randn(64, 64, requires_grad=True), []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        total = sum_over_rows(
            lambda rows: mil_nce_of_rows(matrix[rows] * 2, matrix.T[rows] * 2, positives=torch.arange(64)[rows]),
            count=64, chunk=8,
        )  # fmt: skip
    assert max(kept, default=0) <= 64 * 8
    torch.testing.assert_close(total / 64, mil_nce(matrix * 2))
    assert [(rows.start, rows.stop) for rows in slices(7, 3)] == [(0, 3), (3, 6), (6, 7)]
    for bad, message in (({"count": 0, "chunk": None}, "a row"), ({"count": 2, "chunk": 0}, "chunk must be 1")):
        with pytest.raises(ValueError, match=message):
            sum_over_rows(lambda rows: torch.zeros(()), **bad)
