"""Which files a person means when they name files and folders."""

from __future__ import annotations

import fnmatch
import os
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


@dataclass
class FoundFiles:
    """`videos`: absolute paths, sorted, each once. `missing`: what was named and is not there. `other`: files passed over."""

    videos: list[Path] = field(default_factory=list)
    missing: list[Path] = field(default_factory=list)
    other: int = 0


def find_videos(paths: Sequence[Path], *, exclude: Sequence[str] = ()) -> FoundFiles:
    """Files as named, folders in full depth. exclude: patterns that a name or a path below the folder may match."""
    found = FoundFiles()
    seen: set[Path] = set()
    for path in paths:
        if path.is_dir():
            files = list(_walk(path, exclude))
            chosen = [f for f in files if f.suffix.lower() in VIDEO_SUFFIXES]
            found.other += len(files) - len(chosen)
        elif os.path.lexists(path):
            chosen = [path]
        else:
            found.missing.append(path)
            continue
        for file in sorted(chosen):
            absolute = Path(os.path.abspath(file))  # noqa: PTH100  also takes `..` out
            if absolute not in seen:
                seen.add(absolute)
                found.videos.append(absolute)
    return found


def _walk(folder: Path, exclude: Sequence[str]) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
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
