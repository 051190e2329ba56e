"""What a corpus was made with and decided by, and digests of what came out: what makes two reports comparable."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from data_pipeline.corpus.about import read_about
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.tables import CLIPS, PAIRS, VIDEOS
from data_pipeline.selection.select import ACCOUNTS, DECISIONS

_FILES = (DECISIONS, VIDEOS, CLIPS, PAIRS)
_SECRET = "salt"            # part of the name of what would tell who uploaders are


def settings_of(directory: Path) -> dict[str, Any]:
    """The settings of a corpus without what must stay secret; empty where there are none. Raises CorpusError (unreadable)."""
    return _public(read_about(directory))


def selection_of(directory: Path) -> dict[str, Any] | None:
    """How the last selection decided, None before there is a whole one. Raises CorpusError (unreadable).

    settings: its own; threshold: of `settings.score`, None where relevance decided nothing; ladder: what shares would keep.
    """
    account = _read(directory / ACCOUNTS)
    if account is None:
        return None
    try:
        return {name: account[name] for name in ("settings", "threshold", "ladder")}
    except KeyError as error:
        raise CorpusError("unreadable", f"{directory / ACCOUNTS} lacks {error}: run wenshi corpus filter again.") from error


def digests_of(directory: Path) -> dict[str, str]:
    """sha256 of each table that the corpus gives to training, by its name: the same rows have the same bytes."""
    return {name: _sha256(directory / name) for name in _FILES if (directory / name).is_file()}


def _read(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise CorpusError("unreadable", f"{path} cannot be read ({error}): restore it or run the step again.") from error
    if not isinstance(data, dict):
        raise CorpusError("unreadable", f"{path} is not a JSON object: restore it or run the step again.")
    return data


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
