"""What was named for a corpus and is no row of it: where it stands, and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence, Set
from pathlib import Path

from data_pipeline.corpus.files import whole_file
from data_pipeline.corpus.line_log import read_lines
from data_pipeline.sources.cnvid import CAPTIONS
from data_pipeline.sources.files import plain_path
from data_pipeline.sources.rows import Rejected

REFUSED = "refused.jsonl"


def keep_refused(directory: Path, refused: Iterable[Rejected], *, named: Sequence[Path]) -> None:
    """Keep what a build refused, in place of what an earlier one refused of the same folders and tables.

    Raises CorpusError (unreadable, write).
    """
    again = {str(path.parent if path.name == CAPTIONS else path) for path in map(plain_path, named)}
    known = read_refused(directory)
    others = [one for one in known if not _stands_in(one.where, again)]
    now = list(dict.fromkeys([*others, *(Rejected(str(where), reason) for where, reason in refused)]))
    if now != known:
        _write(directory, now)


def read_refused(directory: Path) -> list[Rejected]:
    """All of it, in order. Raises CorpusError (unreadable)."""
    return [Rejected(line["where"], line["reason"]) for line in read_lines(directory / REFUSED)]


def forget_refused(directory: Path, paths: Iterable[str]) -> None:
    """Delete what names one of these files. Raises CorpusError (unreadable, write)."""
    gone, known = list(paths), read_refused(directory)
    left = [one for one in known if not any(path in one.where or path in one.reason for path in gone)]
    if left != known:
        _write(directory, left)


def _stands_in(where: str, paths: Set[str]) -> bool:
    """Whether a place is one of the paths, an entry of it (behind a blank) or a file below it."""
    return where in paths or any(where[:at] in paths for at, sign in enumerate(where) if sign in " /")


def _write(directory: Path, refused: Iterable[Rejected]) -> None:
    with whole_file(directory / REFUSED) as file:
        for one in refused:
            file.write((json.dumps(one._asdict(), ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))
