"""Reading a text and a clip together: what goes in, whose weights read it, which towers can."""

from __future__ import annotations

import pytest
import torch

from retrieval.errors import ModelError
from retrieval.model import load_dual_encoder
from training.cross_modal import CrossModal, shared_tower


@pytest.fixture(scope="module")
def model(tiny_chinese_clip):
    return load_dual_encoder(tiny_chinese_clip)


@pytest.fixture(scope="module")
def network(model):
    torch.manual_seed(1)
    return CrossModal(shared_tower(model), dimension=model.dimension).eval()


@pytest.fixture
def pairs(model):
    torch.manual_seed(2)
    lengths, frames = torch.tensor([[7], [4], [2]]), torch.nn.functional.normalize(torch.randn(3, 4, model.dimension), dim=2)
    return {
        "ids": torch.randint(5, 300, (3, 7)), "attended": (torch.arange(7) < lengths).long(), "frames": frames,
        "frame_mask": torch.arange(4) < torch.tensor([[1], [4], [3]]),
    }  # fmt: skip


def one_alone(tower, network, ids, frames):
    """A pair without padding, its row built from the tables of the tower: states of all places."""
    table, count = tower.embeddings, len(ids)
    pictures = network.frames(frames * frames.shape[1] ** 0.5)
    row = torch.cat([table.word_embeddings.weight[ids], pictures])
    place = torch.cat([torch.arange(count), torch.arange(len(frames))])
    kind = torch.cat([torch.zeros(count, dtype=torch.long), torch.ones(len(frames), dtype=torch.long)])
    row = table.LayerNorm(row + table.position_embeddings.weight[place] + table.token_type_embeddings.weight[kind])
    return tower.encoder(row[None]).last_hidden_state[0]


def test_each_pair_is_one_row_of_tokens_and_frames_through_the_layers_of_the_text_tower(model, network, pairs):
    tower = shared_tower(model)
    read = network.read(tower, **pairs)
    assert read.tokens.shape == (3, 7, tower.config.hidden_size)
    for i in range(3):
        own = pairs["attended"][i].bool()
        wanted = one_alone(tower, network, pairs["ids"][i][own], pairs["frames"][i][pairs["frame_mask"][i]])
        torch.testing.assert_close(read.tokens[i][own], wanted[: own.sum()], atol=1e-5, rtol=1e-5)
        pooled = torch.tanh(network.pooler.weight @ wanted[0] + network.pooler.bias)
        torch.testing.assert_close(read.pooled[i], pooled, atol=1e-5, rtol=1e-5)


def test_what_is_padding_is_not_looked_at(model, network, pairs):
    tower = shared_tower(model)
    wanted = network.read(tower, **pairs).pooled
    pairs["ids"][pairs["attended"] == 0] = 9
    pairs["frames"][~pairs["frame_mask"]] = 1.0
    torch.testing.assert_close(network.read(tower, **pairs).pooled, wanted, atol=1e-6, rtol=1e-5)


def test_the_tower_is_shared_and_no_weight_of_the_network_is_its_own_copy_of_one(model, network, pairs):
    tower = shared_tower(model)
    vocabulary, width = tower.embeddings.word_embeddings.weight.shape
    assert not any(weight.shape == (vocabulary, width) for weight in network.parameters())
    read = network.read(tower, **pairs)
    guesses = network.masked_language(read.tokens[0], tower.embeddings.word_embeddings.weight)
    asked = torch.nn.functional.gelu(network.masked_language.dense(read.tokens[0]))
    wanted = network.masked_language.norm(asked) @ tower.embeddings.word_embeddings.weight.T + network.masked_language.bias
    torch.testing.assert_close(guesses, wanted)
    tower.zero_grad()
    (guesses.sum() + network.text_video(read.pooled).sum() + network.matching(read.pooled).sum()).backward()
    layers = tower.encoder.layer[0].attention.self.query.weight
    types = tower.embeddings.token_type_embeddings.weight.grad
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in (layers, *network.parameters()))
    assert (types.abs().amax(dim=1) > 0).all()      # of words and of frames
    tower.zero_grad()
    network.zero_grad()


def test_guesses_begin_nearly_even_however_long_word_embeddings_are(model):
    tower = shared_tower(model)
    words = tower.embeddings.word_embeddings.weight.detach()
    for stretch in (0.2, 1.0, 7.0):
        torch.manual_seed(3)
        tower.embeddings.word_embeddings.weight.data = words * stretch
        head = CrossModal(tower, dimension=8).masked_language
        spread = head(torch.randn(50, words.shape[1]), words * stretch).std(dim=1).mean()
        assert 0.3 < spread < 3
    tower.embeddings.word_embeddings.weight.data = words


def test_a_pooler_of_the_tower_is_copied_and_where_it_has_none_the_first_token_is_read_as_it_is(model, network):
    from transformers.models.chinese_clip.modeling_chinese_clip import ChineseCLIPTextModel

    width = shared_tower(model).config.hidden_size
    assert torch.equal(network.pooler.weight, torch.eye(width))
    pooling = ChineseCLIPTextModel(shared_tower(model).config, add_pooling_layer=True)
    copied = CrossModal(pooling, dimension=8).pooler
    assert torch.equal(copied.weight, pooling.pooler.dense.weight)
    assert copied.weight is not pooling.pooler.dense.weight


@pytest.mark.parametrize("kind", ["clip", "siglip", "siglip2"])
def test_a_tower_that_has_no_place_for_frames_is_refused_in_one_sentence(kind, tiny_model):
    with pytest.raises(ModelError, match=r"The text tower of \w+ cannot read words and frames together: .* Chinese-CLIP's\.$"):
        shared_tower(load_dual_encoder(tiny_model(kind)))
