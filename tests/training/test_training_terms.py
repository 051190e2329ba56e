"""Terms that need more than the similarities of a batch, against plain loops; their weights and keys in a run."""

from __future__ import annotations

import math
import signal
from pathlib import Path

import pytest
import torch

from retrieval.errors import InputError
from tests.training.training_world import small_recipe, write_world
from training.batches.order import Position, planned_batches
from training.gradients import backward, encode
from training.logs import read_log
from training.objectives import draw_words, partial_order_terms, queue_nce
from training.objectives.drawing import generator_of
from training.processes import Processes
from training.setup import Setup, prepare
from training.states import load_state, state_files
from training.step_objective import objective_of
from training.terms import Pairs
from training.trainer import train

TERMS = (
    "objective.local_words={weight: 0.5, count: 2}", "objective.partial_order.weight=0.5",
    "objective.queue={weight: 0.5, size: 24, decay: 0.9}",
)  # fmt: skip


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"), train=48, validation=8)


@pytest.fixture(scope="module")
def setup(shards, tmp_path_factory) -> Setup:
    return prepare(small_recipe(shards, *TERMS), tmp_path_factory.mktemp("terms") / "start", Processes())


def batches(setup: Setup, count: int):
    plans = planned_batches(
        setup.data.videos, size_at=setup.recipe.batch.size.at, seed=0, start=Position(), steps=count
    )
    return [setup.data.batch(plan, setup.recipe, Processes()) for plan in plans]


def pairs_of(setup: Setup, batch, *, step: int = 0) -> Pairs:
    texts, videos = encode(setup.model, batch, bf16=False)
    return Pairs(
        texts=texts, videos=videos, logit_scale=setup.model.logit_scale, batch=batch, model=setup.model, step=step,
        processes=Processes(),
    )  # fmt: skip


def term_of(setup: Setup, name: str):
    return next(term for term in setup.terms if type(term).__name__ == name)


def test_local_words_are_the_published_sum_over_words_and_frames(setup):
    (batch,) = batches(setup, 1)
    batch.frame_mask[2:9, 1] = False
    pairs = pairs_of(setup, batch, step=3)
    found = term_of(setup, "LocalWordsTerm")(pairs)
    significant = batch.texts.significance.significant
    places = draw_words(batch.texts.words, significant, count=2, generator=generator_of("local words", seed=0, step=3))
    rows = torch.arange(len(batch))[:, None]
    assert significant[rows, places][significant.any(dim=1)].all()
    words, frames = pairs.texts.words.detach(), pairs.videos.frames.detach()
    scale, count = float(setup.model.logit_scale.detach()), len(batch)
    shown = batch.frame_mask.sum(dim=1).tolist()

    def likeness(text: int, video: int, frame: int) -> float:
        return math.log(sum(math.exp(scale * float(words[text, p] @ frames[video, frame])) for p in places[text]))

    losses = []
    for own in range(count):
        middle = shown[own] // 2
        same = [q for q in range(count) if q != own and batch.text_ids[q] == batch.text_ids[own]]
        others = [q for q in range(count) if q != own and q not in same]
        # A text stands in the square matrix once for each frame of its own clip.
        right = shown[own] * math.exp(likeness(own, own, middle))
        wrong = sum(shown[q] * math.exp(likeness(q, own, middle)) for q in others)
        wrong += sum(math.exp(likeness(own, q, f)) for q in others for f in range(shown[q]))
        losses.append(math.log((right + wrong) / right))
    assert len(set(batch.text_ids.tolist())) < count       # one text comes twice
    assert float(found["local_words"].detach()) == pytest.approx(sum(losses) / count, abs=1e-4)


