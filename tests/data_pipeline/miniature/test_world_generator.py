"""The generator gives the same clips for the same seed, keeps its splits apart and labels its dirt."""

from __future__ import annotations

import dataclasses
from collections import Counter
from itertools import combinations

import pytest

from data_pipeline.miniature.backgrounds import BACKGROUNDS
from data_pipeline.miniature.colours import PAINTS
from data_pipeline.miniature.motions import MOTIONS
from data_pipeline.miniature.picture import SIZES, check_scene
from data_pipeline.miniature.spec import Actor, SceneSpec
from data_pipeline.miniature.things import THINGS
from data_pipeline.miniature.truth import Condition, condition_of, satisfies
from data_pipeline.miniature.world import Palette, generate
from data_pipeline.miniature.world.held_out import held_out_colours, held_out_motions, split_of
from retrieval.errors import InputError

SPLITS = ("train", "validation", "test", "composition")
CLIPS = {split: generate(700, seed=3, split=split) for split in SPLITS}
DIRTY = generate(400, seed=3, split="train", dirt=0.4)


def actors_of(spec: SceneSpec) -> list[Actor]:
    return [actor for shot in spec.shots for actor in shot.actors]


def pairs_of(spec: SceneSpec) -> set[tuple[str, str]]:
    looks = {(actor.thing, actor.colour) for actor in actors_of(spec)}
    return looks | {(actor.thing, motion) for actor in actors_of(spec) for motion in (actor.motion, actor.then) if motion}


@pytest.mark.parametrize("dirt", [0.0, 0.4])
def test_a_clip_follows_from_seed_split_and_number_alone(dirt: float) -> None:
    many = generate(60, seed=3, split="train", dirt=dirt)
    assert generate(60, seed=3, split="train", dirt=dirt) == many
    assert generate(20, seed=3, split="train", dirt=dirt) == many[:20]
    assert generate(10, seed=3, split="train", dirt=dirt, start=25) == many[25:35]
    assert not {clip.spec.caption for clip in many} <= {clip.spec.caption for clip in generate(60, seed=4, split="train")}


def test_a_known_clip_stays_the_same_on_every_machine() -> None:
    spec = CLIPS["test"][0].spec
    assert (spec.name, spec.caption, spec.title, spec.date) == (
        "test-3-000000", "有两架中等大小的蓝色的直升飞机在屋里迎面飞来", "给大家看看直升机", "2024-08-17"
    )


def test_every_clip_can_be_drawn_and_has_its_own_name() -> None:
    specs = [clip.spec for clips in (*CLIPS.values(), DIRTY[1:]) for clip in clips]
    for spec in specs:
        check_scene(spec)
    assert len({clip.spec.name for clips in CLIPS.values() for clip in clips}) == 4 * 700


def test_no_two_splits_share_the_facts_of_a_scene_whatever_the_seed() -> None:
    facts = {split: {condition_of(clip.spec) for clip in CLIPS[split] + generate(300, seed=9, split=split)} for split in SPLITS}
    assert not any(facts[one] & facts[other] for one, other in combinations(SPLITS, 2))


def test_held_out_pairs_occur_in_every_clip_of_the_composition_split_and_in_no_other() -> None:
    held_out = held_out_colours() | held_out_motions()
    for split, clips in CLIPS.items():
        shows = {bool(pairs_of(clip.spec) & held_out) for clip in clips}
        assert shows == {split == "composition"}
    seen = set().union(*(pairs_of(clip.spec) for clip in CLIPS["composition"]))
    assert len(seen & held_out) > 0.95 * len(held_out)


def test_a_twelfth_of_the_pairs_is_held_out_one_of_every_thing() -> None:
    for pairs, values in ((held_out_colours(), PAINTS), (held_out_motions(), MOTIONS)):
        assert sorted(thing for thing, _ in pairs) == sorted(THINGS)
        assert {value for _, value in pairs} <= set(values)


def test_everything_in_the_world_is_well_represented() -> None:
    actors = [actor for clip in CLIPS["train"] for actor in actors_of(clip.spec)]
    for name, values, least in (("thing", THINGS, 0.3), ("colour", PAINTS, 0.6), ("size", SIZES, 0.8),
                                ("motion", MOTIONS, 0.4), ("count", range(1, 6), 0.35)):
        seen = Counter(getattr(actor, name) for actor in actors)
        assert set(seen) == set(values)
        assert min(seen.values()) > least * len(actors) / len(values), (name, seen)
    scenes = Counter(shot.background for clip in CLIPS["train"] for shot in clip.spec.shots)
    assert set(scenes) == set(BACKGROUNDS)
    assert min(scenes.values()) > 40


