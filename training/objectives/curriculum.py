"""When in a training hard negatives are asked for: never at first, then ever more often."""

from __future__ import annotations

from random import Random


def curriculum_share(step: int, *, every: int = 5000, rate: float = 0.15) -> float:
    """The share of steps with hard negatives: `rate` more after each `every` steps, at most 1.

    step: counted from 0. Raises ValueError for a step below 0, an `every` below 1 or a `rate` below 0.
    Source: curriculum of HSCL (CNVid-3.5M, CVPR 2023), min(floor(step / every) rate, 1).
    """
    if step < 0 or every < 1 or rate < 0:
        raise ValueError(f"step {step} and rate {rate} must not be below 0, every {every} not below 1")
    return min(step // every * rate, 1.0)


def draws_hard_negatives(step: int, *, seed: int, every: int = 5000, rate: float = 0.15) -> bool:
    """Whether this step has hard negatives: true with the probability `curriculum_share`.

    One draw from the seed and the step decides, so that all processes, and a run that is taken up again, agree on it.
    """
    return Random(f"curriculum {seed} {step}").random() < curriculum_share(step, every=every, rate=rate)