def test_the_triplets_are_those_of_the_importance_that_its_predictors_give(setup, shards, tmp_path):
    (batch,) = batches(setup, 1)
    pairs, term = pairs_of(setup, batch), term_of(setup, "PartialOrderTerm")
    texts, videos = pairs.texts, pairs.videos
    wanted = partial_order_terms(
        texts.pooled, texts.words, videos.frames, word_mask=texts.mask, frame_mask=videos.mask,
        word_importance=term.words(videos.frames, texts.words, query_mask=videos.mask, token_mask=texts.mask),
        frame_importance=term.frames(texts.pooled[:, None], videos.frames, token_mask=videos.mask),
    )  # fmt: skip
    found = term(pairs)
    assert {name: float(value.detach()) for name, value in found.items()} == {
        f"partial_order.{name}": pytest.approx(float(value.detach())) for name, value in wanted.items()
    }
    only = small_recipe(shards, "objective.partial_order={weight: 1, triplets: [text], margin: 0.1}")
    (one,) = prepare(only, tmp_path / "start", Processes()).terms
    assert one(pairs).keys() == {"partial_order.text"}
    assert one(pairs)["partial_order.text"].item() < found["partial_order.text"].item()


def test_the_queue_holds_the_last_keys_and_compares_each_query_with_its_own(shards, tmp_path):
    recipe = small_recipe(shards, "objective.queue={weight: 1, size: 24, decay: 0.9}")
    setup = prepare(recipe, tmp_path / "start", Processes())
    (term,) = setup.terms
    slow = {name: weight.detach().clone() for name, weight in setup.model.named_parameters()}
    clips: list[torch.Tensor] = []
    texts: list[torch.Tensor] = []
    ids: list[int] = []
    for step, batch in enumerate(batches(setup, 4)):
        with torch.no_grad():
            for weight in setup.model.parameters():
                weight.add_(0.02 * torch.randn_like(weight))
        found = float(term(pairs_of(setup, batch, step=step))["queue"].detach())
        decay = min(0.9, (1 + step) / (10 + step))
        slow = {n: decay * slow[n] + (1 - decay) * w.detach() for n, w in setup.model.named_parameters()}
        with torch.no_grad():
            keys = encode_with(setup, slow, batch)
            queries = encode(setup.model, batch, bf16=False)
        sums = []
        for query, key, queue in ((queries[0], keys[1], clips), (queries[1], keys[0], texts)):
            for i in range(len(batch)):
                own = float(query.pooled[i] @ key.pooled[i]) / 0.05
                wrong = [
                    float(query.pooled[i] @ old) / 0.05
                    for old, number in zip(queue, ids, strict=True) if number != batch.text_ids[i]
                ]  # fmt: skip
                sums.append(math.log(sum(map(math.exp, [own, *wrong]))) - own)
        assert found == pytest.approx(sum(sums) / len(sums), abs=1e-4)
        texts = [*texts, *keys[0].pooled][-24:]
        clips = [*clips, *keys[1].pooled][-24:]
        ids = [*ids, *batch.text_ids.tolist()][-24:]
    assert found > 0


def encode_with(setup: Setup, weights, batch):
    """The features of a batch by other weights of the model."""
    own = {name: weight.detach().clone() for name, weight in setup.model.named_parameters()}
    for name, weight in setup.model.named_parameters():
        weight.copy_(weights[name])
    features = encode(setup.model, batch, bf16=False)
    for name, weight in setup.model.named_parameters():
        weight.copy_(own[name])
    return features


def test_keys_that_are_no_numbers_do_not_join_the_queue(shards, tmp_path):
    setup = prepare(small_recipe(shards, "objective.queue={weight: 1, size: 24}"), tmp_path / "start", Processes())
    (term,) = setup.terms
    first, second = batches(setup, 2)
    term(pairs_of(setup, first))
    before = {name: value.clone() for name, value in term.state_dict().items() if name.startswith("_")}
    with torch.no_grad():
        setup.model.temporal.place.weight.fill_(float("nan"))
    term(pairs_of(setup, second))
    assert {"_clips", "_texts", "_text_ids", "_filled", "_next"} == before.keys()
    for name, value in before.items():
        assert torch.equal(term.state_dict()[name], value), name


