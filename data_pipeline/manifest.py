"""A manifest: a table a person made about video files, and which of its rows belongs to which file."""

from __future__ import annotations

import os
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from operator import itemgetter
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from data_pipeline.tables import BrokenLine, TableRow, read_table
from retrieval.days import first_day
from retrieval.errors import InputError

_TAG_SEPARATORS = str.maketrans(dict.fromkeys(";、，；\n", ","))


@dataclass(frozen=True, kw_only=True)
class ManifestRow:
    """One row. `line` is where it starts, 1-based; `details` holds every other column, as it came."""

    line: int
    file: str                       # as written; empty when the row names none
    title: str | None
    tags: tuple[str, ...]
    date: str | None
    details: dict[str, Any]


@dataclass(frozen=True)
class ManifestMatch:
    """What became of every row of `path`: it belongs to a file, or it comes with a sentence that says why not."""

    path: Path
    by_path: dict[Path, ManifestRow]
    unmatched: list[tuple[ManifestRow, str]]

    def summary(self, most: int = 5) -> list[str]:
        """The first reasons, `most` of them, and one sentence that counts the others; then so of dates that name no day."""
        reasons = [reason for _, reason in self.unmatched[:most]]
        more = len(self.unmatched) - len(reasons)
        if more:
            reasons.append(f"and {more} more row{'s' * (more > 1)} of {self.path} match{'es' * (more == 1)} no file.")
        undated = [row for row in self.by_path.values() if row.date is not None and first_day(row.date) is None]
        reasons += [
            f"{self.path} line {row.line}: the date {row.date!r} names no day, so that of the file's last change counts; write "
            "it like 2024-03-01."
            for row in undated[:most]
        ]
        if len(undated) > most:
            reasons.append(f"and {len(undated) - most} more of the dates of {self.path}.")
        return reasons


@dataclass(frozen=True)
class Manifest:
    """The rows of a manifest that could be read; `broken` are its unreadable lines, each with its reason."""

    path: Path
    rows: tuple[ManifestRow, ...]
    broken: tuple[tuple[ManifestRow, str], ...] = ()

    def match(self, files: Sequence[Path]) -> ManifestMatch:
        """Give each file one row: as `pair` does, a second row for a file is unmatched.

        Keys of `by_path` are members of `files`.
        """
        pairs, unmatched = self.pair(files)
        by_path: dict[Path, ManifestRow] = {}
        for row, file in pairs:
            first = by_path.setdefault(file, row)
            if first is not row:
                unmatched.append((row, (
                    f"{self.path} line {row.line} is a second row for {file}; line {first.line} is used, remove one of them."
                )))
        unmatched.sort(key=lambda pair: pair[0].line)
        return ManifestMatch(path=self.path, by_path=by_path, unmatched=unmatched)

    def pair(self, files: Sequence[Path]) -> tuple[list[tuple[ManifestRow, Path]], list[tuple[ManifestRow, str]]]:
        """Each row with its file, and the rows that have none with the reason; a file may have several rows.

        A file is found by absolute path, relative to the manifest's folder, or by its unique last parts. Names are
        compared in Unicode normal form C, with / for \\.
        """
        index = _FileIndex(files)
        pairs: list[tuple[ManifestRow, Path]] = []
        unmatched = list(self.broken)
        for row in self.rows:
            found = index.find(row.file, folder=self.path.parent)
            if len(found) == 1:
                pairs.append((row, found[0]))
            else:
                unmatched.append((row, self._reason(row, found, files=len(files))))
        return pairs, unmatched

    def _reason(self, row: ManifestRow, found: list[Path], *, files: int) -> str:
        where = f"{self.path} line {row.line}"
        if not row.file:
            return f"{where} names no file; fill its `file` column."
        if not found:
            return f"{where}: {row.file!r} is none of the {files} files given; check its name and folder."
        examples = " and ".join(str(path) for path in found[:2])
        return f"{where}: {row.file!r} could be {len(found)} files, such as {examples}; write more of its path."


