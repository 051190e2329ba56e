"""Which sources, contents and uploaders a person means, and the list that keeps them out from then on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from data_pipeline.building.measured_tables import read_measured
from data_pipeline.building.plan import all_sources
from data_pipeline.building.refused import has_refused
from data_pipeline.corpus.files import write_json
from data_pipeline.corpus.measured import MeasuredVideo, SourceRow
from data_pipeline.selection.removed import REMOVED, Removed, read_removed
from data_pipeline.sources.files import plain_path
from data_pipeline.sources.uploaders import corpus_salt, uploader_hash
from retrieval.errors import InputError

_SHORTEST_ID = 8
_ID_DIGITS = 64


def resolve(
    corpus: Path, *, videos: Iterable[str] = (), uploaders: Iterable[str] = (), paths: Iterable[Path] = ()
) -> Removed:
    """What is to be removed: videos by their id or its beginning, all of an uploader, files, and all below a folder.

    Every file with the content of one of these is meant too. An id in full, and an uploader, may be unknown: they are kept
    out when they come; of a path there may be nothing but rows that were refused. Raises InputError for another name that
    the corpus does not know; then nothing is to be removed.
    """
    measured = list(read_measured(corpus, MeasuredVideo))
    ids = {row.video_id for row in measured if row.video_id is not None}
    names = [_named(name) for name in uploaders]
    salt = corpus_salt(corpus) if names else ""
    hashes = {uploader_hash(name, salt=salt) for name in names}
    contents = {video for name in videos for video in _video_ids(name, ids)}
    sources = {source for path in paths for source in _source_ids(path, corpus)}
    sources |= {row.source_id for row in all_sources(corpus) if _uploaded_by(row, hashes, salt)}
    contents |= {
        row.video_id for row in measured
        if row.video_id is not None and (row.source_id in sources or row.uploader_hash in hashes)
    }
    sources |= {row.source_id for row in measured if row.video_id in contents}
    return Removed(videos=frozenset(contents), uploaders=frozenset(hashes), sources=frozenset(sources))


def add_to_list(corpus: Path, more: Removed) -> Removed:
    """Bring these to the corpus's list, on the disk before anything is deleted, and return the whole list.

    Raises CorpusError (unreadable, write).
    """
    known = read_removed(corpus)
    both = Removed(
        videos=known.videos | more.videos, uploaders=known.uploaders | more.uploaders, sources=known.sources | more.sources,
    )
    write_json(corpus / REMOVED, {name: sorted(ids) for name, ids in asdict(both).items()})
    return both


def _named(uploader: str) -> str:
    if not uploader.strip():
        raise InputError("An empty name stands among the uploaders (an unset variable?); nothing was removed.")
    return uploader


def _video_ids(name: str, known: set[str]) -> list[str]:
    name = name.strip().lower()
    found = [video for video in known if video.startswith(name)] if len(name) >= _SHORTEST_ID else []
    if len(found) == 1:
        return found
    if len(name) == _ID_DIGITS and not set(name) - set("0123456789abcdef"):
        return [name]
    problem = f"{len(found)} videos begin with it" if found else "no video of the corpus begins with it"
    raise InputError(f"The id {name!r} cannot be used: {problem}; give more of it. Nothing was removed.")


def _source_ids(path: Path, corpus: Path) -> Iterator[str]:
    if not str(path).strip() or path == Path():
        raise InputError("An empty path stands among what to remove (an unset variable?); nothing was removed.")
    whole = str(plain_path(path))
    below = whole.rstrip(os.sep) + os.sep
    found = [row.source_id for row in all_sources(corpus) if row.uri == whole or row.uri.startswith(below)]
    if not found and not has_refused(corpus, path):
        raise InputError(f"The corpus has no source at {path}; nothing was removed.")
    yield from found


def _uploaded_by(row: SourceRow, hashes: set[str], salt: str) -> bool:
    return bool(hashes) and row.uploader is not None and uploader_hash(row.uploader, salt=salt) in hashes
