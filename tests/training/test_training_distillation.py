"""A small tower learns from a large one: the terms, what is kept, and whose library it answers for."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from retrieval.encoders.loading import read_generation
from retrieval.errors import InputError
from retrieval.model import DualEncoder, load_dual_encoder
from tests.training.training_world import small_recipe, write_world
from training.dry_run import try_recipe
from training.logs import read_log
from training.objectives.distillation import cosine_distance, relation_divergence
from training.trainer import train

TEACHER = ("model.new.layers=2", "model.new.text_layers=3", "model.temporal.aggregation=transformer")
TEXT = "teacher={text: 1, words: 1, text_relations: 0.5, model: %s}"


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("teaching") / "shards", train=64, validation=24)


@pytest.fixture(scope="module")
def teacher(shards, tmp_path_factory):
    output = tmp_path_factory.mktemp("teaching") / "teacher"
    train(small_recipe(shards, *TEACHER, "schedule.steps=30", "evaluation.every=30"), output)
    return output / "model"


def pupil(shards, teacher, *overrides, **model):
    return small_recipe(
        shards, "objective.pooled.info_nce=0", "optimiser.learning_rate=5e-3", "ema_decay=0.8", *overrides,
        model={"start": str(teacher), **model},
    )  # fmt: skip


def unit(*shape):
    return torch.nn.functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape))), dim=-1)


def test_the_terms_are_their_formulas():
    own, other, bank = unit(4, 6), unit(5, 6)[:4], unit(7, 6)
    slow = sum(float(1 - own[i] @ other[i]) for i in range(4)) / 4
    assert float(cosine_distance(own, other)) == pytest.approx(slow, abs=1e-6)
    mask = torch.tensor([True, False, True, False])
    slow = sum(float(1 - own[i] @ other[i]) for i in (0, 2)) / 2
    assert float(cosine_distance(own, other, mask=mask)) == pytest.approx(slow, abs=1e-6)
    total = 0.0
    for i in range(4):
        p, q = (torch.tensor([float(row @ b) / 0.1 for b in bank]).softmax(0) for row in (other[i], own[i]))
        total += float((p * (p / q).log()).sum())
    assert float(relation_divergence(own, other, bank, temperature=0.1)) == pytest.approx(total / 4, rel=1e-4)
    assert float(relation_divergence(other, other, bank, temperature=0.1)) == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="cannot be compared"):
        cosine_distance(own, bank)


def test_the_gradients_of_the_terms_are_those_of_their_values():
    own, other, bank = (unit(*shape).double() for shape in ((4, 6), (3, 4, 6), (7, 6)))
    own, other = own.requires_grad_(), other[0]
    mask = torch.tensor([True, False, True, True])
    assert torch.autograd.gradcheck(lambda x: cosine_distance(x, other, mask=mask), own)
    assert torch.autograd.gradcheck(lambda x: relation_divergence(x, other, bank, temperature=0.1), own)


def test_a_small_text_tower_comes_near_its_teacher_and_answers_for_its_library(
    shards, teacher, tmp_path, monkeypatch
):
    recipe = pupil(
        shards, teacher, TEXT % teacher, "optimiser.frozen={vision: all, temporal: true}", "schedule.steps=60",
        "evaluation.every=60", small_text={"width": 16, "layers": 1, "heads": 2},
    )  # fmt: skip
    seen = []
    encode = DualEncoder.encode_videos
    monkeypatch.setattr(DualEncoder, "encode_videos", lambda self, *a, **k: seen.append(self.training) or encode(self, *a, **k))
    train(recipe, tmp_path)
    assert seen == [False]          # the one validation: nothing is learned from clips
    lines = [line for line in read_log(tmp_path) if "loss" in line]
    assert lines[-1]["teacher.text"] < 0.5 * lines[0]["teacher.text"]
    assert lines[-1]["loss"] == pytest.approx(
        lines[-1]["teacher.text"] + lines[-1]["teacher.words"] + 0.5 * lines[-1]["teacher.text_relations"], rel=1e-4
    )
    before, after = (load_file(folder / "model.safetensors") for folder in (teacher, tmp_path / "model"))
    kept = [name for name in before if name.startswith(("vision_model", "visual_projection", "temporal"))]
    assert all(torch.equal(before[name], after[name]) for name in kept)
    sizes = [sum(value.numel() for name, value in side.items() if "text" in name) for side in (before, after)]
    assert sizes[1] < 0.6 * sizes[0]
    assert read_generation(str(tmp_path / "model")).same_vectors(read_generation(str(teacher)))


def test_a_small_video_tower_makes_vectors_of_its_own(shards, teacher, tmp_path):
    recipe = pupil(
        shards, teacher, f"teacher={{video: 1, frames: 1, video_relations: 0.5, model: {teacher}}}",
        "optimiser.frozen.text=all", "schedule.steps=20", "batch.micro_batch=5",
        small_video={"width": 16, "layers": 1, "heads": 2},
    )  # fmt: skip
    train(recipe, tmp_path)
    lines = [line for line in read_log(tmp_path) if "loss" in line]
    assert lines[-1]["teacher.video"] < lines[0]["teacher.video"]
    assert not read_generation(str(tmp_path / "model")).same_vectors(read_generation(str(teacher)))


def test_of_the_same_width_it_begins_with_blocks_of_the_large_one(shards, teacher, tmp_path):
    recipe = pupil(
        shards, teacher, TEXT % teacher, "optimiser.learning_rate=1e-12", "optimiser.weight_decay=0", "schedule.steps=1",
        small_text={"width": 32, "layers": 2, "heads": 2},
    )  # fmt: skip
    train(recipe, tmp_path)
    large, small = load_dual_encoder(teacher).towers.text_model, load_dual_encoder(tmp_path / "model").towers.text_model
    for new, old in ((0, 0), (1, 2)):
        own, other = (m.encoder.layer[i].output.dense.weight for m, i in ((small, new), (large, old)))
        torch.testing.assert_close(own, other, atol=1e-6, rtol=0)


def test_the_average_teaches_the_run_that_it_is_of(shards, teacher, tmp_path):
    taught = "teacher={text: 1, video: 1, model: average}"
    recipe = pupil(shards, teacher, taught, "objective.pooled.info_nce=1", "schedule.steps=4")
    train(recipe, tmp_path)
    lines = [line for line in read_log(tmp_path) if "loss" in line]
    assert lines[0]["teacher.text"] == pytest.approx(0, abs=1e-5)
    assert lines[-1]["teacher.text"] > 1e-6
    assert try_recipe(recipe).terms.keys() >= {"teacher.text", "teacher.video", "pooled.info_nce"}


def test_a_teacher_that_does_not_fit_and_settings_that_teach_nothing_are_refused(shards, teacher, tmp_path):
    train(small_recipe(shards, "model.new.dimension=8", "schedule.steps=1"), tmp_path / "other")
    with pytest.raises(InputError, match="has another dimension"):
        train(pupil(shards, teacher, TEXT % (tmp_path / "other/model")), tmp_path / "run")
    for override, sentence in (
        ("teacher={model: average}", "at least one term"), ("teacher={model: average, text: 1}", "ema_decay is null"),
        ("schedule.steps=2", "at least one loss"),
    ):
        with pytest.raises(InputError, match=sentence):
            pupil(shards, teacher, override, "ema_decay=null")
    with pytest.raises(InputError, match="3 attention heads do not divide"):
        train(pupil(shards, teacher, TEXT % teacher, small_text={"width": 16, "layers": 1, "heads": 3}), tmp_path / "a")
