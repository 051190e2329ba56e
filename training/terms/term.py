"""What a term of the loss is given, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from retrieval.model import DualEncoder, TextFeatures, VideoFeatures
from training.batches.batch import Batch
from training.processes import Processes


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """b texts and clips of this process, row i of both belongs together; step: counted from 0.

    model, batch: what they were encoded by and from, the batch wherever its maker left it.
    """

    texts: TextFeatures
    videos: VideoFeatures
    logit_scale: Tensor
    batch: Batch
    model: DualEncoder
    step: int
    processes: Processes

    def of_all(self, own: Tensor) -> Tensor:
        """[b, ...] of this process -> [N, ...] of all, with gradient."""
        return self.processes.gather(own.to(self.processes.device))

    def same_text(self, others: Tensor) -> Tensor:
        """bool [b, M]: whether an own text is the very same as one with these numbers, int64 [M]."""
        return self.batch.text_ids.to(others.device)[:, None] == others[None, :]


class Term(Protocol):
    """A part of the loss: `weight` times the sum of what it gives.

    What it gives are scalars by name; over several processes their mean is the term of the joined batch.
    """

    weight: float

    def __call__(self, pairs: Pairs) -> dict[str, Tensor]: ...


def weighted(terms: dict[str, Tensor], *, weight: float) -> Tensor:
    """What a term adds to the loss."""
    return weight * torch.stack(list(terms.values())).sum()
