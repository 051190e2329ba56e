"""Words as queries of their own: the loss with several right items, the list of words, and what a batch carries of them."""

from __future__ import annotations

import math
from random import Random

import pytest
import torch

from data_pipeline.corpus.shard_reader import ShardDataset
from retrieval.model import InteractionSettings, TextFeatures, VideoFeatures, load_dual_encoder, token_wise_similarity
from tests.training.training_world import COLOURS, small_recipe, write_world
from training.batches.words import WordList, words_in
from training.gradients import backward, encode, encode_words
from training.objectives import RetrievalObjective, WordQueries, info_nce, positives_nce
from training.processes import Processes
from training.recipe import Losses, Objective, Words
from training.setup import prepare
from training.trainer import train


def unit(*shape: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(*shape), dim=-1)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("words"))


def by_loops(similarity, positive, scale):
    rows = []
    for scores, right in zip(similarity, positive, strict=True):
        wrong = [s for s, r in zip(scores, right, strict=True) if not r]
        if any(right) and wrong:
            terms = [
                -math.log(math.exp(scale * s) / (math.exp(scale * s) + sum(math.exp(scale * w) for w in wrong)))
                for s, r in zip(scores, right, strict=True)
                if r
            ]
            rows.append(sum(terms) / len(terms))
    return sum(rows) / len(rows)


def test_each_right_item_stands_against_the_wrong_ones_alone():
    similarity, positive = (unit(6, 8) @ unit(9, 8).T).double(), torch.rand(6, 9) < 0.4
    positive[0], positive[1] = False, True          # these two rows say nothing
    found = positives_nce(similarity, logit_scale=7.0, positive=positive)
    assert found.item() == pytest.approx(by_loops(similarity.tolist(), positive.tolist(), 7.0), rel=1e-5)


def test_the_gradient_of_several_right_items_is_that_of_the_values():
    similarity, positive = (unit(5, 8) @ unit(7, 8).T).double().requires_grad_(), torch.rand(5, 7) < 0.4
    scale = torch.tensor(7.0).double().requires_grad_()
    positive[0] = False                             # a row that says nothing has no gradient
    assert torch.autograd.gradcheck(lambda s, c: positives_nce(s, logit_scale=c, positive=positive), (similarity, scale))


def test_with_one_right_item_a_row_it_is_info_nce():
    similarity = unit(5, 8) @ unit(5, 8).T
    found = positives_nce(similarity, logit_scale=20.0, positive=torch.eye(5, dtype=torch.bool))
    torch.testing.assert_close(found, info_nce(similarity, logit_scale=20.0))


def test_two_right_items_that_are_both_found_cost_nothing():
    similarity = torch.tensor([[1.0, 1.0, -1.0, -1.0]])
    assert positives_nce(similarity, logit_scale=50.0, positive=similarity > 0).item() < 1e-6


