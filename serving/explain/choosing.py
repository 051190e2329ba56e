"""Which file and which model an explanation is about: named outright, or found in a library."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from data_pipeline.sources.files import plain_path
from retrieval.errors import InputError, ModelError, VideoError
from serving.ingest.analysis import FileIdentity, file_state, identify
from serving.models import NO_MODEL, remembered_model

if TYPE_CHECKING:
    from retrieval.encoders import VideoTextEncoder
    from retrieval.library import Library
    from retrieval.library.rows import StoredVideo

_ID_BEGINNING = re.compile(r"[0-9a-fA-F]{4,64}")


def choose_video(target: str, library: Library | None) -> tuple[Path, FileIdentity]:
    """The file of a path or, in a library, of a video id or its beginning (4 characters or more); a path goes first.

    Raises InputError when it is neither, and VideoError for a path that cannot be read or a video whose files are gone
    or have changed.
    """
    path = plain_path(target)
    if os.path.lexists(path):
        return path, _identity(path)
    ids: list[str] = []
    if library is not None and _ID_BEGINNING.fullmatch(target):
        ids = [video_id for video_id in library.video_ids() if video_id.startswith(target.lower())]
    if len(ids) > 1:
        raise InputError(f"{len(ids)} videos of the library have an id that begins with {target}: give more of it.")
    if ids:
        assert library is not None
        return _unchanged_file(library.videos(ids)[ids[0]])
    where = "and no video of the library" if library is not None else "and without a --library nothing else"
    raise InputError(f"There is no file {target}, {where} is named so: give a path, or a video id of a library.")


def choose_encoder(asked: str | None, library: Library | None) -> VideoTextEncoder:
    """The model that was asked for, else the one that made the library's vectors. Raises InputError and ModelError."""
    name = asked or (remembered_model(library) if library is not None else None)
    generation = library.generation() if library is not None else None
    if name is None or name == NO_MODEL or (asked is None and generation is None):
        raise InputError(
            "An explanation needs a model: name one with --model, or with --library a library that was made with one."
        )
    from retrieval.encoders import load_encoder, read_generation

    if asked is None and generation is not None and not read_generation(name).same_vectors(generation):
        raise ModelError(
            f"The model at {name} is no longer the one that made this library's vectors ({generation.encoder}, "
            f"{generation.revision}): say with --model where that one is."
        )
    return load_encoder(name)


def _unchanged_file(video: StoredVideo) -> tuple[Path, FileIdentity]:
    """The first path of a video that still holds its content; a file of another time of change is read to know."""
    there = [location for location in video.locations if os.path.lexists(location.path)]
    for location in there:
        path = Path(location.path)
        if file_state(path) == (location.size_bytes, location.modified_ns):
            return path, FileIdentity(
                video_id=video.video.id, size_bytes=location.size_bytes, modified_ns=location.modified_ns
            )
        identity = _identity(path)
        if identity.video_id == video.video.id:
            return path, identity
    first = video.locations[0].path
    if there:
        raise VideoError("changed", f"{there[0].path} has changed since it was added: add it again, or name it by path.")
    raise VideoError("missing", f"{first} is no longer there: give the path that the video has now.")


def _identity(path: Path) -> FileIdentity:
    return identify(path, progress=lambda: None)
