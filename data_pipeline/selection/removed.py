"""What must be in no corpus any more, on somebody's wish."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.corpus.errors import CorpusError

REMOVED = "removed.json"


@dataclass(frozen=True, kw_only=True)
class Removed:
    """Ids of videos and of sources, and hashes of uploaders."""

    videos: frozenset[str] = frozenset()
    uploaders: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()


def read_removed(directory: Path) -> Removed:
    """The list of a corpus, empty where there is no file `removed.json`. Raises CorpusError (unreadable)."""
    path = directory / REMOVED
    try:
        lists = json.loads(path.read_text(encoding="utf-8"))
        return Removed(**{name: frozenset(map(str, ids)) for name, ids in lists.items()})
    except FileNotFoundError:
        return Removed()
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CorpusError(
            "unreadable", f"The removal list {path} cannot be read ({error}): mend it; without it nothing is selected."
        ) from error
