"""The score of a search, on arrays, and that of training, on tensors, are one score."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from retrieval.encoders import TextVectors
from retrieval.model import scores as scores_module
from retrieval.model.dual_encoder import TextFeatures, VideoFeatures, token_wise_score
from retrieval.model.scores import token_wise_scores
from retrieval.model.settings import InteractionSettings

SETTINGS = [
    InteractionSettings(),
    InteractionSettings(text_weights="significant"),
    InteractionSettings(neighbour_weight=0.5),
    InteractionSettings(neighbour_weight=0.5, neighbours=3, text_weights="significant", sentence_weight=0.5),
    InteractionSettings(neighbour_weight=0.7, neighbours=9, sentence_weight=0.25),
]


def unit(random, *shape):
    rows = random.standard_normal(shape).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def read(random, texts=5, words=6, dimension=8) -> TextVectors:
    mask = np.arange(words) < random.integers(1, words + 1, size=(texts, 1))
    weights = np.where(random.random((texts, words)) < 0.3, 0, random.random((texts, words))).astype(np.float32)
    weights[0] = 0
    return TextVectors(
        pooled=unit(random, texts, dimension), words=unit(random, texts, words, dimension), mask=mask, weights=weights,
        pieces=[[]] * texts, unread=[0] * texts, windows=[1] * texts,
    )  # fmt: skip


def clips(random, count=7, frames=5, dimension=8):
    mask = np.arange(frames) < random.integers(1, frames + 1, size=(count, 1))
    return unit(random, count, frames, dimension), mask


def by_torch(texts: TextVectors, frames, mask, interaction):
    tensors = [torch.from_numpy(one) for one in (texts.pooled, texts.words, texts.mask, texts.weights)]
    videos = VideoFeatures(torch.empty(len(frames), 0), torch.from_numpy(frames), torch.from_numpy(mask))
    return token_wise_score(TextFeatures(*tensors), videos, interaction=interaction).numpy()


@pytest.mark.parametrize("interaction", SETTINGS, ids=str)
def test_arrays_are_scored_as_in_training(interaction, monkeypatch):
    for seed in range(5):
        random = np.random.default_rng(seed)
        texts, (frames, mask) = read(random), clips(random)
        wanted = by_torch(texts, frames, mask, interaction)
        assert token_wise_scores(texts, frames, frame_mask=mask, interaction=interaction) == pytest.approx(wanted, abs=1e-5)
        with monkeypatch.context() as patch:
            patch.setattr(scores_module, "_PAIRS_AT_ONCE", 1)       # a text at a time
            found = token_wise_scores(texts, frames, frame_mask=mask, interaction=interaction)
        assert found == pytest.approx(wanted, abs=1e-5)


def test_what_is_masked_may_be_anything():
    random = np.random.default_rng(1)
    texts, (frames, mask) = read(random), clips(random)
    before = token_wise_scores(texts, frames, frame_mask=mask, interaction=SETTINGS[3])
    texts.words[~texts.mask] = 99
    frames[~mask] = 99
    assert token_wise_scores(texts, frames, frame_mask=mask, interaction=SETTINGS[3]) == pytest.approx(before, abs=1e-5)


def test_what_cannot_be_scored_is_refused():
    random = np.random.default_rng(2)
    texts, (frames, mask) = read(random), clips(random)
    with pytest.raises(ValueError, match="leaves nothing"):
        token_wise_scores(texts, frames, frame_mask=mask & False, interaction=SETTINGS[0])
    with pytest.raises(ValueError, match="without the weights"):
        token_wise_scores(replace(texts, weights=None), frames, frame_mask=mask, interaction=SETTINGS[1])
    with pytest.raises(ValueError, match="not negative"):
        token_wise_scores(replace(texts, weights=-texts.weights), frames, frame_mask=mask, interaction=SETTINGS[1])


def test_torch_is_not_imported_for_it():
    code = """
import sys
import numpy as np
from retrieval.encoders import TextVectors
from retrieval.model.scores import token_wise_scores
from retrieval.model.settings import InteractionSettings
one = np.ones((1, 1, 4), np.float32) / 2
text = TextVectors(pooled=one[0], words=one, mask=np.ones((1, 1), bool), pieces=[[]], unread=[0], windows=[1])
print(*token_wise_scores(text, one, frame_mask=text.mask, interaction=InteractionSettings())[0], 'torch' in sys.modules)
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["1.0", "False"]
