"""Training states on disk: each one file, whole or not there; the last few are kept."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from retrieval.disk import sync_folder
from training.batches.order import Position
from training.errors import TrainingError

STATES = "states"           # the folder in that of a run
_NAME = re.compile(r"state-(\d+)\.pt")
_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class Progress:
    """All that a run has counted so far. best: R@sum of the best validation, and its step; validated: the step of the last
    one; bad: key -> (kind, message)."""

    position: Position = field(default_factory=Position)
    best: float | None = None
    best_step: int | None = None
    validated: int | None = None
    validation: dict[str, float] = field(default_factory=dict)     # of the best step
    clips: int = 0
    seconds: float = 0.0
    bad: dict[str, tuple[str, str]] = field(default_factory=dict)
    bad_visits: int = 0


@dataclass(frozen=True, kw_only=True)
class State:
    """What a run needs to go on as if it had not stopped.

    Random numbers are drawn from seed and step alone, so that no generator's state has to be kept. Weights that are not
    trained are those of the start.
    """

    recipe: dict[str, Any]
    data: str                           # fingerprint of the training samples
    start: str                          # revision of the model that it began with
    progress: Progress
    model: dict[str, Any]               # the trained weights
    average: dict[str, Any] | None      # the same of the averaged model
    optimiser: dict[str, Any]
    heads: dict[str, Any] = field(default_factory=dict)      # weights that are trained along and are no part of the model


def save_state(directory: Path, state: State, *, keep: int) -> Path:
    """Write the state of a step, on the disk before it has its name, and delete all but the last `keep`.

    Raises TrainingError when the disk refuses; the states that are there stay.
    """
    path = directory / f"state-{state.progress.position.step:08d}.pt"
    unfinished = path.with_name(f".{path.name}.part")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            torch.save({"version": _VERSION, **vars(state), "progress": asdict(state.progress)}, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync_folder(directory)
    except (OSError, RuntimeError) as error:        # torch's zip writer tells of a full disk by RuntimeError
        unfinished.unlink(missing_ok=True)
        raise TrainingError(
            f"The training state {path} cannot be written ({error}): make room; the same command goes on from the last one."
        ) from error
    for old in state_files(directory)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def load_state(path: Path) -> State:
    """Read a state. Raises TrainingError when it cannot be read."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content.pop("version") != _VERSION:
            raise ValueError("it is of another version of this program")
        progress = content.pop("progress")
        position = Position(**progress.pop("position"))
        return State(progress=Progress(position=position, **progress), **content)
    except Exception as error:      # of a damaged file torch's reader raises anything, IndexError too
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise TrainingError(
            f"The training state {path} cannot be read ({reason}): delete it to go on from an earlier one, or use --restart."
        ) from error


def state_files(directory: Path) -> list[Path]:
    """The states in a folder, oldest step first."""
    found = [(int(match[1]), path) for path in directory.glob("state-*.pt") if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]
