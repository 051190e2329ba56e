"""What is trained and what stays: frozen layers, low-rank adapters, and clip vectors that remain those of the start."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from retrieval.encoders.loading import read_generation
from retrieval.errors import InputError
from retrieval.model import InteractionSettings, load_dual_encoder
from tests.checkpoints import BUILDERS
from tests.training.training_world import random_batch, small_recipe, write_world
from training.adapters import LowRankLinear, add_adapters, merged
from training.dry_run import try_recipe
from training.errors import TrainingError
from training.gradients import backward, encode
from training.objectives import RetrievalObjective
from training.optimising import AveragedModel, build_optimiser
from training.recipe import Adapters, Frozen, Objective, Optimiser
from training.states import load_state, state_files
from training.trainer import train
from training.weights import freeze, keeps_clip_vectors, trained

PARTS = {"rank": 2, "layers": ("query", "key", "value", "output")}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("adapters") / "shards", train=40, validation=16)


@pytest.fixture(scope="module")
def start(shards, tmp_path_factory):
    """A small trained model to go on from."""
    output = tmp_path_factory.mktemp("adapters") / "start"
    two = ("model.new.layers=2", "model.new.text_layers=2", "model.temporal.aggregation=transformer")
    train(small_recipe(shards, *two), output)
    return output / "model"


def going_on(shards, start, *overrides):
    return small_recipe(shards, *overrides, model={"start": str(start)})


def changed(before, after):
    a, b = (load_file(folder / "model.safetensors") for folder in (before, after))
    assert a.keys() == b.keys()
    return {name for name in a if not torch.equal(a[name], b[name])}


def stirred(model):
    """With adapters that are no longer zero."""
    torch.manual_seed(5)
    for name, weight in model.named_parameters():
        if name.endswith(".up"):
            torch.nn.init.normal_(weight, std=0.3)
    return model


@pytest.mark.parametrize("family", ["chinese_clip", "clip", "siglip"])
def test_a_model_with_adapters_gives_the_vectors_of_its_merged_weights(family, tmp_path):
    model = load_dual_encoder(BUILDERS[family](tmp_path / "m"))
    plain = load_dual_encoder(tmp_path / "m")
    add_adapters(model, Adapters(**PARTS), seed=0)
    adapted = [module for module in model.modules() if isinstance(module, LowRankLinear)]
    assert len(adapted) == 2 * 2 * 4        # towers, blocks, layers
    pictures = torch.randint(0, 255, (3, 64, 64, 3), dtype=torch.uint8)
    torch.testing.assert_close(model.encode_frames(pictures), plain.encode_frames(pictures))
    stirred(model)
    whole = merged(model)
    assert not torch.allclose(model.encode_frames(pictures), plain.encode_frames(pictures), atol=1e-2)
    torch.testing.assert_close(whole.encode_frames(pictures), model.encode_frames(pictures), atol=1e-5, rtol=0)
    ids = torch.randint(5, 90, (3, 7))
    words = torch.ones(3, 7, dtype=torch.bool)
    one, other = (m.encode_texts(ids, attended=None, words=words) for m in (whole, model))
    torch.testing.assert_close(one.pooled, other.pooled, atol=1e-5, rtol=0)
    assert whole.state_dict().keys() == plain.state_dict().keys()
    assert sum(isinstance(module, LowRankLinear) for module in model.modules()) == len(adapted)


def test_one_adapted_layer_is_the_product_of_its_parts():
    linear = torch.nn.Linear(6, 4)
    layer = LowRankLinear(linear, rank=2, alpha=8.0, random=torch.Generator().manual_seed(1))
    torch.nn.init.normal_(layer.up)
    x = torch.randn(5, 6)
    slow = torch.stack([linear.weight @ row + linear.bias + (8 / 2) * layer.up @ (layer.down @ row) for row in x])
    torch.testing.assert_close(layer(x), slow)
    torch.testing.assert_close(layer.merged()(x), slow)


def test_adapters_and_what_is_new_are_all_that_the_optimiser_and_the_average_hold(start):
    model = load_dual_encoder(start)
    add_adapters(model, Adapters(**PARTS, towers=("text",)), seed=0)
    names = {name for group in build_optimiser(model, Optimiser()).param_groups for name in group["names"]}
    assert names == set(trained(model))
    assert all(name.endswith((".down", ".up")) or name.startswith(("temporal.", "towers.logit_scale")) for name in names)
    assert any("text_model" in name for name in names)
    assert not any("vision_model" in name for name in names)
    average = AveragedModel(model, decay=0.5)
    shared = {w.data_ptr() for w in model.parameters()} & {w.data_ptr() for w in average.model.parameters()}
    assert len(shared) == sum(not weight.requires_grad for weight in model.parameters())
    before = model.logit_scale.detach().clone()
    with torch.no_grad():
        model.towers.logit_scale.add_(1.0)
    average.update(model, step=10_000)
    assert before < average.model.logit_scale < model.logit_scale


@pytest.mark.parametrize("text", [0, 1, 2, "all"])
def test_the_lowest_blocks_and_the_embeddings_below_them_are_frozen(text, start):
    model = load_dual_encoder(start)
    freeze(model, Frozen(text=text, temporal=True))
    names = set(trained(model))
    assert any("vision_model.embeddings" in name for name in names)
    assert not any(name.startswith("temporal.") for name in names)
    kept = [f"encoder.layer.{i}." in name for i in range(2) for name in names if "text_model" in name]
    assert any(kept) == (text in (0, 1))
    assert any("text_model.embeddings" in name for name in names) == (text == 0)
    assert any(".layer.0." in name for name in names) == (text == 0)
    assert ("towers.text_projection.weight" in names) == (text != "all")
    assert "towers.logit_scale" in names


def test_embeddings_alone_are_frozen_and_the_blocks_above_them_learn(start):
    model = load_dual_encoder(start)
    freeze(model, Frozen(text="embeddings", vision="embeddings"))
    names = set(trained(model))
    kept = {name for name, _ in model.named_parameters()} - names
    assert kept == {name for name, _ in model.named_parameters() if "embeddings." in name or ".pre_layrnorm." in name}
    assert {tower for tower in ("text", "vision") for name in kept if f"{tower}_model." in name} == {"text", "vision"}
    assert all(any(f"{tower}_model.encoder.layer" in name for name in names) for tower in ("text", "vision"))


def test_a_dry_run_counts_no_gradient_moments_and_average_of_frozen_embeddings(shards, start):
    plain, kept = (
        try_recipe(going_on(shards, start, f"optimiser.frozen={{text: {part}, vision: {part}}}"), device="cpu")
        for part in ("0", "embeddings")
    )
    model = load_dual_encoder(start)
    embeddings = sum(w.nbytes for name, w in model.named_parameters() if "embeddings." in name or ".pre_layrnorm." in name)
    assert embeddings > 0
    assert plain.trained_parameters - kept.trained_parameters == embeddings // 4
    assert plain.memory_bytes - kept.memory_bytes >= 4 * embeddings     # beside them less of the graph
    assert plain.disk_bytes > kept.disk_bytes


def test_more_frozen_blocks_than_there_are_and_nothing_left_are_refused(shards, start, tmp_path):
    with pytest.raises(InputError, match=r"optimiser\.frozen\.text is 9, but the text tower has 2 blocks"):
        train(going_on(shards, start, "optimiser.frozen.text=9"), tmp_path / "a")
    with pytest.raises(InputError, match="Everything is frozen"):
        train(going_on(shards, start, "optimiser.frozen={text: all, vision: all, temporal: true}"), tmp_path / "b")
    with pytest.raises(InputError, match=r"adapters\.rank is 64"):
        train(going_on(shards, start, "adapters.rank=64"), tmp_path / "c")
    with pytest.raises(InputError, match=r"frozen\.text is -1"):
        going_on(shards, start, "optimiser.frozen.text=-1")
    with pytest.raises(InputError, match=r"frozen\.vision is 'embedding': it should be a number of blocks, embeddings or all"):
        going_on(shards, start, "optimiser.frozen.vision=embedding")


def test_the_cached_gradient_of_a_model_with_a_frozen_tower_is_the_plain_one(start):
    batch, gradients = random_batch(8), []
    retrieval = RetrievalObjective(Objective(), interaction=InteractionSettings())

    def objective(features, logit_scale):
        return retrieval(*features, logit_scale=logit_scale, text_ids=batch.text_ids)

    for micro_batch in (None, 3):
        model = load_dual_encoder(start)
        freeze(model, Frozen(vision="all", temporal=True))
        backward(model, batch, objective, bf16=False, micro_batch=micro_batch)
        gradients.append([weight.grad for weight in trained(model).values()])
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-5, rtol=1e-4)


def test_a_run_with_adapters_ends_in_a_plain_checkpoint_and_changes_the_adapted_layers_alone(shards, start, tmp_path):
    recipe = going_on(shards, start, "adapters={rank: 2, layers: [value]}", "optimiser.learning_rate=1e-2", "ema_decay=0.5")
    train(recipe, tmp_path)
    found = {name for name in changed(start, tmp_path / "model") if not name.startswith(("temporal.", "logit_scale"))}
    assert len(found) == 4
    assert all(name.endswith(("value.weight", "v_proj.weight")) for name in found)
    state = load_state(state_files(tmp_path / "states")[-1])
    assert state.model.keys() == state.average.keys()
    assert not any(name.endswith("query.weight") for name in state.model)
    report = json.loads((tmp_path / "training.json").read_text())
    assert 0 < report["trained_parameters"] < report["parameters"]
    batch = random_batch(4)
    model = load_dual_encoder(tmp_path / "model")
    assert encode(model, batch, bf16=False)[0].pooled.shape == (4, 16)


def test_stopped_and_gone_on_it_ends_with_the_weights_of_an_uninterrupted_run(shards, start, tmp_path):
    recipe = going_on(shards, start, "adapters.rank=2", "data.crop=0.2")
    train(recipe, tmp_path / "whole")
    train(recipe, tmp_path / "stopped")
    for path in state_files(tmp_path / "stopped/states")[1:]:
        path.unlink()
    first = state_files(tmp_path / "stopped/states")[0]
    assert load_state(first).progress.position.step == 8
    train(recipe, tmp_path / "stopped")
    assert not changed(tmp_path / "whole/model", tmp_path / "stopped/model")


def test_a_run_whose_start_was_exchanged_is_not_gone_on_with(shards, start, tmp_path):
    shutil.copytree(start, tmp_path / "start")
    recipe = going_on(shards, tmp_path / "start", "adapters.rank=2", "schedule.steps=4")
    train(recipe, tmp_path / "run")
    other = load_file(start / "model.safetensors")
    moved = {name: weight + 1e-3 for name, weight in other.items()}
    save_file(moved, tmp_path / "start/model.safetensors", {"format": "pt"})
    with pytest.raises(TrainingError, match="other weights"):
        train(recipe, tmp_path / "run")


def test_trained_on_the_text_side_alone_it_answers_for_a_library_of_the_model_it_began_with(shards, start, tmp_path):
    frozen = "optimiser.frozen={vision: all, temporal: true}"
    train(going_on(shards, start, frozen), tmp_path / "text")
    old, new = read_generation(str(start)), read_generation(str(tmp_path / "text/model"))
    assert new.same_vectors(old)
    one, other = load_dual_encoder(start), load_dual_encoder(tmp_path / "text/model")
    assert keeps_clip_vectors(one) is False
    batch = random_batch(4)
    videos = [encode(model, batch, bf16=False)[1] for model in (one, other)]
    torch.testing.assert_close(videos[0].pooled, videos[1].pooled, atol=0, rtol=0)
    # Trained further with its video side, or rounded, it is a model of its own again.
    train(going_on(shards, tmp_path / "text/model", "schedule.steps=2"), tmp_path / "all")
    assert not read_generation(str(tmp_path / "all/model")).same_vectors(old)
    train(going_on(shards, start, frozen, "checkpoint.dtype=float16", "schedule.steps=2"), tmp_path / "rounded")
    assert not read_generation(str(tmp_path / "rounded/model")).same_vectors(old)


def test_a_frozen_layer_gets_no_adapter_and_clips_keep_their_vectors(shards, start, tmp_path):
    frozen = "optimiser.frozen={vision: all, temporal: true}"
    recipe = going_on(shards, start, frozen, "adapters={rank: 2}", "schedule.steps=4")
    assert recipe.adapters.towers == ("text", "vision")
    train(recipe, tmp_path / "text")
    assert {name.split(".")[0] for name in changed(start, tmp_path / "text/model") if "layer" in name} == {"text_model"}
    assert read_generation(str(tmp_path / "text/model")).same_vectors(read_generation(str(start)))
    model = load_dual_encoder(start)
    freeze(model, Frozen(vision=1))
    add_adapters(model, Adapters(**PARTS), seed=0)
    adapted = [name for name, module in model.named_modules() if isinstance(module, LowRankLinear)]
    assert len(adapted) == (2 + 1) * 4
    assert not [name for name in adapted if "vision_model" in name and ".layers.0." in name]
    freeze(model := load_dual_encoder(start), Frozen(vision="all", text="all"))
    with pytest.raises(InputError, match="or all of them are frozen: train it without adapters, or freeze less"):
        add_adapters(model, Adapters(**PARTS), seed=0)
