"""What a small dual encoder learns from: nothing, the raw corpus, or what the rules and a share of the scores leave."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.methods.rows import base_recipe
from benchmarks.methods.world import FRAMES, SIDE
from benchmarks.relevance_filter.measuring import RAW, RULES
from data_pipeline.corpus.files import whole_file
from data_pipeline.corpus.samples import PictureFormat, Sample, SampleText
from data_pipeline.corpus.shard_reader import ShardDataset, decode
from data_pipeline.corpus.shards import write_shards
from data_pipeline.export.chosen import choose
from data_pipeline.export.frames import FrameOptions, write_frames
from data_pipeline.miniature.language.vocabulary import vocabulary
from data_pipeline.miniature.spec import SceneSpec
from data_pipeline.miniature.training_set import VOCABULARY, write_clips
from data_pipeline.miniature.world import WorldClip, generate
from data_pipeline.miniature.world.held_out import Split
from data_pipeline.selection.select import write_selection
from data_pipeline.selection.settings import SelectionSettings
from data_pipeline.selection.thresholds import LADDER
from training.recipe import Recipe
from training.recipe_file import recipe_of

WORLD_SEED = 71
CLIPS: dict[Split, int] = {"train": 300, "validation": 100, "test": 500}     # clean; train: what a model is tuned on
FIRST_STEPS, MORE_FRAMES_FROM, TUNING_STEPS = 500, 400, 80
WORLD, CLIPS_AT = "world", "clips"


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A corpus to begin with; selection: None = no corpus, only the clean clips that every arm is tuned on."""

    name: str
    selection: SelectionSettings | None = field(default=None)


ARMS: tuple[Arm, ...] = (
    Arm(name="no pre-training"),
    Arm(name="raw", selection=RAW),
    *(
        Arm(name=f"filtered {share:.0%}", selection=RULES.model_copy(update={"keep_share": share})) for share in LADDER
    ),
)  # fmt: skip


def arm(name: str) -> Arm:
    """The arm of this name. Raises KeyError."""
    return {one.name: one for one in ARMS}[name]


def folder_of(arm: Arm) -> str:
    return arm.name.replace(" ", "-").replace("%", "")


def world_clips(split: Split) -> list[WorldClip]:
    """The clean clips of a split, with scenes that no raw collection of another split has."""
    return generate(CLIPS[split], seed=WORLD_SEED, split=split)


def world_specs(split: Split) -> list[SceneSpec]:
    return [clip.spec for clip in world_clips(split)]


def write_arms(corpus: Path, work: Path, *, workers: int) -> dict[str, int]:
    """Write the shards of every arm and of the clean world below `work`; gives the pairs of each arm.

    Every span is decoded once. What is there of the same corpus is kept. Raises CorpusError.
    """
    work.mkdir(parents=True, exist_ok=True)
    write_clips(work / WORLD, (clip for split in CLIPS for clip in world_clips(split)), side=SIDE, frames=FRAMES, workers=workers)
    write_selection(corpus, RAW)
    write_frames(choose(corpus), work / CLIPS_AT, options=FrameOptions(count=FRAMES, side=SIDE), workers=workers)
    pairs = {}
    for one in ARMS:
        if one.selection is not None:
            write_selection(corpus, one.selection)
            texts = _texts(corpus)
            pairs[one.name] = sum(map(len, texts.values()))
            shutil.rmtree(work / folder_of(one), ignore_errors=True)
            write_shards(
                _samples(work / CLIPS_AT, texts), work / folder_of(one), form=PictureFormat(height=SIDE, width=SIDE)
            )
            with whole_file(work / folder_of(one) / VOCABULARY) as file:
                file.write("".join(f"{word}\n" for word in vocabulary()).encode())
    return pairs


def _texts(corpus: Path) -> Mapping[str, list[SampleText]]:
    """The texts of each kept clip."""
    texts: dict[str, list[SampleText]] = defaultdict(list)
    for pair, _, _ in choose(corpus).pairs():
        texts[pair.clip_id].append(SampleText(text=pair.text, language=pair.language, detail=pair.detail, kind=pair.kind))
    return texts


def _samples(clips: Path, texts: Mapping[str, list[SampleText]]) -> Iterator[Sample]:
    stored = ShardDataset(clips)
    for clip in map(stored.__getitem__, range(len(stored))):
        if clip.key in texts:
            yield Sample(
                id=clip.key, video=clip.video, start_ms=clip.start_ms, end_ms=clip.end_ms, times_ms=clip.times_ms,
                frames=decode(clip), texts=tuple(texts[clip.key]), split=clip.split, decoder="shards",
            )  # fmt: skip


def first_recipe(arm: Arm, *, seed: int, work: Path) -> Recipe:
    """Learn from the corpus of an arm, as many steps as every other arm. Raises InputError."""
    base = base_recipe(work / WORLD)
    frames = [[0, 1], [MORE_FRAMES_FROM, 4]]
    return _recipe(base, base["model"], work / folder_of(arm), seed=seed, frames=frames, steps=FIRST_STEPS)


def tuning_recipe(start: Path | None, *, seed: int, work: Path) -> Recipe:
    """Learn from the clean clips, from a model or from nothing. Raises InputError."""
    base = base_recipe(work / WORLD)
    model = base["model"] if start is None else {"start": str(start), "attention": "eager"}
    return _recipe(base, model, work / WORLD, seed=seed, frames=4, steps=TUNING_STEPS)


def _recipe(base: Mapping[str, Any], model: Any, shards: Path, *, seed: int, frames: Any, steps: int) -> Recipe:
    data = {**base["data"], "train": {"shards": str(shards), "split": "train"}, "frames": frames, "texts": {}}
    if shards.name == WORLD:
        data["texts"] = base["data"]["texts"]
    changed = {
        **base, "name": "relevance filter", "model": model, "data": data, "seed": seed,
        "schedule": {"steps": steps, "warm_up": 0.05}, "checkpoint": {"every": steps, "keep": 1},
        "evaluation": {**base["evaluation"], "every": steps},
    }  # fmt: skip
    return recipe_of(changed, source="relevance filter")