def read_manifest(path: Path | str) -> Manifest:
    """Read a manifest from CSV (comma, semicolon or tab), JSONL or a JSON array; its columns may have Chinese names.

    Text is UTF-8, UTF-16 with a mark, or GB18030. A line that cannot be read is kept in `broken`, with its reason.
    Raises InputError when the file as a whole cannot be used: missing, empty, not text, no `file` column, no good line.
    """
    path = Path(path)
    rows: list[ManifestRow] = []
    broken: list[tuple[ManifestRow, str]] = []
    for entry in read_table(path, needed_column="file"):
        if isinstance(entry, BrokenLine):
            nothing = ManifestRow(line=entry.line, file="", title=None, tags=(), date=None, details={})
            broken.append((nothing, f"{path} line {entry.line} {entry.reason}; correct that line."))
        else:
            rows.append(_manifest_row(entry))
    if broken and not rows:
        raise InputError(f"No line of the manifest {path} can be used; the first problem: {broken[0][1]}")
    return Manifest(path=path, rows=tuple(rows), broken=tuple(broken))


def _manifest_row(row: TableRow) -> ManifestRow:
    details = dict(row.values)
    file = _take_text(details, "file")
    title = _take_text(details, "title") or _take_text(details, "title_zh")
    return ManifestRow(
        line=row.line, file=file or "", title=title, tags=_take_tags(details), date=_take_text(details, "date"),
        details=details,
    )


def _take_text(values: dict[str, Any], column: str) -> str | None:
    """Move a cell out of `values`. A list or an object is no text: it stays among the details, as it came."""
    value = values.get(column)
    if isinstance(value, (list, dict)):
        return None
    values.pop(column, None)
    return None if value is None else str(value).strip() or None


def _take_tags(values: dict[str, Any]) -> tuple[str, ...]:
    value = values.get("tags")
    if not _is_nested(value):
        values.pop("tags", None)
    return tag_list(value)


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, (list, dict)) for v in value))


def tag_list(value: Any) -> tuple[str, ...]:
    """The tags of a cell, a list or a text with separators, each once and without its #; none of what is nested."""
    if _is_nested(value):
        return ()
    parts: Iterable[Any] = value if isinstance(value, list) else str(value or "").translate(_TAG_SEPARATORS).split(",")
    tags = (str(part).strip().lstrip("#").strip() for part in parts if part is not None)
    return tuple(dict.fromkeys(tag for tag in tags if tag))


@dataclass
class _FileIndex:
    """Looks files up by whole path, and by their last parts."""

    files: Sequence[Path]
    _by_path: dict[str, list[Path]] = field(init=False)
    _by_ending: list[tuple[str, Path]] = field(init=False)      # keys written backwards, sorted: endings lie together
    _found: dict[str, list[Path]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._by_path, self._by_ending = defaultdict(list), []
        for file in dict.fromkeys(self.files):
            whole = _key(_absolute(file))
            for key in dict.fromkeys((whole, _key(os.path.realpath(file)))):
                self._by_path[key].append(file)
            self._by_ending.append((whole[::-1], file))
        self._by_ending.sort()

    def find(self, name: str, *, folder: Path) -> list[Path]:
        """All files that `name` may mean: none, one, or several when it is ambiguous."""
        if not name:
            return []
        written, name = name.replace("\\", "/"), _key(name)
        whole = folder / name
        try:
            real = os.path.realpath(whole)
        except ValueError:          # a name that no file system can hold
            return []
        for key in (_key(_absolute(whole)), _key(real)):
            if key in self._by_path:
                return _closest(self._by_path[key], written)
        if PurePosixPath(name).is_absolute() or PureWindowsPath(name).is_absolute():
            return []
        if written not in self._found:
            self._found[written] = _closest(self._ending_with("/" + os.path.normpath(name)), written)
        return self._found[written]

    def _ending_with(self, ending: str) -> list[Path]:
        backwards = ending[::-1]
        first = bisect_left(self._by_ending, backwards, key=itemgetter(0))
        following = (self._by_ending[place] for place in range(first, len(self._by_ending)))
        return [file for _, file in takewhile(lambda entry: entry[0].startswith(backwards), following)]


def _absolute(path: Path) -> str:
    """With `..` folded but links kept: a link to a video is a name a person may have written."""
    return os.path.normpath(path.absolute())


def _key(path: Path | str) -> str:
    return unicodedata.normalize("NFC", str(path).replace("\\", "/"))


def _closest(found: list[Path], name: str) -> list[Path]:
    """Two files may differ by normal form alone: then the one spelled exactly like `name` is meant."""
    exact = [file for file in found if str(file).replace("\\", "/").endswith(name)]
    return exact if len(found) > 1 and len(exact) == 1 else found
