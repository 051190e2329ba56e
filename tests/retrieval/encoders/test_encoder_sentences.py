"""Sentence vectors are those of the plain model's masked mean; a model's revision covers how it pools."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from retrieval.encoders import load_sentence_encoder, made_text_vectors
from retrieval.encoders.sentence_encoder import SentenceEncoder, sentence_revision
from retrieval.errors import InputError, ModelError
from tests.checkpoints import edit_json
from tests.sentence_models import save_sentence_model

SENTENCES = ["一只狗在草地上追球", "狗", "a dog chases a ball on the lawn"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BERT with a mean of its tokens on top, saved by sentence-transformers itself."""
    pytest.importorskip("sentence_transformers", reason="wenshi[sentence] is not installed")
    return save_sentence_model(tmp_path_factory.mktemp("sentence") / "model", SENTENCES)


def test_vectors_are_the_mean_of_the_token_states_at_unit_length(folder: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    expected = []
    for sentence in SENTENCES:
        with torch.inference_mode():
            mean = model(**tokenizer([sentence], return_tensors="pt")).last_hidden_state[0].mean(dim=0)
        expected.append((mean / mean.norm()).numpy())

    encoded = SentenceEncoder(folder).encode(SENTENCES)

    np.testing.assert_allclose(encoded.vectors, np.stack(expected), atol=1e-5)
    assert np.abs(encoded.vectors[0] - encoded.vectors[2]).max() > 1e-3
    assert encoded.unread == [0, 0, 0]


def test_traditional_characters_are_read_as_simplified_ones(folder: Path) -> None:
    encoder = SentenceEncoder(folder)

    np.testing.assert_array_equal(encoder.encode(["一隻狗在草地上追球"]).vectors, encoder.encode(SENTENCES[:1]).vectors)


def test_a_model_is_found_by_its_folder_or_its_name_on_the_hub(folder: Path, tmp_path: Path, monkeypatch) -> None:
    snapshot = tmp_path / "models--owner--sentences" / "snapshots" / "0123"
    shutil.copytree(folder, snapshot)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    here, there = load_sentence_encoder(str(folder)), load_sentence_encoder("owner/sentences")

    assert (here.generation.encoder, there.generation.encoder) == ("model", "owner/sentences")
    assert here.generation.same_vectors(there.generation)
    assert made_text_vectors("owner/sentences", here.generation)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE"):
        load_sentence_encoder("owner/others")


def test_what_lies_behind_the_context_is_counted(folder: Path) -> None:
    encoder = SentenceEncoder(folder)

    assert encoder.encode(["狗" * 100, "狗" * 30, "狗" * 31]).unread == [102 - 32, 0, 1]


def test_no_sentences_give_no_vectors_and_empty_ones_are_refused(folder: Path) -> None:
    encoder = SentenceEncoder(folder)

    assert encoder.encode([]).vectors.shape == (0, encoder.generation.dimension) == (0, 32)
    with pytest.raises(InputError, match="empty sentence"):
        encoder.encode(["狗", " "])
    with pytest.raises(InputError, match="not a single string"):
        encoder.encode("狗")


def test_a_copy_has_the_revision_and_another_pooling_has_another(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert sentence_revision(copy) == sentence_revision(folder) == SentenceEncoder(folder).generation.revision

    settings = next(path for path in copy.glob("*_Pooling/config.json"))
    edit_json(settings, pooling_mode="cls")

    assert sentence_revision(copy) != sentence_revision(folder)


def test_a_folder_that_is_no_sentence_model_or_is_damaged_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a sentence-transformers folder"):
        SentenceEncoder(tmp_path)
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "model.safetensors").write_bytes((copy / "model.safetensors").read_bytes()[:-10])
    with pytest.raises(ModelError, match="damaged or cut off"):
        SentenceEncoder(copy)
