"""How much of this machine is ours."""

from __future__ import annotations

import math
import os
from pathlib import Path

import psutil

_READER_BYTES = 1 << 30  # what a reader with its OCR models and a large video takes


def available_cores() -> int:
    """Cores that this process may use: its affinity, and the quota of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(cores, _quota())))


def readers_that_fit_in_memory() -> int:
    return max(1, int(psutil.virtual_memory().available // _READER_BYTES))


def _quota() -> float:
    """Cores granted by control groups, version 2; infinity without a limit."""
    try:
        granted, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return math.inf
    return math.inf if granted == "max" else int(granted) / int(period)
