"""Recipes: what is refused and in which words, what stages mean, what counts as another recipe."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import get_args

import pytest

from retrieval.errors import InputError
from retrieval.model import AGGREGATIONS, FrameSettings, VideoSettings
from retrieval.model.settings import FRAME_POOLINGS, VIDEO_TOWERS
from retrieval.model.tiny import TinySettings
from tests.training.training_world import small_recipe
from training.recipe import Frames, NewModel, Temporal, Video
from training.recipe_file import differing_settings, packaged_recipe, plain, read_recipe, recipe_of, recipe_text

SHARDS = Path("shards")


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("optimiser.leaning_rate=1", "optimiser.leaning_rate is not a setting; did you mean learning_rate?"),
        ("model.new.wdth=3", "model.new.wdth is not a setting; did you mean width?"),
        ("data.texts.detial={}", "data.texts.detial is not a setting; did you mean detail?"),
        ("shedule.steps=3", "shedule is not a setting; did you mean schedule?"),
        ("precision=fp8", "precision is 'fp8'"),
        ("model.temporal.aggregation=median", "model.temporal.aggregation is 'median': it should be 'mean', 'max'"),
        ("schedule=3", "schedule is 3: it must be a section with steps"),
        ("batch.size=1", "at least two clips"),
        ("data.frames=[[3, 1]]", "begin at step 0"),
        ("data.frames=[[0, 1], [9, 2], [5, 4]]", "begin at step 0 and go up"),
        ("schedule.epochs=2", "either steps or epochs"),
        ("model.start=somewhere", "either start (a folder or a hub name) or new"),
        ("seed", "section.setting=value"),
        ("seed.more=1", "--set seed.more=1 cannot be used"),
        ("batch.size={", "not YAML"),
    ],
)
def test_what_cannot_be_used_is_named_with_what_to_write_instead(override, sentence):
    content = {**plain(small_recipe(SHARDS)), "seed": 0}
    with pytest.raises(InputError) as refused:
        recipe_of(content, overrides=[override], source="recipe.yaml")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", ["- a list", "", "model: [", "\ttab: 1"])
def test_a_file_that_is_no_recipe_gets_a_sentence_with_its_name(content, tmp_path):
    file = tmp_path / "recipe.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"recipe\.yaml"):
        read_recipe(file)
    with pytest.raises(InputError, match="cannot be read"):
        read_recipe(tmp_path / "missing.yaml")


@pytest.mark.parametrize(
    "data",
    [
        {"validation": {"shards": "v", "split": "test"}},
        {"validation": {"shards": "v", "split": "dev"}, "test": {"shards": "./v", "split": "dev"}},
        {"validation": {"shards": "v", "split": None}, "test": {"shards": ["a", "v"], "split": "dev"}},
    ],
)
def test_the_best_model_is_never_chosen_by_the_test_split(data):
    content = plain(small_recipe(SHARDS))
    content["data"] |= data
    with pytest.raises(InputError, match="validation is the test split"):
        recipe_of(content)


def test_validation_must_not_hold_training_samples():
    with pytest.raises(InputError, match="validation holds the training samples"):
        small_recipe(SHARDS, "data.validation.split=train")


def test_a_resolved_recipe_read_back_is_the_same_recipe(tmp_path):
    recipe = small_recipe(SHARDS, "data.frames=[[0, 1], [5, 4]]", "optimiser.learning_rate=1e-4", "batch.size=[[0, 8], [3, 16]]")
    assert recipe.optimiser.learning_rate == 1e-4       # which YAML alone reads as a word
    file = tmp_path / "recipe.yaml"
    file.write_text(recipe_text(recipe), encoding="utf-8")
    assert read_recipe(file) == recipe


def test_stages_begin_at_their_step():
    frames = small_recipe(SHARDS, "data.frames=[[0, 1], [5, 4]]").data.frames
    assert [frames.at(step) for step in (0, 4, 5, 900)] == [1, 1, 4, 4]
    assert small_recipe(SHARDS).data.frames.at(900) == 2


def test_what_changes_no_number_makes_no_other_recipe():
    one = plain(small_recipe(SHARDS))
    assert differing_settings(one, plain(small_recipe(SHARDS, "data.workers=4", "log.every=9", "checkpoint.keep=7"))) == []
    other = small_recipe(SHARDS, "batch.size=8", "objective.token_wise.info_nce=1", "data.texts.language={en: 1}")
    assert differing_settings(one, plain(other)) == [
        "batch.size", "data.texts.language.en", "data.texts.language.zh", "objective.token_wise.info_nce",
    ]  # fmt: skip


def test_a_new_model_of_a_recipe_has_the_settings_and_defaults_of_a_tiny_one():
    sections = ("temporal", "interaction", "frames")
    tiny = {field.name: field.default for field in fields(TinySettings) if field.name not in sections}
    new = NewModel().model_dump()
    assert {name: value for name, value in new.items() if name not in ("vocabulary", "whiten", "frames")} == tiny
    assert FrameSettings(**new["frames"]) == TinySettings().frames
    assert get_args(Temporal.model_fields["aggregation"].annotation) == AGGREGATIONS
    assert get_args(Frames.model_fields["pooling"].annotation) == FRAME_POOLINGS
    assert Frames().pooling == TinySettings().frames.pooling
    own = NewModel().model_dump(exclude={"vocabulary", "whiten", "frames"})
    assert own == tiny


def test_a_recipe_names_every_video_tower_with_the_settings_and_defaults_of_the_model():
    assert Video().model_dump() == asdict(VideoSettings())
    assert set(get_args(Video.model_fields["tower"].annotation)) == set(VIDEO_TOWERS)


def test_the_recipe_of_the_demo_comes_with_the_package_and_a_wrong_name_is_told_the_right_ones():
    assert read_recipe(Path("miniature")).name == "miniature"
    assert read_recipe(packaged_recipe("miniature")) == read_recipe(Path("miniature"))
    for path in packaged_recipe("miniature").parent.glob("*.yaml"):
        assert read_recipe(path).name
    with pytest.raises(InputError, match="miniature"):
        read_recipe(Path("minature"))


def test_a_folder_with_the_name_of_a_packaged_recipe_does_not_hide_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "miniature").mkdir()
    assert read_recipe(Path("miniature")) == read_recipe(packaged_recipe("miniature"))
