"""Finding and reading the files of a benchmark."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from retrieval.errors import InputError
from retrieval.evaluation.benchmarks.benchmark import BenchmarkVideo

VIDEO_SUFFIXES = frozenset((
    ".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".flv", ".mpg", ".mpeg", ".ts", ".wmv", ".3gp", ".mts", ".m2ts",
))  # fmt: skip
PICTURE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp"))


def find_file(directory: Path, names: Sequence[str]) -> Path | None:
    """The first of these names in the folder or, failing that, anywhere below it; InputError if there is no such folder."""
    if not directory.is_dir():
        raise InputError(f"{directory} is not a folder: give the one that holds the benchmark's files.")
    for name in names:
        if (directory / name).is_file():
            return directory / name
    for name in names:
        below = sorted(path for path in directory.rglob(name) if path.is_file())
        if below:
            return below[0]
    return None


def need_file(directory: Path, names: Sequence[str], *, purpose: str) -> Path:
    """As `find_file`; InputError that says what is missing."""
    found = find_file(directory, names)
    if found is None:
        raise InputError(f"{directory} holds no {' or '.join(names)}, which {purpose} needs: copy it there.")
    return found


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without a byte order mark; InputError if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: save it as UTF-8.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error


def read_json(path: Path) -> Any:
    """The content of a JSON file; InputError that names the line if it is not JSON."""
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}.") from error


def read_json_lines(path: Path) -> list[tuple[int, Any]]:
    """(line number, row) of every line that is not blank; InputError that names the line if one is not JSON."""
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            try:
                rows.append((number, json.loads(line)))
            except ValueError as error:
                raise InputError(f"{path}, line {number}, is not JSON: {error}.") from error
    return rows


def read_lines(path: Path) -> list[tuple[int, str]]:
    """(line number, text) of every line that is not blank, without the blanks at its ends; InputError as `read_text`."""
    lines = enumerate(read_text(path).split("\n"), start=1)        # splitlines would also cut at U+2028 and others
    return [(number, line.strip()) for number, line in lines if line.strip()]


def read_ids(path: Path) -> list[str]:
    """The ids of a list, one a line; InputError if there is none or one is there twice."""
    ids = [line for _, line in read_lines(path)]
    if not ids:
        raise InputError(f"{path} lists no video: it is not the published file.")
    if len(set(ids)) < len(ids):
        twice = next(one for number, one in enumerate(ids) if one in ids[:number])
        raise InputError(f"{path} lists {twice} twice: it is not the published file.")
    return ids


def locate_videos(
    ids: Iterable[str],
    folder: Path | None,
    *,
    aliases: Mapping[str, str] | None = None,
    suffixes: Set[str] = VIDEO_SUFFIXES,
) -> tuple[BenchmarkVideo, ...]:
    """Each id with the video file of that name anywhere below the folder, or with None.

    aliases: other names of files, without suffix, and the ids that they stand for. InputError when two files could be
    meant: which of them was measured would be left to chance.
    """
    wanted = tuple(ids)
    if folder is None:
        return tuple(BenchmarkVideo(id=one) for one in wanted)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give the one that holds the videos.")
    names = {**(aliases or {}), **{one: one for one in wanted}}
    found: dict[str, Path] = {}
    for parent, _, files in sorted(os.walk(folder)):
        for name in sorted(files):
            one = names.get(Path(name).stem)
            if one is None or Path(name).suffix.lower() not in suffixes:
                continue
            path = Path(parent, name)
            if one in found:
                raise InputError(
                    f"{found[one]} and {path} could both be {one}: give the folder that holds one of them."
                )
            found[one] = path
    return tuple(BenchmarkVideo(id=one, path=found.get(one)) for one in wanted)
