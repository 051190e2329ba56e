"""Low-rank adapters (LoRA): a large linear layer learns by a small product beside it, which is merged in at the end."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from retrieval.errors import InputError
from retrieval.model import DualEncoder
from training.recipe import Adapters
from training.weights import place_of

# The linear layers of attention, by the names that the towers of transformers give them.
_LAYERS = {
    "attention.self.query": "query", "attention.self.key": "key", "attention.self.value": "value",
    "attention.output.dense": "output",
    "self_attn.q_proj": "query", "self_attn.k_proj": "key", "self_attn.v_proj": "value", "self_attn.out_proj": "output",
}  # fmt: skip
_OWN = ("down", "up")


class LowRankLinear(nn.Linear):
    """A linear layer that keeps its weights, plus (alpha / rank) up @ down, which begins as zero and is trained.

    Source: LoRA (arXiv 2106.09685).
    """

    def __init__(self, linear: nn.Linear, *, rank: int, alpha: float, random: torch.Generator) -> None:
        super().__init__(linear.in_features, linear.out_features, bias=linear.bias is not None, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        self.scale = alpha / rank
        bound = math.sqrt(3 / linear.in_features)
        down = (2 * torch.rand(rank, linear.in_features, generator=random) - 1) * bound
        self.down = nn.Parameter(down.to(linear.weight.device))
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank, device=linear.weight.device))

    def forward(self, input: Tensor) -> Tensor:
        """[..., in] -> [..., out]."""
        low = nn.functional.linear(nn.functional.linear(input, self.down), self.up)
        return super().forward(input) + self.scale * low

    def merged(self) -> nn.Linear:
        """One layer that gives the same."""
        plain = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None, device="meta")
        plain.bias = self.bias
        plain.weight = nn.Parameter(self.weight.detach() + self.scale * self.up.detach() @ self.down.detach())
        return plain


def add_adapters(model: DualEncoder, settings: Adapters, *, seed: int) -> None:
    """Freeze both towers but for the logit scale, and put adapters beside the layers that the recipe names.

    A layer that is frozen already gets none. Raises InputError when the rank is too high for a layer, or the towers have
    no such layers.
    """
    wanted = [
        name for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module.weight.requires_grad and _chosen(name, settings)
    ]
    for name, weight in model.named_parameters():
        if place_of(name).part in ("text", "vision"):
            weight.requires_grad_(False)
    random = torch.Generator().manual_seed(seed)
    if not wanted:
        raise InputError(
            "The model's towers have none of the layers that adapters.layers names, or all of them are frozen: train it "
            "without adapters, or freeze less."
        )
    for name in wanted:
        linear = model.get_submodule(name)
        assert isinstance(linear, nn.Linear)
        if settings.rank > min(linear.in_features, linear.out_features):
            raise InputError(
                f"adapters.rank is {settings.rank}, but a layer of this model has {linear.in_features} x "
                f"{linear.out_features} weights: choose a lower rank."
            )
        _replace(model, name, LowRankLinear(linear, rank=settings.rank, alpha=settings.alpha, random=random))


def merged(model: DualEncoder) -> DualEncoder:
    """The same model with plain layers; without adapters it is the model itself. Weights that are as they were are shared."""
    names = [name for name, module in model.named_modules() if isinstance(module, LowRankLinear)]
    if not names:
        return model
    plain = copy.deepcopy(model, {id(weight): weight for weight in model.parameters()})
    for name in names:
        layer = plain.get_submodule(name)
        assert isinstance(layer, LowRankLinear)
        _replace(plain, name, layer.merged())
    return plain


def is_adapter(name: str) -> bool:
    """Whether a weight of this name belongs to an adapter."""
    return name.rsplit(".", 1)[-1] in _OWN and place_of(name).block is not None


def _chosen(name: str, settings: Adapters) -> bool:
    place = place_of(f"{name}.weight")
    layer = next((layer for ending, layer in _LAYERS.items() if name.endswith(f".{ending}")), None)
    return place.block is not None and place.part in settings.towers and layer in settings.layers


def _replace(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, module)
