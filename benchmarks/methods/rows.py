"""The rows of the comparison: recipes by name, and what each is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.recipe import Recipe
from training.recipe_file import recipe_of

STEPS, BATCH, FRAMES = 700, 64, 4


@dataclass(frozen=True, kw_only=True)
class Row:
    """A recipe as changes to the plain one. against: the row it was defined against, None = it is compared with none.

    published: the gain of R@sum that its authors report, with where, or an empty text. frames: that it is evaluated with.
    """

    name: str
    changes: tuple[str, ...] = ()
    against: str | None = None
    published: str = ""
    frames: int = FRAMES
    shuffled: bool = False


_INFO_NCE = "InfoNCE"

ROWS: tuple[Row, ...] = (
    Row(name=_INFO_NCE),
    Row(name="one frame", changes=("data.frames=1",), against=_INFO_NCE, frames=1),
)


def row(name: str) -> Row:
    """The row of this name. Raises KeyError."""
    return {one.name: one for one in ROWS}[name]


def recipe(row: Row, *, seed: int, world: Path) -> Recipe:
    """What a run of the row trains by. Raises InputError."""
    return recipe_of(_plain(world), overrides=(*row.changes, f"seed={seed}"), source=row.name)


def _plain(world: Path) -> Mapping[str, Any]:
    texts = {"language": {"zh": 1}, "detail": {"full": 0.6, "medium": 0.2, "short": 0.2}}
    return {
        "name": "methods",
        "model": {
            "new": {
                "side": 64, "patch": 16, "width": 96, "layers": 3, "heads": 3, "text_width": 96, "text_layers": 2,
                "text_heads": 3, "dimension": 96, "dropout": 0.0,
            },
            "temporal": {"aggregation": "transformer", "layers": 1, "heads": 3},
            "attention": "eager",
        },
        "data": {
            "train": {"shards": str(world), "split": "train"},
            "validation": {"shards": str(world), "split": "validation"},
            "frames": FRAMES, "texts": texts, "workers": 1,
        },
        "objective": {"pooled": {"info_nce": 1.0}},
        "schedule": {"steps": STEPS, "warm_up": 0.05},
        "optimiser": {"learning_rate": 2e-3, "weight_decay": 0.05, "betas": [0.9, 0.99]},
        "batch": {"size": BATCH},
        "evaluation": {"every": STEPS, "clips": None, "texts": {"language": {"zh": 1}, "detail": {"full": 1}}},
        "checkpoint": {"every": STEPS, "keep": 1},
        "log": {"every": 20},
        "precision": "fp32",
        "ema_decay": 0.99,
    }  # fmt: skip
