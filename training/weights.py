"""Where a weight of a dual encoder is: in which tower, in which of its blocks; and which weights are trained."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from torch import nn

from retrieval.errors import InputError
from retrieval.model import DualEncoder
from training.recipe import Frozen

Part = Literal["text", "vision", "temporal", "scale"]
TOWERS: tuple[Part, Part] = ("text", "vision")

_TOWER = re.compile(r"^towers\.(text|vision)_model\.(.*)")
_BLOCK = re.compile(r"(?:^|\.)(?:layers?|blocks)\.(\d+)\.")
_PROJECTIONS: dict[str, Part] = {"towers.text_projection": "text", "towers.visual_projection": "vision"}


@dataclass(frozen=True, kw_only=True)
class Place:
    """block: counted from below, None = before, behind or beside the blocks; embedding: before them."""

    part: Part
    block: int | None = None
    embedding: bool = False


def place_of(name: str) -> Place:
    """Where the weight of this name is in a DualEncoder; the logit scale and its bias belong to no tower."""
    tower = _TOWER.match(name)
    if tower is None:
        if not name.startswith("towers."):
            return Place(part="temporal")
        return Place(part=next((part for start, part in _PROJECTIONS.items() if name.startswith(start)), "scale"))
    part: Part = "text" if tower[1] == "text" else "vision"
    block = _BLOCK.search(tower[2])
    if block is not None:
        return Place(part=part, block=int(block[1]))
    first = tower[2].split(".")[0]
    # CLIP's vision tower has a norm between the embeddings and the blocks, under this misspelt name.
    return Place(part=part, embedding="embeddings" in first or first == "pre_layrnorm")


def block_counts(model: nn.Module) -> dict[str, int]:
    """How many blocks each tower has."""
    counts: dict[str, int] = {}
    for name, _ in model.named_parameters():
        place = place_of(name)
        if place.block is not None:
            counts[place.part] = max(counts.get(place.part, 0), place.block + 1)
    return counts


def freeze(model: DualEncoder, settings: Frozen) -> None:
    """Keep the weights that the recipe names as they are. Raises InputError when a tower has fewer blocks."""
    counts, below = block_counts(model), dict[str, int | Literal["embeddings", "all"]](text=settings.text, vision=settings.vision)
    for tower, blocks in below.items():
        if isinstance(blocks, int) and blocks > counts.get(tower, 0):
            raise InputError(
                f"optimiser.frozen.{tower} is {blocks}, but the {tower} tower has {counts.get(tower, 0)} blocks: give at "
                "most so many, or all."
            )
    for name, weight in model.named_parameters():
        if _is_frozen(place_of(name), below, temporal=settings.temporal):
            weight.requires_grad_(False)


def _is_frozen(place: Place, below: dict[str, int | Literal["embeddings", "all"]], *, temporal: bool) -> bool:
    if place.part == "temporal":
        return temporal
    blocks = below.get(place.part, 0)
    if blocks == "all":
        return True
    if blocks == "embeddings":
        return place.embedding
    return blocks > 0 and (place.embedding or (place.block is not None and place.block < blocks))


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights that training changes, by name, in the order of the model."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def require_something_to_train(model: DualEncoder) -> None:
    """Raise InputError when nothing but the logit scale is left to train."""
    if all(place_of(name).part == "scale" for name in trained(model)):
        raise InputError("Everything is frozen: leave something of a tower or the temporal aggregation to train.")


def learns_texts(model: DualEncoder) -> bool:
    """Whether any weight of the text tower is trained."""
    return any(place_of(name).part == "text" for name in trained(model))


def keeps_clip_vectors(model: DualEncoder) -> bool:
    """Whether no weight that makes the vectors of clips is trained."""
    return all(place_of(name).part in ("text", "scale") for name in trained(model))
