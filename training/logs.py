"""The log of a run: a JSON object a line, and TensorBoard where tensorboardX is installed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TextIO

LOG_NAME = "log.jsonl"


class RunLog:
    """Lines of a run in its folder, cut back to the step from which it goes on, so that no step stands there twice.

    directory: None = nothing is written, as in all processes of a run but the first.
    """

    def __init__(self, directory: Path | None, *, step: int) -> None:
        self._file: TextIO | None = None
        self._board: Any = None
        if directory is not None:
            _cut_back(directory / LOG_NAME, step=step)
            self._file = (directory / LOG_NAME).open("a", encoding="utf-8")
            self._board = _board(directory / "tensorboard", step=step)

    def write(self, step: int, **values: Any) -> None:
        """One line; step: how many are done. Numbers in it, also one level down, become curves."""
        if self._file is not None:
            self._file.write(json.dumps({"step": step, **values}, ensure_ascii=False) + "\n")
            self._file.flush()
        if self._board is not None:
            for name, value in _curves(values):
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        for writer in (self._file, self._board):
            if writer is not None:
                writer.close()


def read_log(directory: Path) -> list[dict[str, Any]]:
    """The whole lines of a run's log, in order; none where there is no log."""
    path = directory / LOG_NAME
    lines = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
    return [json.loads(line) for line in lines]


def _cut_back(path: Path, *, step: int) -> None:
    if not path.is_file():
        return
    kept = [line for line in read_log(path.parent) if line["step"] <= step]
    unfinished = path.with_name(f".{path.name}.part")
    with unfinished.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in kept)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _board(directory: Path, *, step: int) -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:         # the extra `train` is not installed: the lines say the same
        return None
    return SummaryWriter(str(directory), purge_step=step + 1 if step else None)


def _curves(values: dict[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += _curves(value, f"{prefix}{name}/")
        elif isinstance(value, int | float):
            found.append((f"{prefix}{name}", float(value)))
    return found