def test_the_shares_of_the_kinds_of_clips() -> None:
    specs = [clip.spec for clip in CLIPS["train"]]
    shares = {
        "two actors": (0.45, sum(len(spec.actors) == 2 for spec in specs)),
        "relation": (0.15, sum(spec.relation is not None for spec in specs)),
        "then": (0.12, sum(any(actor.then for actor in spec.actors) for spec in specs)),
        "two shots": (0.05, sum(len(spec.shots) == 2 for spec in specs)),
        "spoken": (0.25, sum(bool(spec.spoken) for spec in specs)),
        "on screen": (0.08, sum(bool(spec.on_screen) for spec in specs)),
    }
    for kind, (wanted, seen) in shares.items():
        assert abs(seen / len(specs) - wanted) < 0.05, (kind, seen)
    assert all(2.5 <= spec.duration_ms / 1000 <= 4.0 for spec in specs if len(spec.shots) == 1)


def test_two_actors_without_a_relation_stand_left_and_right_all_the_time() -> None:
    for clip in CLIPS["train"]:
        for shot in condition_of(clip.spec).shots:
            assert len(shot.actors) == 1 or shot.relation is not None


def test_clean_clips_have_true_captions_of_every_level_in_both_languages() -> None:
    for clip in CLIPS["validation"]:
        assert clip.dirt is None
        assert all(satisfies(clip.spec, caption.condition) for caption in clip.captions)
        assert len({(caption.language, caption.detail) for caption in clip.captions}) == 6
        assert clip.spec.caption == clip.captions[0].text


def test_dirt_has_the_share_that_was_asked_for_and_all_its_kinds() -> None:
    kinds = Counter(clip.dirt for clip in DIRTY)
    assert set(kinds) == {None, "weak", "lyrics", "mismatched", "near_duplicate", "static"}
    assert 0.33 < 1 - kinds[None] / len(DIRTY) < 0.47
    assert min(kinds.values()) > 15


def test_the_truth_of_a_dirty_clip_stays_exact() -> None:
    clean = {clip.spec.name: clip for clip in generate(400, seed=3, split="train")}
    for clip in DIRTY:
        if clip.dirt in ("weak", "lyrics", "mismatched"):
            was = clean[clip.spec.name].spec
            assert (clip.spec.shots, clip.spec.caption) == (was.shots, was.caption)


def test_each_kind_of_dirt_is_what_its_label_says() -> None:
    by_name = {clip.spec.name: clip for clip in DIRTY}
    for clip in DIRTY:
        true = [satisfies(clip.spec, caption.condition) for caption in clip.captions]
        if clip.dirt == "weak":
            assert all(true)
            assert all(len(caption.text) > 10 for caption in clip.captions)
        elif clip.dirt == "lyrics":
            assert all(caption.condition == Condition() for caption in clip.captions)
        elif clip.dirt == "mismatched":
            assert true
            assert not any(true)
            assert {caption.text for caption in clip.captions} <= {c.text for c in by_name[clip.origin].captions}
        elif clip.dirt == "near_duplicate":
            origin = by_name[clip.origin].spec
            assert condition_of(clip.spec) == condition_of(origin)
            assert clip.spec.actors != origin.actors
        elif clip.dirt == "static":
            assert all(actor.motion == "still" and not THINGS[actor.thing].restless for actor in actors_of(clip.spec))


def test_what_cannot_be_generated_is_refused_in_a_sentence() -> None:
    for wrong in ({"count": -1}, {"split": "dev"}, {"dirt": 1.5}, {"start": -1}):
        with pytest.raises(InputError, match=r"\.$"):
            generate(**({"count": 1, "seed": 0, "split": "train"} | wrong))


def test_titles_and_lines_are_no_captions() -> None:
    for clip in CLIPS["train"]:
        texts = {clip.spec.title, *(line[2] for line in clip.spec.spoken), *(line[2] for line in clip.spec.on_screen)}
        assert not texts & {caption.text for caption in clip.captions}


PALETTE = Palette(things=("apple", "bird", "car"), colours=("red", "blue"), backgrounds=("room", "snow"))


def test_a_smaller_world_has_what_its_palette_has_and_keeps_actors_apart():
    clips = generate(150, seed=3, split="train", dirt=0.5, palette=PALETTE)
    for clip in clips:
        actors = [actor for shot in clip.spec.shots for actor in shot.actors]
        assert {actor.thing for actor in actors} <= set(PALETTE.things)
        assert {actor.colour for actor in actors} <= set(PALETTE.colours)
        assert {shot.background for shot in clip.spec.shots} <= set(PALETTE.backgrounds)
        assert all(len({one.thing for one in shot.actors}) == len(shot.actors) for shot in clip.spec.shots)
    assert {clip.dirt for clip in clips} == {None, "weak", "lyrics", "mismatched", "near_duplicate", "static"}


def test_the_splits_of_a_smaller_world_stay_apart():
    seen = {split: {split_of(clip.spec.shots) for clip in generate(40, seed=3, split=split, palette=PALETTE)}
            for split in ("train", "composition")}  # fmt: skip
    assert seen == {"train": {"train"}, "composition": {"composition"}}


@pytest.mark.parametrize("wrong", [{"things": ("dragon", "apple")}, {"colours": ()}, {"things": ("apple",)}])
def test_a_palette_of_what_the_world_does_not_have_is_refused(wrong):
    with pytest.raises(InputError):
        dataclasses.replace(PALETTE, **wrong)
