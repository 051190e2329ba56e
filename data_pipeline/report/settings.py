"""What a corpus was made with, and digests of what came out: what makes two reports comparable."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.tables import CLIPS, PAIRS, VIDEOS

SETTINGS = "corpus.json"
DECISIONS = "decisions.parquet"
_FILES = (DECISIONS, VIDEOS, CLIPS, PAIRS)
_SECRET = "salt"            # part of the name of what would tell who uploaders are


def settings_of(directory: Path) -> dict[str, Any]:
    """The settings of a corpus without what must stay secret; empty where there are none. Raises CorpusError (unreadable)."""
    path = directory / SETTINGS
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CorpusError("unreadable", f"The settings {path} cannot be read ({error}): restore the file.") from error
    return _public(data) if isinstance(data, dict) else {}


def digests_of(directory: Path) -> dict[str, str]:
    """sha256 of each table that the corpus gives to training, by its name: the same rows have the same bytes."""
    return {name: _sha256(directory / name) for name in _FILES if (directory / name).is_file()}


def _public(data: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _public(value) if isinstance(value, dict) else value
        for name, value in data.items() if _SECRET not in name.lower()
    }  # fmt: skip


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
