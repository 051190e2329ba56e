"""`corpus.json`: what a corpus says of itself, the settings it was built with and its salt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from data_pipeline.corpus.errors import CorpusError

CORPUS = "corpus.json"


def read_about(directory: Path) -> dict[str, Any]:
    """What `corpus.json` says, {} where there is none. Raises CorpusError (unreadable)."""
    path = directory / CORPUS
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CorpusError("unreadable", f"{path} cannot be read ({error}): restore it from a copy.") from error
    if not isinstance(about, dict):
        raise CorpusError("unreadable", f"{path} is not a JSON object: restore it from a copy.")
    return about
