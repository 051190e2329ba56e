"""Which file on the disk is a video of the library: only one that still is what was added."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from retrieval.errors import VideoError
from retrieval.library import StoredVideo

_TYPES = {
    "mp4": "video/mp4", "m4v": "video/mp4", "mov": "video/quicktime", "webm": "video/webm", "mkv": "video/x-matroska",
    "matroska": "video/x-matroska", "ogg": "video/ogg", "ogv": "video/ogg", "avi": "video/x-msvideo",
    "mpegts": "video/mp2t", "ts": "video/mp2t", "mpeg": "video/mpeg", "flv": "video/x-flv", "gif": "image/gif",
}  # fmt: skip


@dataclass(frozen=True)
class MediaFile:
    """A file that was opened and looked at: whatever happens to its name now, these bytes belong to it."""

    file: BinaryIO
    path: Path
    size_bytes: int
    modified_ns: int
    content_type: str

    def check(self) -> None:
        """VideoError (changed) once it was written to in place: what is read from then on may be another video."""
        state = os.fstat(self.file.fileno())
        if (state.st_size, state.st_mtime_ns) != (self.size_bytes, self.modified_ns):
            raise _changed(self.path.name)


@contextmanager
def opened(video: StoredVideo) -> Iterator[MediaFile]:
    """As `open_media_file`, closed at the end of the block."""
    media = open_media_file(video)
    with media.file:
        yield media


@contextmanager
def named(path: Path, name: str) -> Iterator[None]:
    """Each VideoError of the block says `name` in place of the path: where a file lies is nobody's business."""
    try:
        yield
    except VideoError as error:
        raise VideoError(error.kind, str(error).replace(str(path), name)) from error


def open_media_file(video: StoredVideo) -> MediaFile:
    """The first path of a video whose size and time of change are those of when it was added.

    Raises VideoError (missing, changed) with a sentence that names no folder.
    """
    name, seen = Path(video.locations[0].path).name, False
    for location in video.locations:
        path = Path(location.path)
        try:
            file = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb")
        except OSError:
            continue
        state = os.fstat(file.fileno())
        if stat.S_ISREG(state.st_mode) and (state.st_size, state.st_mtime_ns) == (
            location.size_bytes, location.modified_ns
        ):  # fmt: skip
            kind = _TYPES.get(video.video.container, "application/octet-stream")
            return MediaFile(file, path, state.st_size, state.st_mtime_ns, kind)
        file.close()
        seen = True
    if seen:
        raise _changed(name)
    raise VideoError("missing", f"{name} is no longer where it was when it was added.")


def _changed(name: str) -> VideoError:
    return VideoError("changed", f"{name} was changed since it was added: add it again.")
