"""The dual encoder: what each aggregation does with frames, and what a reload must give back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from retrieval.encoders import load_encoder, pool_frames
from retrieval.encoders.towers import normalised
from retrieval.errors import InputError, ModelError
from retrieval.model import AGGREGATIONS, TemporalSettings, load_dual_encoder, save_dual_encoder
from retrieval.model.aggregation import Aggregation, build_aggregation, unit
from retrieval.model.tiny import TinySettings, build_tiny, settings_of
from retrieval.model.whitening import whiten_patches
from tests.checkpoints import edit_json
from tests.tiny_models import SMALL, pictures, stirred, tiny


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny(tmp_path_factory.mktemp("models") / "tiny")


def moved(module: Aggregation) -> Aggregation:
    """Weights that are no longer those that it begins with."""
    for parameter in module.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.2)
    return module


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_masked_frames_change_nothing_and_all_vectors_have_unit_length(name):
    torch.manual_seed(0)
    module = moved(build_aggregation(TemporalSettings(aggregation=name), dimension=16))
    frames = unit(torch.randn(3, 5, 16))
    mask = torch.tensor([[True] * 5, [True, True, False, False, False], [True, False, False, False, False]])
    pooled, mixed = module(frames, mask)
    torch.testing.assert_close(pooled.norm(dim=-1), torch.ones(3))
    torch.testing.assert_close(mixed.norm(dim=-1), mask.float())
    other = torch.where(mask[..., None], frames, unit(torch.randn(3, 5, 16)))
    torch.testing.assert_close(module(other, mask)[0], pooled)
    short_pooled, short_mixed = module(frames[1:2, :2], mask[1:2, :2])
    torch.testing.assert_close(short_pooled, pooled[1:2])
    torch.testing.assert_close(short_mixed, mixed[1:2, :2])
    gap = torch.tensor([[True, False, True, False, False]])     # what is masked may stand anywhere
    torch.testing.assert_close(module(frames[1:2], gap)[0], module(frames[1:2, [0, 2]], gap[:, [0, 2]])[0])


def test_the_mean_is_the_clip_vector_of_single_frames():
    frames = unit(torch.randn(1, 4, 16))
    pooled, mixed = build_aggregation(TemporalSettings(), dimension=16)(frames, torch.ones(1, 4, dtype=torch.bool))
    np.testing.assert_allclose(pooled[0].numpy(), pool_frames(frames[0].numpy()), atol=1e-6)
    torch.testing.assert_close(mixed, frames)


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_only_the_transformers_and_the_recurrent_one_know_the_order_of_frames(name):
    torch.manual_seed(0)
    module = moved(build_aggregation(TemporalSettings(aggregation=name), dimension=16))
    frames, mask = unit(torch.randn(1, 4, 16)), torch.ones(1, 4, dtype=torch.bool)
    there, back = module(frames, mask)[0], module(frames.flip(1), mask)[0]
    assert bool((there - back).abs().max() > 1e-3) == (name in ("transformer", "recurrent", "sequential"))


@pytest.mark.parametrize("name", AGGREGATIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_stored_model_gives_the_same_vectors_after_a_reload(name, dtype, tmp_path):
    source = tiny(tmp_path / "new", temporal={"aggregation": name})
    first = tmp_path / "first"
    save_dual_encoder(stirred(load_dual_encoder(source)), first, files_from=source, dtype=dtype)
    model = load_dual_encoder(first)  # what the stored numbers are, in float32
    save_dual_encoder(model, tmp_path / "second", files_from=first, dtype=dtype)
    again = load_dual_encoder(tmp_path / "second")
    clips, mask = pictures(2, 3), torch.ones(2, 3, dtype=torch.bool)
    with torch.no_grad():
        wanted, found = model.encode_videos(clips, mask=mask), again.encode_videos(clips, mask=mask)
    torch.testing.assert_close(found.pooled, wanted.pooled, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.frames, wanted.frames, atol=1e-5, rtol=0)
    encoder = load_encoder(str(tmp_path / "second"))
    encoded = encoder.encode_clips(clips.numpy(), frame_mask=mask.numpy())
    np.testing.assert_allclose(encoded.pooled, wanted.pooled.numpy(), atol=1e-5)
    np.testing.assert_allclose(encoded.frames, wanted.frames.numpy(), atol=1e-5)


def test_a_recurrent_aggregation_adds_what_a_gru_read_frame_by_frame():
    torch.manual_seed(0)
    module = moved(build_aggregation(TemporalSettings(aggregation="recurrent"), dimension=6))
    frames = unit(torch.randn(1, 3, 6))
    cell = torch.nn.GRUCell(6, 6)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in module.memory.state_dict().items()})
    state, read = torch.zeros(1, 6), []
    for frame in frames[0]:
        state = cell(frame[None] * 6**0.5, state)
        read.append(frame + state[0] / 6**0.5)
    mixed = module(frames, torch.ones(1, 3, dtype=torch.bool))[1]
    torch.testing.assert_close(mixed[0], unit(torch.stack(read)))


def test_a_non_local_aggregation_weighs_frames_by_the_exponential_of_how_alike_they_are():
    torch.manual_seed(0)
    module = moved(build_aggregation(TemporalSettings(aggregation="non_local"), dimension=6))
    frames = unit(torch.randn(1, 3, 6))
    x, wanted = frames[0] * 6**0.5, []
    for i in range(3):
        weights = torch.stack([(module.query(x[i]) @ module.key(x[j])).exp() for j in range(3)])
        taken = sum(weights[j] * module.value(x[j]) for j in range(3)) / weights.sum()
        wanted.append(frames[0, i] + module.out(taken) / 6**0.5)
    mixed = module(frames, torch.ones(1, 3, dtype=torch.bool))[1]
    torch.testing.assert_close(mixed[0], unit(torch.stack(wanted)))


def test_texts_of_the_trainer_and_of_the_search_are_the_same_vectors(checkpoint):
    encoder, model = load_encoder(str(checkpoint)), load_dual_encoder(checkpoint)
    read = encoder.encode_texts(["红色的猫"])
    from retrieval.encoders.checkpoint import open_checkpoint
    from retrieval.encoders.tokenizing import Tokenizer

    tokenizer = Tokenizer(open_checkpoint(checkpoint))
    ids = torch.tensor([tokenizer.framed(tokenizer.read(["红色的猫"])[0].ids)])
    words = torch.tensor([[False, True, True, True, True, False]])
    with torch.no_grad():
        features = model.encode_texts(ids, attended=torch.ones_like(ids), words=words)
    np.testing.assert_allclose(read.pooled, features.pooled.numpy(), atol=1e-5)
    np.testing.assert_allclose(read.words, features.words[:, 1:5].numpy(), atol=1e-5)


def test_gradients_reach_every_weight_but_the_unused_pooling_of_the_text_tower(checkpoint):
    model = load_dual_encoder(checkpoint).train()
    ids = torch.tensor([[2, 40, 41, 3], [2, 42, 3, 0]])
    words = torch.tensor([[False, True, True, False], [False, True, False, False]])
    texts = model.encode_texts(ids, attended=(ids != 0).long(), words=words)
    videos = model.encode_videos(pictures(2, 3), mask=torch.ones(2, 3, dtype=torch.bool))
    (model.logit_scale * (texts.pooled @ videos.pooled.T).sum() + model.token_wise(texts, videos).sum()).backward()
    untouched = [name for name, weight in model.named_parameters() if weight.grad is None]
    assert untouched == []


def test_frames_that_are_masked_cost_nothing(checkpoint, monkeypatch):
    model = load_dual_encoder(checkpoint)
    seen = []
    encode = model.frame_vectors
    monkeypatch.setattr(model, "frame_vectors", lambda batch: seen.append(len(batch)) or encode(batch))
    mask = torch.tensor([[True, True, True], [True, False, False]])
    model.encode_videos(pictures(2, 3), mask=mask)
    assert seen == [4]


def test_temporal_weights_that_are_not_there_are_refused_in_one_sentence(checkpoint, tmp_path):
    source = tiny(tmp_path / "mean", temporal={"aggregation": "mean"})
    edit_json(source / "config.json", temporal={"aggregation": "transformer", "layers": 1, "heads": 4})
    with pytest.raises(ModelError, match="temporal aggregation"):
        load_dual_encoder(source)
    edit_json(source / "config.json", temporal={"aggregation": "median"})
    with pytest.raises(ModelError, match="mean, max, attention, transformer"):
        load_dual_encoder(source)
    edit_json(source / "config.json", temporal={"aggregation": "mean", "colour": 3})
    with pytest.raises(ModelError, match="temporal"):
        load_dual_encoder(source)


def test_a_published_model_can_be_given_a_temporal_aggregation(checkpoint):
    model = load_dual_encoder(checkpoint, temporal=TemporalSettings(aggregation="attention"))
    assert model.temporal_settings.aggregation == "attention"
    frames, mask = unit(torch.randn(1, 4, 16)), torch.ones(1, 4, dtype=torch.bool)
    torch.testing.assert_close(model.mix(frames, mask=mask).pooled, unit(frames.mean(dim=1)))  # it begins as the mean


def test_a_replaced_model_is_whole_and_nothing_is_left_beside_it(checkpoint, tmp_path):
    target = tmp_path / "model"
    for _ in range(2):
        save_dual_encoder(load_dual_encoder(checkpoint), target, files_from=checkpoint)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert load_encoder(str(target)).dimension == 16


@pytest.mark.parametrize(
    ("vocabulary", "settings", "word"),
    [
        (["猫", "猫"], {}, "twice"),
        (["Cat"], {}, "capitals"),
        ([chr(0x4E00 + i) for i in range(2000)], {}, "2000"),
        (["猫"], {"patch": 15}, "patches"),
        (["猫"], {"heads": 3}, "heads"),
        (["猫"], {"colour": 3}, "colour"),
    ],
)
def test_a_tiny_model_that_cannot_be_is_refused(vocabulary, settings, word, tmp_path):
    with pytest.raises(InputError, match=word):
        build_tiny(tmp_path / "x", vocabulary=vocabulary, settings=settings_of({**SMALL, **settings}), seed=0)


def test_words_in_capitals_and_unknown_words_are_read_in_pieces(checkpoint):
    pieces = load_encoder(str(checkpoint)).encode_texts(["红色 CAT"]).pieces
    assert pieces == [["红", "色", "C", "A", "T"]]
    assert TinySettings().context == 52


def test_a_small_thing_is_not_lost_in_the_background(tmp_path):
    """The largest number of each dimension keeps what one patch shows; the mean alone would dilute it."""
    model = stirred(load_dual_encoder(tiny(tmp_path / "m")))
    assert model.frame_settings.pooling == "max_mean"
    with torch.no_grad():
        output = model.towers.vision_model(pixel_values=normalised(pictures(2, 1)[:, 0], model.preprocessing).permute(0, 3, 1, 2))
        patches = model.towers.visual_projection(model.towers.vision_model.post_layernorm(output.last_hidden_state[:, 1:]))
        found = model.encode_frames(pictures(2, 1)[:, 0])
    torch.testing.assert_close(found, unit(patches.max(dim=1).values + patches.mean(dim=1)))


def test_frame_pooling_survives_a_reload_and_an_unknown_one_is_refused(tmp_path):
    source = tiny(tmp_path / "m", frames={"pooling": "class"})
    save_dual_encoder(load_dual_encoder(source), tmp_path / "again", files_from=source)
    assert load_dual_encoder(tmp_path / "again").frame_settings.pooling == "class"
    edit_json(source / "config.json", frames={"pooling": "median"})
    with pytest.raises(ModelError, match="class, max_mean"):
        load_dual_encoder(source)


def test_a_new_text_tower_begins_as_a_bag_of_words(tmp_path):
    """Before any training a text is closer to one that shares most of its words than to one that shares none."""
    encoder = load_encoder(str(tiny(tmp_path / "m", text_width=64)))
    one, near, far = encoder.encode_texts(["红色的猫在这", "红色的狗在这", "我们以国为大"]).pooled
    assert 1 - one @ far > 3 * (1 - one @ near)


def test_whitened_patches_come_out_uncorrelated_and_alike_strong(tmp_path):
    model = load_dual_encoder(tiny(tmp_path / "m"))
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (300, 8, 8, 3), dtype=np.uint8)
    shown = np.repeat(np.repeat(coarse, 4, axis=1), 4, axis=2)  # smooth, as pictures are
    whiten_patches(model, shown, seed=0)
    pixels = normalised(torch.from_numpy(shown), model.preprocessing).permute(0, 3, 1, 2)
    with torch.no_grad():
        patches = model.towers.vision_model.embeddings.patch_embedding(pixels).flatten(2).transpose(1, 2).flatten(0, 1)
    covariance = np.cov(patches.numpy().T)
    spread = np.sqrt(np.diag(covariance))
    assert spread.min() > 0.9 * spread.max()
    correlation = covariance / np.outer(spread, spread) - np.eye(len(spread))
    assert np.abs(correlation).max() < 0.1
