"""Files that are still being written: hidden beside the one that they become, and swept when a kill left them."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path

_DRAFT = re.compile(r"\..+\.\d+\.(part|silent)")
_OLD_SECONDS = 3600.0       # longer than a clip is drawn


def draft_of(path: Path, kind: str = "part") -> Path:
    """What this process writes before it is `path`. kind: `part`, or `silent` for pictures without their sound."""
    return path.with_name(f".{path.name}.{os.getpid()}.{kind}")


def sweep_drafts(directory: Path) -> None:
    """Delete drafts that nothing was written to for an hour."""
    oldest = time.time() - _OLD_SECONDS
    for path in directory.iterdir():
        with suppress(FileNotFoundError):       # another process swept it, or it became its file
            if _DRAFT.fullmatch(path.name) and path.stat().st_mtime < oldest:
                path.unlink()
