"""Which files a person means when they name files and folders."""

from __future__ import annotations

import fnmatch
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# In a folder only these are taken for videos; a file named by itself is always tried.
VIDEO_SUFFIXES = frozenset(
    [
        ".3g2",
        ".3gp",
        ".asf",
        ".avi",
        ".divx",
        ".dv",
        ".f4v",
        ".flv",
        ".gif",
        ".h264",
        ".h265",
        ".hevc",
        ".ivf",
        ".m2ts",
        ".m2v",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpe",
        ".mpeg",
        ".mpg",
        ".mts",
        ".mxf",
        ".nut",
        ".ogm",
        ".ogv",
        ".rm",
        ".rmvb",
        ".swf",
        ".ts",
        ".vob",
        ".webm",
        ".wmv",
        ".wtv",
        ".y4m",
    ]
)


_TRANSPORT_SYNC = b"\x47"  # the first byte of every MPEG-TS packet


@dataclass
class FoundFiles:
    """`videos`: absolute paths, sorted, each once; `missing`: what was named and is not there; `unreadable`: folders that
    could not be looked through; `other`: how many files in folders are no videos."""

    videos: list[Path] = field(default_factory=list)
    missing: list[Path] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    other: int = 0


def find_videos(paths: Sequence[Path], *, exclude: Sequence[str] = ()) -> FoundFiles:
    """Files as named, folders in full depth. exclude: patterns that a name or a path below the folder may match."""
    found = FoundFiles()
    chosen: dict[Path, None] = {}
    for path in map(plain_path, paths):
        if os.path.isdir(path):  # noqa: PTH112  pathlib's raises for a name that is too long
            files = list(_walk(path, exclude, found.unreadable))
            videos = [file for file in files if _looks_like_video(file)]
            found.other += len(files) - len(videos)
            chosen.update(dict.fromkeys(sorted(videos)))
        elif os.path.lexists(path):
            chosen[path] = None
        else:
            found.missing.append(path)
    found.videos = list(chosen)
    return found


class StoredFiles:
    """Finds files by names that were written elsewhere: with \\ for /, or in another Unicode normal form.

    Lists each folder once: make a new one for each run.
    """

    def __init__(self) -> None:
        self._listed: dict[Path, dict[str, list[Path]]] = {}

    def find(self, name: str, *, folder: Path) -> list[Path]:
        """The file of that name, relative to `folder`, as it stands on the disk; several that differ by normal form alone."""
        for written in dict.fromkeys((name, name.replace("\\", "/"))):
            if os.path.isfile(path := plain_path(folder / written)):  # noqa: PTH113  pathlib's raises for a name that is too long
                return [path]
        return [] if path.name.isascii() else self._files_of(path.parent).get(unicodedata.normalize("NFC", path.name), [])

    def _files_of(self, folder: Path) -> dict[str, list[Path]]:
        if folder not in self._listed:
            names: dict[str, list[Path]] = defaultdict(list)
            try:
                for name in sorted(os.listdir(folder)):  # noqa: PTH208
                    if os.path.isfile(path := folder / name):  # noqa: PTH113
                        names[unicodedata.normalize("NFC", name)].append(path)
            except (OSError, ValueError):  # a folder that is not there, or that no file system can hold
                names.clear()
            self._listed[folder] = dict(names)
        return self._listed[folder]


def plain_path(path: str | Path) -> Path:
    """Absolute and without `..`: the form in which a library knows a path. Links are not followed."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def _looks_like_video(file: Path) -> bool:
    suffix = file.suffix.lower()
    if suffix != ".ts":
        return suffix in VIDEO_SUFFIXES
    try:
        with file.open("rb") as opened:
            return opened.read(1) == _TRANSPORT_SYNC  # and not a TypeScript source
    except OSError:
        return True  # to be told of


def _walk(folder: Path, exclude: Sequence[str], unreadable: list[str]) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, onerror=lambda error: unreadable.append(str(error.filename))):
        folders[:] = sorted(
            f for f in folders if not f.startswith(".") and not _excluded(folder, Path(parent, f), exclude)
        )
        yield from (
            file
            for name in files
            if not name.startswith(".") and not _excluded(folder, file := Path(parent, name), exclude)
        )


def _excluded(folder: Path, path: Path, patterns: Iterable[str]) -> bool:
    below = path.relative_to(folder).as_posix()
    return any(fnmatch.fnmatch(path.name, p.rstrip("/")) or fnmatch.fnmatch(below, p.rstrip("/")) for p in patterns)
