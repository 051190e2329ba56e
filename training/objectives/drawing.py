"""What chance decides in a step: the same for all processes, and for a run that is taken up again."""

from __future__ import annotations

from random import Random

import torch


def generator_of(name: str, *, seed: int, step: int) -> torch.Generator:
    """The draws of one purpose in one step."""
    return torch.Generator().manual_seed(Random(f"{name} {seed} {step}").getrandbits(63))
