"""Means over a few seeds, with the interval that so few allow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Two-sided 95 % quantiles of Student's t by degrees of freedom, from 1.
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120)


@dataclass(frozen=True, kw_only=True)
class Mean:
    """The mean of n values and half the width of its 95 % interval by Student's t; NaN for a single value."""

    value: float
    half_width: float
    n: int

    @property
    def excludes_zero(self) -> bool:
        return abs(self.value) > self.half_width

    def __str__(self) -> str:
        return f"{self.value:.1f} ± {self.half_width:.1f}" if self.n > 1 else f"{self.value:.1f}"


def mean_of(values: Sequence[float]) -> Mean:
    """The mean of values that were drawn apart. Raises ValueError for none."""
    n = len(values)
    if not n:
        raise ValueError("there is no value to take the mean of")
    mean = math.fsum(values) / n
    if n == 1:
        return Mean(value=mean, half_width=math.nan, n=1)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return Mean(value=mean, half_width=_T[min(n - 1, len(_T)) - 1] * deviation / math.sqrt(n), n=n)
