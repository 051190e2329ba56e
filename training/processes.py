"""Several processes that train one model: what they gather, sum up and agree on.

Gradients are summed after the backward pass by hand, not by DistributedDataParallel: its hooks expect one forward and one
backward pass a step, and the gradient cache makes several of both.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from retrieval.errors import InputError

_BUCKET = 1 << 24       # numbers that are summed up in one call


@dataclass(frozen=True, kw_only=True)
class Processes:
    """How many train together, and which of them this is; all methods are no-ops for one."""

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def first(self) -> bool:
        return self.rank == 0

    def gather(self, own: Tensor) -> Tensor:
        """[b, ...] of each process -> [count * b, ...] in the order of ranks, with gradient.

        The second dimension may differ between processes: shorter ones are filled up with zeros. The gradient of a
        process's rows is the sum over what all processes computed with them.
        """
        if self.count == 1:
            return own
        if own.ndim > 1:
            width = torch.tensor([own.shape[1]], device=own.device)
            dist.all_reduce(width, dist.ReduceOp.MAX)
            missing = int(width) - own.shape[1]
            if missing:
                own = torch.cat([own, own.new_zeros(own.shape[0], missing, *own.shape[2:])], dim=1)
        gathered: Tensor = _Gather.apply(own.contiguous(), self)
        return gathered

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over processes. A loss that is a mean over own rows then has, on average,
        the gradient of the mean over all rows.
        """
        if self.count == 1:
            return
        gradients = [weight.grad for weight in parameters if weight.grad is not None]
        for bucket in _buckets(gradients):
            flat = torch.cat([gradient.reshape(-1) for gradient in bucket])
            dist.all_reduce(flat)
            flat /= self.count
            for gradient, mean in zip(bucket, flat.split([g.numel() for g in bucket]), strict=True):
                gradient.copy_(mean.view_as(gradient))

    def mean(self, values: list[float]) -> list[float]:
        """The mean over processes of each number."""
        return [value / self.count for value in self._reduced(values, dist.ReduceOp.SUM)] if self.count > 1 else values

    def any(self, flags: list[bool]) -> list[bool]:
        """Whether any process raises each flag."""
        if self.count == 1:
            return flags
        return [value > 0 for value in self._reduced([float(flag) for flag in flags], dist.ReduceOp.MAX)]

    def collect(self, value: Any) -> list[Any]:
        """The plain object of every process, in the order of ranks."""
        if self.count == 1:
            return [value]
        found: list[Any] = [None] * self.count
        dist.all_gather_object(found, value)
        return found

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.count > 1:
            dist.barrier()

    def _reduced(self, values: list[float], operation: Any) -> list[float]:
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor, operation)
        found: list[float] = tensor.tolist()
        return found


@contextmanager
def join_processes(device: str) -> Iterator[Processes]:
    """The processes that torchrun started (its environment says so), or this one alone; device: auto, cpu, cuda ...

    Raises InputError for a device that is not there.
    """
    count, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    chosen = _device(device, local_rank=int(os.environ.get("LOCAL_RANK", "0")))
    if count == 1:
        yield Processes(device=chosen)
        return
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Processes(rank=rank, count=count, device=chosen)
    finally:
        dist.destroy_process_group()


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, own: Tensor, processes: Processes) -> Tensor:
        context.rank, context.rows = processes.rank, len(own)
        parts = [torch.empty_like(own) for _ in range(processes.count)]
        dist.all_gather(parts, own)
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total[context.rank * context.rows : (context.rank + 1) * context.rows], None


def _buckets(gradients: list[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    numbers = 0
    for gradient in gradients:
        bucket.append(gradient)
        numbers += gradient.numel()
        if numbers >= _BUCKET:
            yield bucket
            bucket, numbers = [], 0
    if bucket:
        yield bucket


def _device(name: str, *, local_rank: int) -> torch.device:
    if name in ("auto", "cuda") and torch.cuda.is_available():
        torch.cuda.set_device(local_rank)
        return torch.device("cuda", local_rank)
    try:
        device = torch.device("cpu" if name == "auto" else name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(f"The device {name} cannot be used here: choose auto, cpu or cuda.") from error
    return device
