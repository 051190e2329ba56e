"""Gradients: the cache against the plain way, learning rates by layer, the schedule, the running mean."""

from __future__ import annotations

import math

import pytest
import torch

from retrieval.model import load_dual_encoder
from tests.training.cross_modal_world import network_for, objective_for
from tests.training.training_world import SIDE, random_batch, small_recipe, write_world
from training.cross_modal import shared_tower
from training.gradients import backward, encode
from training.objectives import RetrievalObjective
from training.optimising import (
    AveragedModel,
    build_optimiser,
    clamp_logit_scale,
    learning_rate_share,
    parameter_groups,
    set_learning_rate,
)
from training.recipe import Losses, MaskedLanguage, Matching, Objective, Optimiser, Schedule, TextVideo
from training.setup import write_new_model

NEW = {"side": SIDE, "width": 32, "layers": 3, "heads": 2, "text_width": 32, "text_layers": 2, "text_heads": 2, "dimension": 16}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gradients")
    write_world(folder / "shards", train=2, validation=2)
    recipe = small_recipe(folder / "shards", model={"new": {**NEW, "dropout": 0.2}})
    write_new_model(recipe, folder / "model")
    return folder / "model"


def objective_of(model, batch, **settings):
    objective = RetrievalObjective(Objective(**settings), interaction=model.interaction)
    return lambda found, scale: objective(*found, logit_scale=scale, text_ids=batch.text_ids)


def gradients(model) -> dict[str, torch.Tensor]:
    found = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad(set_to_none=True)
    return found


def reading_together(model, batch):
    """Both scores, and every term on texts and clips that are read together."""
    settings = Objective(
        token_wise=Losses(info_nce=0.7), masked_language=MaskedLanguage(weight=1.0, share=0.5),
        matching=Matching(weight=1.0, negatives=3), text_video=TextVideo(weight=1.0),
    )  # fmt: skip
    apart, network = objective_of(model, batch, token_wise=settings.token_wise), network_for(model).train()
    together = objective_for(network, settings)

    def objective(features, scale):
        terms = apart(features, scale)
        read = together(shared_tower(model), batch.texts, features, step=1, text_ids=batch.text_ids)
        return {**terms, **read, "loss": terms["loss"] + read["loss"]}

    return objective


@pytest.mark.parametrize("case", ["pooled", "token_wise", "read together"])
@pytest.mark.parametrize("micro_batch", [1, 3])
def test_the_gradient_cache_gives_the_plain_gradients_with_dropout_on(checkpoint, micro_batch, case):
    model = load_dual_encoder(checkpoint).train()
    batch = random_batch(7)
    if case == "read together":
        objective = reading_together(model, batch)
    else:
        objective = objective_of(model, batch, token_wise=Losses(info_nce=0.7 if case == "token_wise" else 0.0))
    torch.manual_seed(11)       # the plain way draws dropout part by part too, in one graph
    parts = [encode(model, batch.part(slice(i, i + micro_batch)), bf16=False) for i in range(0, 7, micro_batch)]
    texts, videos = ([part[side] for part in parts] for side in (0, 1))
    joined = (
        type(texts[0])(*(torch.cat([getattr(t, n) for t in texts]) for n in ("pooled", "words", "mask"))),
        type(videos[0])(*(torch.cat([getattr(v, n) for v in videos]) for n in ("pooled", "frames", "mask"))),
    )
    plain = objective(joined, model.logit_scale)
    plain["loss"].backward()
    wanted = gradients(model)
    torch.manual_seed(11)
    terms = backward(model, batch, objective, bf16=False, micro_batch=micro_batch)
    found = gradients(model)
    assert terms == pytest.approx({name: float(term.detach()) for name, term in plain.items()}, abs=1e-5)
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-5, rtol=1e-4, msg=name)
    assert max(gradient.abs().max() for gradient in wanted.values()) > 1e-2


def test_random_numbers_go_on_after_the_gradient_cache_as_after_its_first_pass(checkpoint):
    model, batch = load_dual_encoder(checkpoint).train(), random_batch(4)
    torch.manual_seed(5)
    with torch.no_grad():
        for start in (0, 2):
            encode(model, batch.part(slice(start, start + 2)), bf16=False)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    backward(model, batch, objective_of(model, batch), bf16=False, micro_batch=2)
    torch.testing.assert_close(torch.rand(3), wanted)