def test_nothing_to_tell_apart_costs_nothing_and_has_a_gradient():
    similarity = torch.zeros(2, 3, requires_grad=True)
    loss = positives_nce(similarity, logit_scale=5.0, positive=torch.zeros(2, 3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(similarity.grad, torch.zeros(2, 3))


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"\[Q, N\]"):
        positives_nce(torch.zeros(2, 3), logit_scale=1.0, positive=torch.zeros(3, 2, dtype=torch.bool))


def test_the_list_holds_content_words_that_are_neither_rare_nor_everywhere(world):
    samples = ShardDataset(world, split="train")
    words = WordList(samples, Words(fewest=3, most_share=0.5)).words
    assert "红" in words
    assert "的" not in words
    assert "方块" not in words                       # in every sample
    assert not any(word.isascii() for word in words)
    counts = {word: sum(word in words_in(samples[i].texts, ["zh"]) for i in range(len(samples))) for word in words}
    assert all(3 <= count <= len(samples) / 2 for count in counts.values())


def test_a_batch_says_which_clip_holds_which_word(world):
    recipe = small_recipe(world, objective={"words": {"pooled": 1.0, "count": 5, "fewest": 3}})
    setup = prepare(recipe, world.parent / "start", Processes())
    words = WordList(setup.data.samples, recipe.objective.words)
    numbers = [0, 4, 8, 12, 16]
    visit = setup.validator._visit
    batch = setup.data.maker.training_batch(numbers, lambda number: visit, planned=numbers)
    rows = setup.data.maker.word_rows(batch.held_words, Random(0))
    held = [words.held(setup.data.samples[number].texts) for number in numbers]
    asked = words.draw(held, Random(0))
    assert len(asked) == 5
    assert set(asked) <= set(COLOURS) | {word for one in held for word in one}
    assert rows.held.tolist() == [[word in one for word in asked] for one in held]
    assert len(rows.texts.ids) == 5


def test_the_objective_asks_words_of_clips_and_clips_of_words_on_both_scores():
    texts = TextFeatures(unit(4, 8), unit(4, 3, 8), torch.ones(4, 3, dtype=torch.bool))
    videos = VideoFeatures(unit(4, 8), unit(4, 2, 8), torch.ones(4, 2, dtype=torch.bool))
    asked = TextFeatures(unit(6, 8), unit(6, 2, 8), torch.ones(6, 2, dtype=torch.bool))
    held = torch.rand(4, 6) < 0.5
    settings = Objective(pooled=Losses(info_nce=1.0), words=Words(pooled=0.5, token_wise=0.25))
    objective = RetrievalObjective(settings, interaction=InteractionSettings())
    scale, ids = torch.tensor(10.0), torch.arange(4)
    terms = objective(texts, videos, logit_scale=scale, text_ids=ids, words=WordQueries(texts=asked, held=held))
    plain = objective(texts, videos, logit_scale=scale, text_ids=ids)
    for name, matrix in (
        ("pooled.words", asked.pooled @ videos.pooled.T),
        ("token_wise.words", token_wise_similarity(asked.words, videos.frames)),
    ):
        there = positives_nce(matrix, logit_scale=scale, positive=held.T)
        back = positives_nce(matrix.T, logit_scale=scale, positive=held)
        torch.testing.assert_close(terms[name], (there + back) / 2)
    wanted = plain["loss"] + 0.5 * terms["pooled.words"] + 0.25 * terms["token_wise.words"]
    torch.testing.assert_close(terms["loss"], wanted)


def test_the_gradient_cache_gives_the_plain_gradients_with_words(world, tmp_path):
    recipe = small_recipe(world, objective={"words": {"pooled": 1.0, "token_wise": 1.0, "fewest": 3}})
    setup = prepare(recipe, tmp_path / "start", Processes())
    model, visit = load_dual_encoder(tmp_path / "start").eval(), setup.validator._visit
    numbers = list(range(8))
    batch = setup.data.maker.training_batch(numbers, lambda number: visit, planned=numbers)
    asked = setup.data.maker.word_rows(batch.held_words, Random(1))

    def objective(features, scale):
        words = encode_words(model, asked, bf16=False)
        return setup.objective(*features, logit_scale=scale, text_ids=batch.text_ids, words=words)

    plain = objective(encode(model, batch, bf16=False), model.logit_scale)
    plain["loss"].backward()
    wanted = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad(set_to_none=True)
    terms = backward(model, batch, objective, bf16=False, micro_batch=3)
    assert terms["loss"] == pytest.approx(float(plain["loss"].detach()), abs=1e-5)
    for name, gradient in wanted.items():
        torch.testing.assert_close(dict(model.named_parameters())[name].grad, gradient, atol=1e-5, rtol=1e-4, msg=name)


def test_a_run_with_words_logs_their_terms(world, tmp_path):
    recipe = small_recipe(world, objective={"words": {"pooled": 0.5, "token_wise": 0.5, "fewest": 3}})
    assert train(recipe, tmp_path / "run").finished
    log = (tmp_path / "run" / "log.jsonl").read_text()
    assert '"pooled.words"' in log
    assert '"token_wise.words"' in log