def test_a_loss_over_a_queue_is_none_without_negatives_and_refuses_what_does_not_fit():
    torch.manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(9, 5, dtype=torch.float64), dim=1)
    queries, keys, queue = vectors[:3], vectors[3:6], vectors[6:]
    ignored = torch.tensor([[True, False, False], [True, True, True], [False, False, False]])
    wanted = 0.0
    for i in range(3):
        logits = [queries[i] @ keys[i], *(queries[i] @ queue[q] for q in range(3) if not ignored[i, q])]
        wanted -= float(torch.stack(logits).div(0.1).log_softmax(dim=0)[0]) / 3
    assert float(queue_nce(queries, keys, queue, temperature=0.1, ignored=ignored)) == pytest.approx(wanted)
    assert queue_nce(queries, keys, queue[:0]) == 0
    leaves = [vectors.double().requires_grad_() for vectors in (queries, keys, queue)]
    assert torch.autograd.gradcheck(lambda *given: queue_nce(*given, temperature=0.1, ignored=ignored), leaves)
    for bad in ({"keys": keys[:2]}, {"queue": queue[:, :4]}, {"temperature": 0.0}):
        with pytest.raises(ValueError, match=r"alike with queue|above 0"):
            queue_nce(**{"queries": queries, "keys": keys, "queue": queue, **bad})


def test_the_gradient_cache_gives_the_plain_terms_and_gradients(shards, tmp_path):
    found = []
    for micro in ("null", "5"):
        recipe = small_recipe(shards, *TERMS, f"batch.micro_batch={micro}", "model.new.dropout=0.2")
        setup = prepare(recipe, tmp_path / "start", Processes())
        weights = {**dict(setup.model.named_parameters()), **dict(setup.heads.named_parameters())}
        for step, batch in enumerate(batches(setup, 2)):        # in the second the queue holds something
            for weight in weights.values():
                weight.grad = None
            objective = objective_of(setup, batch, step=step, processes=Processes())
            # Dropout draws otherwise for parts: what is compared is the mode without it.
            terms = backward(setup.model.eval(), batch, objective, bf16=False, micro_batch=recipe.batch.micro_batch)
        found.append((terms, {name: weight.grad for name, weight in weights.items() if weight.grad is not None}))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-5)
    assert found[0][1].keys() == found[1][1].keys()
    for name, gradient in found[0][1].items():
        torch.testing.assert_close(found[1][1][name], gradient, atol=1e-5, rtol=1e-4, msg=name)
    assert any(name.startswith("partial_order.words") for name in found[0][1])
    assert not any(name.startswith("queue") for name in found[0][1])


def curve(folder: Path):
    times = ("seconds", "data_wait", "clips_per_second")
    return [{name: value for name, value in line.items() if name not in times} for line in read_log(folder)]


def test_a_run_that_was_stopped_goes_on_with_the_very_same_predictors_and_keys(shards, tmp_path):
    recipe = small_recipe(shards, *TERMS, "schedule.steps=6", "model.new.dropout=0.1")
    train(recipe, tmp_path / "whole")
    train(recipe, tmp_path / "cut", on_step=lambda done: signal.raise_signal(signal.SIGTERM) if done.step == 3 else None)
    train(recipe, tmp_path / "cut")
    assert curve(tmp_path / "cut") == curve(tmp_path / "whole")
    states = [load_state(state_files(tmp_path / name / "states")[-1]) for name in ("whole", "cut")]
    for part in ("model", "heads"):
        for name, value in getattr(states[0], part).items():
            assert torch.equal(getattr(states[1], part)[name], value), name
    assert {"local_words", "partial_order.text", "queue"} < curve(tmp_path / "whole")[0].keys()
    model = (tmp_path / "whole/model/model.safetensors").read_bytes()
    assert b"partial_order" not in model
    assert b"queue" not in model
    assert not (tmp_path / "whole/model/significant_words.json").exists()       # its words all weigh alike


def test_what_cannot_be_meant_is_refused_when_the_recipe_is_read(shards):
    for override, message in {
        "objective.local_words.wieght=1": r"objective\.local_words\.wieght is not a setting; did you mean weight",
        "objective.partial_order.triplets=[]": r"objective\.partial_order\.triplets",
        "objective.queue.size=0": r"objective\.queue\.size is 0",
        "objective.pooled.info_nce=0": "at least one loss needs a weight above 0",
    }.items():
        with pytest.raises(InputError, match=message):
            small_recipe(shards, override)
    alone = small_recipe(shards, "objective.pooled.info_nce=0", "objective.queue.weight=1")
    assert alone.objective.queue.weight == 1
