"""Significant words in training: mined once from the training texts, told for every token of a batch, kept with the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from data_pipeline.corpus.shard_reader import ShardDataset
from retrieval.encoders import load_encoder
from retrieval.encoders.checkpoint import open_checkpoint
from retrieval.encoders.preprocessing import read_preprocessing
from retrieval.errors import ModelError
from retrieval.model import load_dual_encoder
from retrieval.model.scores import token_wise_scores
from retrieval.model.word_table import WORDS_NAME, load_words, mine_words
from tests.training.training_world import small_recipe, write_world
from training.batches.batch import BatchMaker, Visit
from training.batches.samples import training_texts, video_codes
from training.batches.tokens import TextReader
from training.processes import Processes
from training.recipe import TextWeights
from training.setup import prepare, write_new_model
from training.trainer import train

DMAE = {"interaction": {"neighbour_weight": 0.5, "text_weights": "significant", "sentence_weight": 0.5}}


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"), train=32, validation=8)


def recipe_of_dmae(shards, *overrides):
    new = small_recipe(shards).model.new
    return small_recipe(shards, "objective.token_wise.info_nce=0.5", *overrides, model={"new": new.model_dump(), **DMAE})


@pytest.fixture(scope="module")
def run(shards, tmp_path_factory) -> Path:
    """A run of a few steps whose words are weighed."""
    folder = tmp_path_factory.mktemp("run")
    train(recipe_of_dmae(shards, "schedule.steps=4", "evaluation.every=4"), folder)
    return folder


def test_a_batch_tells_for_every_token_what_it_is(shards, tmp_path):
    write_new_model(small_recipe(shards), tmp_path / "tiny")
    checkpoint = open_checkpoint(tmp_path / "tiny")
    samples = ShardDataset(shards, split="train")
    table = mine_words(["红方块", "一个方块", "左上"])
    reader = TextReader(checkpoint, words=table)
    maker = BatchMaker(samples, video_codes(samples), reader=reader, preprocessing=read_preprocessing(checkpoint))
    visit = Visit(frames=1, texts=TextWeights(language={"zh": 1}, detail={"short": 1}))
    batch = maker.training_batch([0, 4], lambda number: visit, planned=[0, 4])
    assert [text["text"] for text in samples[0].texts][1] == "红方块"
    found = batch.texts.significance
    assert found is not None
    # [CLS] 红 方 块 [SEP]
    assert found.significant[0].tolist() == [False, "红" in table.words, True, True, False]
    assert found.weights[0, [0, -1]].tolist() == [0.0, 0.0]
    assert set(found.weights[0, 1:-1].tolist()) <= {1.0, 2.0}
    alone = table.significance("红方块", [(0, 1), (1, 2), (2, 3)])
    assert found.weights[0, 1:-1].tolist() == alone.weights
    assert found.word_numbers[0].tolist() == [-1, *alone.word_numbers, -1]
    assert max(alone.word_numbers) > 0
    part = batch.part(slice(1, 2)).texts.significance
    assert part is not None
    assert torch.equal(part.word_numbers, found.word_numbers[1:])


def test_a_batch_without_a_table_has_none(shards, tmp_path):
    setup = prepare(small_recipe(shards), tmp_path / "start", Processes())
    assert setup.model.significant_words is None
    assert not (tmp_path / "start" / WORDS_NAME).exists()


def test_the_table_is_that_of_all_training_texts_and_is_mined_once(shards, tmp_path):
    recipe, start = recipe_of_dmae(shards), tmp_path / "start"
    prepare(recipe, start, Processes())
    samples = ShardDataset(shards, split="train")
    texts = [text["text"] for number in range(len(samples)) for text in samples[number].texts]
    assert load_words(start / WORDS_NAME) == mine_words(texts)
    assert list(training_texts(samples)) == texts
    mine_words(["别的词"]).save(start / WORDS_NAME)         # a run that is taken up again must have the table it began with
    assert prepare(recipe, start, Processes()).model.significant_words == mine_words(["别的词"])


def test_the_finished_model_weighs_the_words_of_a_query_by_the_table_it_was_trained_with(run):
    table = load_words(run / "start" / WORDS_NAME)
    assert load_words(run / "model" / WORDS_NAME) == table
    encoder = load_encoder(str(run / "model"), device="cpu")
    read = encoder.encode_texts(["红方块在左上", "的"])
    assert read.weights is not None
    spans = [(i, i + 1) for i in range(6)]
    assert read.weights[0].tolist() == table.significance("红方块在左上", spans).weights
    assert read.weights[1].tolist() == [1, 0, 0, 0, 0, 0]
    assert len(set(read.weights[0].tolist())) == 2
    torch.manual_seed(0)
    frames = torch.nn.functional.normalize(torch.randn(3, 4, 16), dim=-1).numpy()
    mask = np.array([[True] * 4, [True, True, False, False], [True, False, False, False]])
    found = token_wise_scores(read, frames, frame_mask=mask, interaction=encoder.interaction)
    for text in range(2):
        for clip in range(3):
            wanted = slow_score(
                read.words[text][read.mask[text]], read.weights[text][read.mask[text]], read.pooled[text],
                frames[clip][mask[clip]],
            )  # fmt: skip
            assert found[text, clip] == pytest.approx(wanted, abs=1e-5)


def slow_score(words, weights, sentence, frames):
    """DMAE's score of one pair, entry by entry: the sentence as a text of one word, and the words by their weights."""

    def interaction(tokens, weights):
        cosine = tokens @ frames.T
        best_frames = 0.0
        for row, weight in zip(cosine, weights, strict=True):
            winner = int(row.argmax())
            likeness = [float(frames[winner] @ other) if u != winner else 0.0 for u, other in enumerate(frames)]
            nearest = int(np.argmax(likeness))
            best_frames += weight / weights.sum() * (row[winner] + 0.5 * max(likeness[nearest], 0.0) * row[nearest])
        return (best_frames + cosine.max(axis=0).mean()) / 2

    return (interaction(sentence[None], np.ones(1)) + interaction(words, weights)) / 2


def test_a_model_that_weighs_words_needs_its_table(run, tmp_path):
    files = {path.name: path.read_bytes() for path in (run / "model").iterdir() if path.name != WORDS_NAME}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=r"weighs words, but its significant_words\.json is missing"):
        load_encoder(str(tmp_path), device="cpu")
    assert load_dual_encoder(tmp_path).significant_words is None      # a training from it brings a table of its own
