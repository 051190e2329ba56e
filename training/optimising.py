"""AdamW with a learning rate for each layer, its schedule, and the running mean of the weights."""

from __future__ import annotations

import copy
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from retrieval.model import DualEncoder
from training.recipe import Optimiser, Schedule

_BLOCK = re.compile(r"^towers\.(text_model|vision_model)\..*?(?:layers?|blocks)\.(\d+)\.")
_TOWER = re.compile(r"^towers\.(text_model|vision_model)\.(.*)")
_SCALE = "towers.logit_scale"


def parameter_groups(model: DualEncoder, settings: Optimiser, *, heads: nn.Module | None = None) -> list[dict[str, Any]]:
    """AdamW's groups: `lr`, `weight_decay`, `names`, `params`.

    A tower of n blocks has its own learning rate at its end (what follows the blocks, projections and the logit scale),
    times `layer_decay` for each block below, times once more for the embeddings. What is not in a tower is new and has
    `learning_rate`, and so have `heads`, weights that are trained along and are no part of the model. Vectors and scalars
    (biases, norms, the class embedding, the scale) are not decayed.
    """
    named = dict(model.named_parameters())
    if heads is not None:
        named |= heads.named_parameters(prefix="heads")
    trainable = {name: weight for name, weight in named.items() if weight.requires_grad}
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    blocks = _block_counts(trainable)
    for name, weight in trainable.items():
        lr = _learning_rate(name, blocks, settings)
        decay = settings.weight_decay if weight.ndim >= 2 else 0.0
        group = groups.setdefault((lr, decay), {"lr": lr, "weight_decay": decay, "names": [], "params": []})
        group["names"].append(name)
        group["params"].append(weight)
    return list(groups.values())


def build_optimiser(model: DualEncoder, settings: Optimiser, *, heads: nn.Module | None = None) -> torch.optim.AdamW:
    """AdamW over `parameter_groups`; each group keeps its full learning rate as `peak`."""
    groups = [{**group, "peak": group["lr"]} for group in parameter_groups(model, settings, heads=heads)]
    return torch.optim.AdamW(groups, betas=settings.betas, eps=settings.epsilon, fused=True)


def learning_rate_share(step: int, *, steps: int, settings: Schedule) -> float:
    """The share of the learning rate at a step, counted from 0: a line up to 1, then down to the floor."""
    warm = round(settings.warm_up * steps)
    if step < warm:
        return (step + 1) / warm
    if settings.decay == "step":
        return 1.0 if step < round(settings.step_at * steps) else settings.floor
    done = (step - warm) / max(steps - warm, 1)
    return settings.floor + (1 - settings.floor) * (1 + math.cos(math.pi * done)) / 2


def set_learning_rate(optimiser: torch.optim.Optimizer, share: float) -> None:
    """Give every group so much of its full learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * share


def clamp_logit_scale(model: DualEncoder, *, largest: float) -> None:
    """Hold the factor of the similarities between 1 and `largest`, as CLIP does against unstable training."""
    with torch.no_grad():
        model.towers.logit_scale.clamp_(0.0, math.log(largest))


class AveragedModel:
    """The exponential moving average of a model's weights, as a model of its own.

    In the first steps the average looks back less far, over about a tenth of the steps so far, so that it does not hold on
    to the weights it began with.
    """

    def __init__(self, model: DualEncoder, *, decay: float) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self._decay = decay
        self._own: list[Tensor] = list(self.model.parameters())

    def update(self, model: DualEncoder, *, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        decay = min(self._decay, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(self._own, [weight.detach() for weight in model.parameters()], 1 - decay)


def _block_counts(names: dict[str, Tensor] | dict[str, nn.Parameter]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for match in _matches(names):
        counts[match[1]] = max(counts[match[1]], int(match[2]) + 1)
    return counts


def _matches(names: dict[str, Tensor] | dict[str, nn.Parameter]) -> Iterator[re.Match[str]]:
    return (match for name in names if (match := _BLOCK.match(name)))


def _learning_rate(name: str, blocks: dict[str, int], settings: Optimiser) -> float:
    if not name.startswith("towers."):
        return settings.learning_rate
    base = settings.tower_learning_rate or settings.learning_rate
    tower, block = _TOWER.match(name), _BLOCK.match(name)
    if block is not None:
        return base * settings.layer_decay ** (blocks[block[1]] - int(block[2]))
    if tower is not None and "embeddings" in tower[2].split(".")[0]:
        return base * settings.layer_decay ** (blocks.get(tower[1], 0) + 1)
    return base
