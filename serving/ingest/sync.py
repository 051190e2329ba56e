"""Make a library follow its files: what was moved, edited, deleted or is new."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from data_pipeline.sources.files import find_videos, plain_path
from retrieval.errors import InputError
from retrieval.library import Library, StoredLocation
from serving.ingest.analysis import file_state
from serving.ingest.path_records import forget
from serving.ingest.report import AddReport
from serving.ingest.run import AddOptions, ProgressDisplay, add_found


def sync_library(
    library: Library, folders: Sequence[Path], options: AddOptions, *, progress: ProgressDisplay,
    stopping: Callable[[], bool], dismissed: Mapping[str, tuple[int, int]] | None = None,
) -> AddReport:
    """Add what is new or edited under the folders, know again what was moved, and forget paths whose file is gone, failures too.

    folders: none = those that the library's files lie in. A file counts as gone only where its folder still holds
    something: an empty or missing folder may be a disk that is not there. dismissed: new files that are left alone while
    they are in this state (size in bytes, time of change in ns), by path.
    """
    known = library.locations()
    asked = [plain_path(folder) for folder in folders] or _topmost({Path(row.path).parent for row in known})
    known = [row for row in known if _lies_under(Path(row.path), asked)]
    found = find_videos([folder for folder in asked if folder.is_dir()], exclude=options.exclude)
    left_alone = {path: state for path, state in (dismissed or {}).items() if library.location(path) is None}
    found.videos = [path for path in found.videos if str(path) not in left_alone or file_state(path) != left_alone[str(path)]]
    edited = [Path(row.path) for row in known if _is_edited(row)]       # also such as are excluded or no videos by their name
    found.videos = list(dict.fromkeys([*found.videos, *edited]))
    report = AddReport(files=0)
    if found.videos:
        report = add_found(library, found, options, progress=progress, stopping=stopping)
    if report.interrupted or report.stopped:
        return report
    gone, unreachable = missing(row.path for row in known)
    for path in gone:
        forget(library, path)       # one that was moved was forgotten when it was found again
    report.removed = gone
    failed = [row.path for row in library.failures() if not folders or _lies_under(Path(row.path), asked)]
    for path in missing(failed)[0]:
        forget(library, path)
    if unreachable:
        report.notices.append(
            f"{len(unreachable)} files are not there, and nothing else is in their folders either: is a disk missing? "
            "They are kept; `wenshi remove` forgets them."
        )
    return report


def refuse_unknown(library: Library, folders: Sequence[Path]) -> None:
    """InputError for folders that are not there, unless the library knows a file that was in them."""
    named = map(plain_path, folders)
    unknown = [str(folder) for folder in named if not folder.is_dir() and not _knows(library, folder)]
    if unknown:
        raise InputError(f"There is no folder {', '.join(unknown)}, and the library knows nothing that was there.")


def _knows(library: Library, folder: Path) -> bool:
    """Whether this is, or holds, a path that the library has or could not add."""
    if library.location(str(folder)) is not None or library.file_states(str(folder)):
        return True
    return any(_lies_under(Path(row.path), [folder]) for row in library.failures())


def sync_options(library: Library, options: AddOptions) -> AddOptions:
    """A library of texts alone stays one when it is synced, unless a model is named."""
    return options if options.model or library.generation() else replace(options, model="none")


def _is_edited(row: StoredLocation) -> bool:
    state = file_state(Path(row.path))
    return state is not None and state != (row.size_bytes, row.modified_ns)


def missing(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """Of these paths those without a file: those certainly deleted or moved, and those whose whole folder may be out of reach."""
    gone: list[str] = []
    out_of_reach: list[str] = []
    holds_something: dict[str, bool] = {}
    for path in paths:
        if os.path.lexists(path):
            continue
        folder = os.path.dirname(path)  # noqa: PTH120  pathlib's takes seconds for a million
        if folder not in holds_something:
            holds_something[folder] = _holds_something(Path(folder))
        (gone if holds_something[folder] else out_of_reach).append(path)
    return gone, out_of_reach


def _holds_something(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _topmost(folders: set[Path]) -> list[Path]:
    """Those that lie in no other of them, by name."""
    return sorted(folder for folder in folders if not folders.intersection(folder.parents))


def _lies_under(path: Path, folders: Sequence[Path]) -> bool:
    return any(folder == path or folder in path.parents for folder in folders)
