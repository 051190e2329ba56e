"""A model knows which tokens it has learned: those of the texts that its training may show."""

from __future__ import annotations

import shutil

import pytest

from retrieval.encoders import load_encoder
from retrieval.encoders.checkpoint import open_checkpoint
from retrieval.encoders.learned_tokens import LEARNED_NAME, load_learned
from retrieval.encoders.tokenizing import Tokenizer
from retrieval.errors import ModelError
from retrieval.model import load_dual_encoder
from retrieval.model.smaller import TowerSize, build_smaller
from tests.training.training_world import small_recipe, write_world
from training.trainer import train


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("learned") / "shards", train=64, validation=16)


@pytest.fixture(scope="module")
def chinese(shards, tmp_path_factory):
    """A model that learned Chinese texts alone."""
    output = tmp_path_factory.mktemp("learned") / "out"
    train(small_recipe(shards, "schedule.steps=2", "data.texts.language={zh: 1}"), output)
    return output / "model"


def tokens_of(model, *texts):
    return {token for text in Tokenizer(open_checkpoint(model)).read(texts) for token in text.ids}


def test_a_model_from_nothing_has_learned_the_tokens_of_the_texts_that_training_shows(chinese):
    assert load_learned(chinese) == tokens_of(chinese, "一个的方块在左上右下", "红绿蓝黄白黑紫橙")
    assert load_learned(chinese.parent / "start") == frozenset()


def test_a_query_names_what_the_model_never_learned(chinese):
    encoder = load_encoder(str(chinese), device="cpu")
    # 国 and 人 are in the vocabulary and in no text; English was not shown; 焊 is not in the vocabulary
    read = encoder.encode_texts(["红方块", "国人在左上", "红square", "焊"])
    assert [sorted({*unknown}) for unknown in read.unknown] == [[], ["人", "国"], sorted({*"square"}), ["焊"]]


def test_nobody_is_told_of_tokens_by_an_untrained_model_or_one_without_a_list(chinese, tmp_path):
    shutil.copytree(chinese, tmp_path / "other")
    (tmp_path / "other" / LEARNED_NAME).unlink()
    for model in (tmp_path / "other", chinese.parent / "start"):
        assert load_encoder(str(model), device="cpu").encode_texts(["国人在左上"]).unknown == [()]


def test_what_is_learned_later_is_added(chinese, shards, tmp_path):
    more = small_recipe(shards, "schedule.steps=2", "data.texts.language={en: 1}", model={"start": str(chinese)})
    train(more, tmp_path / "more")
    english = tokens_of(chinese, *(f"square {number}" for number in range(64)))
    assert load_learned(tmp_path / "more" / "model") == load_learned(chinese) | english
    frozen = small_recipe(
        shards, "schedule.steps=2", "data.texts.language={en: 1}", "optimiser.frozen.text=all", model={"start": str(chinese)},
    )
    train(frozen, tmp_path / "frozen")
    assert load_learned(tmp_path / "frozen" / "model") == load_learned(chinese)


def test_nothing_is_noted_of_a_model_whose_first_texts_are_not_known(chinese, shards, tmp_path):
    shutil.copytree(chinese, tmp_path / "other")
    (tmp_path / "other" / LEARNED_NAME).unlink()
    train(small_recipe(shards, "schedule.steps=2", model={"start": str(tmp_path / "other")}), tmp_path / "out")
    assert load_learned(tmp_path / "out" / "model") is None


def test_a_smaller_text_tower_begins_anew_and_a_smaller_picture_tower_does_not(chinese, tmp_path):
    size = TowerSize(width=16, layers=1, heads=2)
    build_smaller(open_checkpoint(chinese), tmp_path / "text", text=size, video=None, seed=0)
    build_smaller(open_checkpoint(chinese), tmp_path / "video", text=None, video=size, seed=0)
    assert load_learned(tmp_path / "text") == frozenset()
    assert load_learned(tmp_path / "video") == load_learned(chinese)


def test_a_damaged_list_is_a_sentence(chinese, tmp_path):
    shutil.copytree(chinese, tmp_path / "other")
    for content in ("{", "[]", '{"tokens": ["1"]}', '{"tokens": [-1]}', '{"tokens": {}}', '{"tokens": ""}', "[" * 100_000):
        (tmp_path / "other" / LEARNED_NAME).write_text(content)
        with pytest.raises(ModelError, match=r"learned_tokens\.json is damaged"):
            load_dual_encoder(tmp_path / "other")
