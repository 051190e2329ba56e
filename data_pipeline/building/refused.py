"""What was named for a corpus and is no row of it: where it stands, and why."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence, Set
from pathlib import Path

from data_pipeline.corpus.files import whole_file
from data_pipeline.corpus.line_log import read_lines
from data_pipeline.corpus.measured import SourceRow
from data_pipeline.sources.cnvid import CAPTIONS
from data_pipeline.sources.files import plain_path
from data_pipeline.sources.rows import Rejected

REFUSED = "refused.jsonl"


def keep_refused(
    directory: Path, refused: Iterable[Rejected], *, named: Sequence[Path], sources: Iterable[SourceRow] = ()
) -> None:
    """Keep what a build refused, in place of what an earlier one refused of the same folders and tables.

    Of the rest that an earlier one refused goes what has become one of the `sources` of the corpus since, and what stood in a
    table or folder that is not there any more. Raises CorpusError (unreadable, write).
    """
    again = {str(path.parent if path.name == CAPTIONS else path) for path in map(plain_path, named)}
    known = read_refused(directory)
    others = [one for one in known if not _stands_in(one.where, again) and _is_there(one.where)]
    if any(one.file for one in others):
        mended = {source.uri for source in sources}
        others = [one for one in others if not one.file or one.file not in mended]
    now = list(dict.fromkeys([*others, *(one._replace(where=str(one.where)) for one in refused)]))
    if now != known:
        _write(directory, now)


def read_refused(directory: Path) -> list[Rejected]:
    """All of it, in order; lines that say nothing of the kind are passed over. Raises CorpusError (unreadable)."""
    named = ((line.get("where"), line.get("reason"), line.get("file", "")) for line in read_lines(directory / REFUSED))
    return [Rejected(*map(str, facts)) for facts in named if all(isinstance(fact, str) for fact in facts)]


def forget_refused(directory: Path, paths: Iterable[str], *, below: Iterable[Path] = ()) -> None:
    """Delete what names one of these files, or stands in or is about something below. Raises CorpusError (unreadable, write)."""
    gone, places, known = list(paths), _places(below), read_refused(directory)
    left = [
        one for one in known
        if not any(path in one.where or path in one.reason or path == one.file for path in gone) and not _concerns(one, places)
    ]
    if left != known:
        _write(directory, left)


def has_refused(directory: Path, path: Path) -> bool:
    """Whether something refused stands in or is about a path or something below it. Raises CorpusError (unreadable)."""
    return any(_concerns(one, _places([path])) for one in read_refused(directory))


def _places(paths: Iterable[Path]) -> set[str]:
    return {str(plain_path(path)) for path in paths}


def _concerns(one: Rejected, places: Set[str]) -> bool:
    return _stands_in(one.where, places) or _stands_in(one.file, places)


def _stands_in(where: str, paths: Set[str]) -> bool:
    """Whether a place is one of the paths, an entry of it (behind a blank) or a file below it."""
    return where in paths or any(where[:at] in paths for at, sign in enumerate(where) if sign in " /")


def _is_there(where: str) -> bool:
    """Whether the file, or the list of which this is an entry (behind a blank), is there.

    Of a name that is not UTF-8 no more than its folder can be looked for.
    """
    plain, odd, _ = where.partition("\\udc")
    if odd:
        return os.path.lexists(Path(plain).parent if not plain.endswith("/") else plain)
    return any(os.path.lexists(where[:at]) for at in (*(at for at, sign in enumerate(where) if sign == " "), len(where)))


def _write(directory: Path, refused: Iterable[Rejected]) -> None:
    with whole_file(directory / REFUSED) as file:
        for one in refused:
            file.write((json.dumps(one._asdict(), ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))
