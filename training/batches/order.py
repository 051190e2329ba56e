"""The order in which samples are visited: a pure function of seed and epoch, so that a resume needs only counters."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Position:
    """The next step, the epoch that it belongs to, and the step with which this epoch began; all count from 0."""

    step: int = 0
    epoch: int = 0
    epoch_step: int = 0


@dataclass(frozen=True, kw_only=True)
class PlannedBatch:
    """Numbers of the samples of one step over all processes, and the position after it."""

    step: int
    epoch: int
    numbers: NDArray[np.int64]
    after: Position


def planned_batches(
    videos: NDArray[np.int64], *, size_at: Callable[[int], int], seed: int, start: Position, steps: int
) -> Iterator[PlannedBatch]:
    """The batches of the steps [start.step, steps); videos: a number for each sample, see `video_codes`.

    Each epoch is a new random order of all samples; what is left at its end and fills no batch is left out of it.
    Raises InputError when there are fewer videos than clips in a batch, for no batch may hold two of one video.
    """
    distinct = len(np.unique(videos))
    largest = max(size_at(step) for step in range(start.step, steps)) if start.step < steps else 0
    if largest > distinct:
        raise InputError(
            f"Batches of {largest} clips need as many different videos, but there are {distinct}: lower batch.size or "
            "add data."
        )
    position = start
    while position.step < steps:
        batches = _epoch(videos, size_at=size_at, seed=seed, epoch=position.epoch, first_step=position.epoch_step)
        for step, numbers in enumerate(batches, start=position.epoch_step):
            if step >= steps:
                return
            if step >= position.step:
                after = Position(step=step + 1, epoch=position.epoch, epoch_step=position.epoch_step)
                yield PlannedBatch(step=step, epoch=position.epoch, numbers=numbers, after=after)
            last = step
        position = Position(step=last + 1, epoch=position.epoch + 1, epoch_step=last + 1)


def steps_of(epochs: float, *, samples: int, size_at: Callable[[int], int]) -> int:
    """How many steps so many epochs take, batches that are not full left out; at least one."""
    steps = 0
    whole, part = divmod(Decimal(str(epochs)), 1)       # as it was written: 1.2 % 1 is less than 0.2
    for share in [Decimal(1)] * int(whole) + [part]:
        left = int(share * samples)
        while left >= size_at(steps):
            left -= size_at(steps)
            steps += 1
    return max(steps, 1)


def _epoch(
    videos: NDArray[np.int64], *, size_at: Callable[[int], int], seed: int, epoch: int, first_step: int
) -> Iterator[NDArray[np.int64]]:
    order = np.random.default_rng((seed, epoch)).permutation(len(videos))
    waiting: dict[int, deque[int]] = defaultdict(deque)     # video -> samples that came while it was in the batch
    upcoming = iter(order.tolist())
    step = first_step
    while True:
        batch = _next_batch(videos, upcoming, waiting, size=size_at(step))
        if batch is None:
            return
        yield np.array(batch, np.int64)
        step += 1


def _next_batch(
    videos: NDArray[np.int64], upcoming: Iterator[int], waiting: dict[int, deque[int]], *, size: int
) -> list[int] | None:
    """The next samples, no two of one video, those that had to wait first; None when they do not fill a batch."""
    batch: dict[int, int] = {}
    for video in list(waiting)[:size]:
        batch[video] = waiting[video].popleft()
        if not waiting[video]:
            del waiting[video]
    while len(batch) < size:
        number = next(upcoming, None)
        if number is None:
            return None
        video = int(videos[number])
        if video in batch:
            waiting[video].append(number)
        else:
            batch[video] = number
    return list(batch.values())
