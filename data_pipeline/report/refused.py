"""What was named for a corpus and is no row of it, counted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from data_pipeline.building.refused import read_refused

_EXAMPLES = 12
_FOLDERS = re.compile(r"(?<!\S)/(?:[^/\s]+/)+")     # the page may be shown to others, whom they do not concern


def refused_summary(directory: Path) -> dict[str, Any]:
    """How many rows were refused, and the first of them, ready for JSON. Raises CorpusError (unreadable)."""
    found = read_refused(directory)
    examples = [{"place": _FOLDERS.sub("", one.where), "reason": _FOLDERS.sub("", one.reason)} for one in found[:_EXAMPLES]]
    return {"rows": len(found), "examples": examples}
