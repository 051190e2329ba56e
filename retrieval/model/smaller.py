"""A model with a smaller tower in the place of one of its own, to be taught by it."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from retrieval.encoders.checkpoint import Checkpoint
from retrieval.encoders.quiet import quiet_transformers
from retrieval.errors import InputError
from retrieval.model.storing import load_dual_encoder, save_dual_encoder

_SIDES = {"text": ("text_model.", "text_projection."), "video": ("vision_model.", "visual_projection.")}
_CONFIGS = {"text": "text_config", "video": "vision_config"}
_BLOCK = re.compile(r"(\.layers?\.)(\d+)\.")


@dataclass(frozen=True, kw_only=True)
class TowerSize:
    """width of its states, number of blocks, attention heads in each."""

    width: int
    layers: int
    heads: int


def build_smaller(
    checkpoint: Checkpoint, directory: Path, *, text: TowerSize | None = None, video: TowerSize | None = None, seed: int
) -> None:
    """Write the model of `checkpoint` with new towers of these sizes, None = its own; all else is kept as it is.

    A tower of the same width begins with the embeddings and evenly spread blocks of the large one, any other at random.
    Raises InputError when the heads do not divide the width or the model's vectors are as wide as its towers.
    """
    if not checkpoint.family.projected:
        raise InputError(f"The vectors of {checkpoint.name} are as wide as its towers: only towers that project can be smaller.")
    model = load_dual_encoder(checkpoint)
    if video is not None and model.video is not None:
        raise InputError(f"The video tower of {checkpoint.name} was made of its picture tower, which cannot be made smaller.")
    config, large = copy.deepcopy(model.towers.config), model.towers.state_dict()
    weights = dict(large)
    for side, size in (("text", text), ("video", video)):
        if size is None:
            continue
        if size.width % size.heads:
            raise InputError(f"{size.heads} attention heads do not divide a width of {size.width}.")
        own = getattr(config, _CONFIGS[side])
        weights = {name: value for name, value in weights.items() if not name.startswith(_SIDES[side])}
        if own.hidden_size == size.width:
            weights |= _spread(large, side, layers=size.layers, of=own.num_hidden_layers)
        elif side == "text":
            model.learned_tokens = frozenset()      # it begins untrained, its tokens too
        own.hidden_size, own.num_hidden_layers, own.num_attention_heads = size.width, size.layers, size.heads
        own.intermediate_size = 4 * size.width
    with torch.random.fork_rng(), quiet_transformers():
        torch.manual_seed(seed)
        towers = type(model.towers)(config)
    fitting = towers.state_dict()
    towers.load_state_dict({n: v for n, v in weights.items() if v.shape == fitting[n].shape}, strict=False)
    model.towers = towers
    save_dual_encoder(model, directory, files_from=checkpoint.directory)


def _spread(large: dict[str, Tensor], side: str, *, layers: int, of: int) -> dict[str, Tensor]:
    """The tower's weights with only so many of its blocks, evenly spread, renumbered."""
    places = [round(i * (of - 1) / max(layers - 1, 1)) for i in range(layers)]
    found: dict[str, Tensor] = {}
    for name, value in large.items():
        if name.startswith(_SIDES[side]):
            block = _BLOCK.search(name)
            if block is None:
                found[name] = value
            for new, old in enumerate(places):
                if block is not None and int(block[2]) == old:
                    found[_BLOCK.sub(rf"\g<1>{new}.", name, count=1)] = value
    return found
