"""Webdataset shards of whole videos: tar files with `key.mp4` beside `key.json` or `key.txt`.

Videos are taken out into a folder before anything reads them: decoding seeks within a file, a row of the corpus is known by
the path of its file, and a failed row can be tried again years later without its tar.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import IO, Any

from data_pipeline.corpus.files import disk_errors, whole_file
from data_pipeline.sources.files import VIDEO_SUFFIXES, plain_path
from data_pipeline.sources.rows import Found
from data_pipeline.sources.tables import row_of_values
from data_pipeline.tables import json_constant, plain_name

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_BLOCK = 1 << 20
_MOST_TEXT = 16 << 20               # bytes of a description; more is no description


@dataclass
class _Sample:
    key: str
    videos: list[str] = field(default_factory=list)     # paths of what was taken out
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def is_tar(path: Path) -> bool:
    """Whether a file is named as a tar shard is."""
    return path.name.lower().endswith(TAR_SUFFIXES)


def read_webdataset(tar: Path, *, extract_to: Path | None) -> Found:
    """A row for each video of a tar, described by the JSON or the text beside it.

    extract_to: where the videos are put, each under a name that follows from the tar's path and the key; those that are there
    already in full are not written again. None: nothing is taken out, and the rows name places within the tar, to look at.
    Of a tar that is broken inside, what stands before that place is used. Raises CorpusError (write).
    """
    found = Found()
    try:
        _add_samples(tar, extract_to, found)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        found.reject(str(tar), f"it cannot be read as a tar file to its end ({error}); what stands before is used.")
    return found


def _add_samples(tar: Path, extract_to: Path | None, found: Found) -> None:
    for sample in _samples(tar, extract_to, found):
        where = f"{tar} {sample.key!r}"
        if not sample.videos:
            found.reject(where, "it comes without a video.")
        if len(sample.videos) > 1:
            found.notice(where, ["it holds several videos: the first is used."])
        for uri in sample.videos[:1]:
            row, problems = row_of_values(sample.values, uri=uri, origin="webdataset")
            found.rows.append((where, row))
            found.notice(where, sample.problems + problems)


def _samples(tar: Path, extract_to: Path | None, found: Found) -> Iterator[_Sample]:
    """Neighbouring members with one key belong together, as every webdataset reader takes them."""
    seen: set[str] = set()
    for key, members in groupby(_members(tar), key=lambda member: member[0]):
        sample = _Sample(key)
        for _, suffix, name, size, content in members:
            _take(sample, suffix, name, size, content, tar=tar, extract_to=extract_to)
        if key in seen:
            found.reject(f"{tar} {key!r}", "its members do not lie together, or the key comes twice: only the first are used.")
        else:
            seen.add(key)
            yield sample


def _members(tar: Path) -> Iterator[tuple[str, str, str, int, IO[bytes]]]:
    with tarfile.open(tar, "r|*") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            name = member.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            if content is not None and not PurePosixPath(name).name.startswith("."):
                folder, _, last = name.rpartition("/")
                stem, _, suffix = last.partition(".")
                yield (f"{folder}/{stem}" if folder else stem), suffix.lower(), name, member.size, content


def _take(
    sample: _Sample, suffix: str, name: str, size: int, content: IO[bytes], *, tar: Path, extract_to: Path | None
) -> None:
    if f".{suffix.rpartition('.')[2]}" in VIDEO_SUFFIXES:
        sample.videos.append(_extracted(content, size, name, tar=tar, extract_to=extract_to))
    elif suffix in ("json", "txt") and size > _MOST_TEXT:
        sample.problems.append(f"its {suffix} is left out: it holds {size:,} bytes.")
    elif suffix == "json":
        _describe(sample, content.read())
    elif suffix == "txt":
        sample.values.setdefault("title", content.read().decode("utf-8", "replace").strip())


def _describe(sample: _Sample, content: bytes) -> None:
    try:
        values = json.loads(content, parse_constant=json_constant)
    except (ValueError, RecursionError):
        values = None
    if isinstance(values, dict):
        sample.values = {**sample.values, **{plain_name(str(name)): value for name, value in values.items()}}
    else:
        sample.problems.append("its json is left out: it is no JSON object.")


def _extracted(content: IO[bytes], size: int, name: str, *, tar: Path, extract_to: Path | None) -> str:
    """The path of the member as a file of its own. Its name is a digest: a member's name may be no name for a file here."""
    tar = plain_path(tar)
    if extract_to is None:
        return f"{tar}/{name}"
    digest = hashlib.sha256(f"{tar}\n{name}".encode("utf-8", "surrogateescape")).hexdigest()[:32]
    path = plain_path(extract_to) / f"{digest}{PurePosixPath(name).suffix.lower()}"
    if not path.is_file() or path.stat().st_size != size:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            while block := content.read(_BLOCK):
                file.write(block)
    return str(path)
