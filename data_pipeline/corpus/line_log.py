"""Logs of JSON lines that only grow: a line counts once it is on the disk, and one that was cut off does not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import disk_errors
from retrieval.disk import sync_folder


def append_line(log: Path, data: dict[str, Any]) -> None:
    """Bring a line to the disk. Raises CorpusError (write)."""
    line = json.dumps(data, ensure_ascii=False, sort_keys=True)
    with disk_errors(log):
        with log.open("ab") as file:
            file.write(f"\n{line}\n".encode("utf-8", "backslashreplace"))    # an earlier line may have been cut off
            file.flush()
            os.fsync(file.fileno())
        sync_folder(log.parent)


def read_lines(log: Path) -> list[dict[str, Any]]:
    """The whole lines, in order; none where there is no log. Raises CorpusError (unreadable)."""
    try:
        lines = log.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CorpusError("unreadable", f"{log} cannot be read ({error.strerror or error}): check the disk.") from error
    return [data for line in lines if line and (data := _parsed(line)) is not None]


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        data = json.loads(line)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None
