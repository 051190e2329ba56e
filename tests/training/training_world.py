"""A world for the trainer's tests: squares of eight colours at four places, in real shards of a few kilobytes."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch

from data_pipeline.corpus.samples import PictureFormat, Sample, SampleText
from data_pipeline.corpus.shard_reader import ShardDataset
from data_pipeline.corpus.shards import write_shards
from training.batches.batch import Batch
from training.batches.tokens import TokenRows
from training.recipe import Recipe
from training.recipe_file import recipe_of

COLOURS = {
    "红": (220, 30, 30), "绿": (30, 180, 30), "蓝": (40, 60, 230), "黄": (230, 220, 40), "白": (245, 245, 245),
    "黑": (10, 10, 10), "紫": (150, 40, 180), "橙": (250, 140, 20),
}  # fmt: skip
PLACES = {"左上": (0, 0), "右上": (0, 1), "左下": (1, 0), "右下": (1, 1)}
FRAMES, SIDE = 4, 32
VOCABULARY = sorted({*"的一是在不了有和人这中大为上个国我以要他方块下左右", *COLOURS})


def clip(number: int, *, split: str, video: str | None = None) -> Sample:
    """A square that wanders a little; its colour and place follow from the number."""
    kinds = list(product(COLOURS, PLACES))
    colour, place = kinds[number % len(kinds)]
    random = Random(f"{split} {number}")
    frames = np.full((FRAMES, SIDE, SIDE, 3), [random.randrange(90, 160) for _ in range(3)], np.uint8)
    row, column = PLACES[place]
    for frame in frames:
        top, left = (half * SIDE // 2 + random.randrange(4) for half in (row, column))
        frame[top : top + 12, left : left + 12] = COLOURS[colour]
    texts = (
        SampleText(text=f"一个{colour}的方块在{place}", language="zh", detail="full", kind="caption"),
        SampleText(text=f"{colour}方块", language="zh", detail="short", kind="caption"),
        SampleText(text=f"square {number}", language="en", detail="full", kind="caption"),
    )
    return Sample(
        id=f"{split}-{number:05d}", video=video or f"video-{split}-{number}", start_ms=0, end_ms=4000,
        times_ms=(500, 1500, 2500, 3500), frames=frames, texts=texts, split=split, decoder="drawn",
    )  # fmt: skip


def write_world(directory: Path, *, train: int = 96, validation: int = 32) -> Path:
    """Shards of both splits, and the vocabulary beside them."""
    clips = [clip(i, split="train") for i in range(train)] + [clip(i, split="validation") for i in range(validation)]
    write_shards(clips, directory, form=PictureFormat(height=SIDE, width=SIDE, quality=95), rows_per_shard=50)
    (directory / "vocabulary.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    return directory


def small_recipe(shards: Path, *overrides: str, **sections: Any) -> Recipe:
    """A recipe of a model of one block of 32 numbers, which does 12 steps in a second or two."""
    content = {
        "name": "squares",
        "model": {
            "new": {
                "side": SIDE, "patch": 16, "width": 32, "layers": 1, "heads": 2, "text_width": 32, "text_layers": 1,
                "text_heads": 2, "dimension": 16,
            }
        },
        "data": {
            "train": {"shards": str(shards), "split": "train"},
            "validation": {"shards": str(shards), "split": "validation"},
            "frames": 2, "texts": {"language": {"zh": 1}, "detail": {"full": 3, "short": 1}}, "workers": 1,
        },
        "schedule": {"steps": 12},
        "batch": {"size": 16},
        "optimiser": {"learning_rate": 3e-3},
        "evaluation": {"every": 6},
        "checkpoint": {"every": 4},
        "precision": "fp32",
        **sections,
    }  # fmt: skip
    return recipe_of(content, overrides=overrides)


def random_batch(count: int, *, words: int = 6, frames: int = 3) -> Batch:
    """Noise with texts and clips of several lengths; those of the second half are the longer ones."""
    torch.manual_seed(3)
    lengths = torch.randint(1, words - 1, (count, 1)).sort(dim=0).values
    place = torch.arange(words)
    return Batch(
        keys=tuple(f"clip-{i}" for i in range(count)),
        texts=TokenRows(
            ids=torch.randint(5, 90, (count, words)), attended=(place < lengths + 2).long(),
            words=(place > 0) & (place <= lengths),
        ),
        text_ids=torch.arange(count) % (count - 1),     # the last has the text of the first
        pictures=torch.randint(0, 256, (count, frames, SIDE, SIDE, 3), dtype=torch.uint8),
        frame_mask=torch.arange(frames) < torch.randint(1, frames + 1, (count, 1)),
    )  # fmt: skip


def damage(shards: Path, number: int, *, split: str = "train") -> str:
    """Overwrite the pictures of a sample where they lie; the sample's key."""
    samples = ShardDataset(shards, split=split)
    sample = samples[number]
    tar = shards / sample.shard
    content = tar.read_bytes()
    for jpeg in sample.jpegs:
        content = content.replace(jpeg, bytes(len(jpeg)), 1)     # not that of a look-alike
    tar.write_bytes(content)
    return sample.key
