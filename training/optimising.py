"""AdamW with a learning rate for each layer, its schedule, and the running mean of the weights."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from retrieval.model import DualEncoder
from training.adapters import is_adapter
from training.recipe import Optimiser, Schedule
from training.weights import Place, block_counts, place_of, trained


def parameter_groups(model: DualEncoder, settings: Optimiser, *, heads: nn.Module | None = None) -> list[dict[str, Any]]:
    """AdamW's groups: `lr`, `weight_decay`, `names`, `params`.

    A tower of n blocks has its own learning rate at its end (what follows the blocks, projections and the logit scale),
    times `layer_decay` for each block below, times once more for the embeddings. What is not in a tower is new and has
    `learning_rate`, and so have adapters and `heads`, weights that are trained along and are no part of the model. Vectors
    and scalars (biases, norms, the class embedding, the scale) are not decayed. What is frozen is in no group.
    """
    named = trained(model)
    if heads is not None:
        named |= {f"heads.{name}": weight for name, weight in trained(heads).items()}
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    blocks = block_counts(model)
    for name, weight in named.items():
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
    """The exponential moving average of a model's weights, as a model of its own; what is frozen is shared, not copied.

    In the first steps the average looks back less far, over about a tenth of the steps so far, so that it does not hold on
    to the weights it began with.
    """

    def __init__(self, model: DualEncoder, *, decay: float) -> None:
        shared = {id(weight): weight for weight in model.parameters() if not weight.requires_grad}
        self.model = copy.deepcopy(model, shared)
        self._decay = decay
        self._own: list[Tensor] = [weight for weight in self.model.parameters() if weight.requires_grad]
        self.model.requires_grad_(False).eval()

    def update(self, model: DualEncoder, *, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        decay = min(self._decay, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(self._own, [weight.detach() for weight in trained(model).values()], 1 - decay)


def _learning_rate(name: str, blocks: dict[str, int], settings: Optimiser) -> float:
    place = place_of(name)
    if place.part == "temporal" or is_adapter(name):
        return settings.learning_rate
    base = settings.tower_learning_rate or settings.learning_rate
    return base * settings.layer_decay ** _steps_below_the_end(place, blocks)


def _steps_below_the_end(place: Place, blocks: dict[str, int]) -> int:
    if place.block is not None:
        return blocks[place.part] - place.block
    return blocks.get(place.part, 0) + 1 if place.embedding else 0