def test_bfloat16_gives_nearly_the_same_loss_and_vectors_in_single_precision(checkpoint):
    model, batch = load_dual_encoder(checkpoint).eval(), random_batch(6)
    features = encode(model, batch, bf16=True)
    assert {features[0].pooled.dtype, features[1].frames.dtype} == {torch.float32}
    objective = objective_of(model, batch)
    exact, rough = (backward(model, batch, objective, bf16=bf16)["loss"] for bf16 in (False, True))
    assert rough == pytest.approx(exact, abs=0.1)
    assert rough != exact


def test_learning_rates_fall_from_the_end_of_a_tower_to_its_embeddings(checkpoint):
    model = load_dual_encoder(checkpoint)
    settings = Optimiser(learning_rate=1.0, tower_learning_rate=0.1, layer_decay=0.5, weight_decay=0.3)
    rates = {
        name: (group["lr"], group["weight_decay"])
        for group in parameter_groups(model, settings) for name in group["names"]
    }  # fmt: skip
    assert rates.keys() == {name for name, _ in model.named_parameters()}
    vision, text = "towers.vision_model.encoder.layers", "towers.text_model.encoder.layer"
    wanted = {
        "temporal.place.weight": (1.0, 0.3), "temporal.norm.weight": (1.0, 0.0), "towers.logit_scale": (0.1, 0.0),
        "towers.visual_projection.weight": (0.1, 0.3), "towers.vision_model.post_layernorm.bias": (0.1, 0.0),
        f"{vision}.2.mlp.fc1.weight": (0.05, 0.3), f"{vision}.0.mlp.fc1.bias": (0.0125, 0.0),
        f"{text}.1.output.dense.weight": (0.05, 0.3), f"{text}.0.output.dense.weight": (0.025, 0.3),
        "towers.vision_model.embeddings.class_embedding": (0.00625, 0.0),
        "towers.text_model.embeddings.word_embeddings.weight": (0.0125, 0.3),
    }  # fmt: skip
    for name, (rate, decay) in wanted.items():
        assert rates[name] == pytest.approx((rate, decay)), name


def test_the_schedule_warms_up_then_falls_as_a_cosine_or_in_one_step_to_its_floor(checkpoint):
    settings = Schedule(steps=100, warm_up=0.1, floor=0.2)
    shares = [learning_rate_share(step, steps=100, settings=settings) for step in range(100)]
    assert shares[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert shares[10] == 1.0
    assert shares[55] == pytest.approx(0.6)
    assert shares[99] == pytest.approx(0.2, abs=0.001)
    assert shares[10:] == sorted(shares[10:], reverse=True)
    assert learning_rate_share(0, steps=3, settings=Schedule(steps=3, warm_up=0.0)) == 1.0
    settings = Schedule(steps=100, warm_up=0.1, decay="step", step_at=0.6, floor=0.1)
    shares = [learning_rate_share(step, steps=100, settings=settings) for step in range(9, 100)]
    assert shares == [1.0] * 51 + [0.1] * 40
    optimiser = build_optimiser(load_dual_encoder(checkpoint), Optimiser(learning_rate=1.0, tower_learning_rate=0.5))
    for share in (0.3, 0.6):        # a share is of the full rate, not of the last one
        set_learning_rate(optimiser, share)
        assert {group["lr"] for group in optimiser.param_groups} == {0.5 * share, share}


def test_the_running_mean_is_that_of_every_weight(checkpoint):
    model = load_dual_encoder(checkpoint)
    average = AveragedModel(model, decay=0.5)
    name = "temporal.place.weight"
    mean = model.state_dict()[name].clone()
    for step in range(12):
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn_like(weight))
        average.update(model, step=step)
        decay = min(0.5, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * model.state_dict()[name]
    torch.testing.assert_close(average.model.state_dict()[name], mean)
    assert not any(weight.requires_grad for weight in average.model.parameters())
    assert all(
        not torch.equal(a, b) for a, b in zip(average.model.parameters(), model.parameters(), strict=True)
    )  # fmt: skip


def test_the_logit_scale_stays_within_its_bounds(checkpoint):
    model = load_dual_encoder(checkpoint)
    for value, wanted in ((900.0, 50.0), (7.0, 7.0), (0.01, 1.0)):
        model.towers.logit_scale.data.fill_(math.log(value))
        clamp_logit_scale(model, largest=50.0)
        assert float(model.logit_scale.detach()) == pytest.approx(wanted)
