"""From what a person names (folders, files, tables, lists, shards) to the rows of a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from data_pipeline.corpus.measured import SourceRow
from data_pipeline.sources.cnvid import CAPTIONS, read_cnvid
from data_pipeline.sources.files import find_videos, plain_path
from data_pipeline.sources.licences import licence
from data_pipeline.sources.rows import Found, Sources, source_id, stored_names, usable
from data_pipeline.sources.tables import read_source_table
from data_pipeline.sources.webdataset import is_tar, read_webdataset
from retrieval.errors import InputError

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".parquet")


def read_sources(
    paths: Sequence[Path], *, default_license: str | None = None, i_have_rights: bool = False,
    extract_to: Path | None = None, exclude: Sequence[str] = (),
) -> Sources:
    """The rows of all that is named: tables, CNVid folders, tar shards, folders of videos, single files.

    A table describes the files that it names and those in the folders that are named beside it; a file in such a folder
    that no table describes is a row without a description. A row without a known licence is rejected unless the caller
    has rights; default_license: of rows that state none. extract_to: where the videos of tar shards are put, None to look only.
    Raises InputError when a path is not there, a table cannot be used at all, or `default_license` is not known.
    """
    if default_license is not None and licence(default_license) is None and not i_have_rights:
        raise InputError(f"The licence {default_license!r} is not known: use a code such as CC-BY-4.0 or CC0-1.0.")
    named = [plain_path(path) for path in paths]
    for path in named:
        if not path.exists():
            raise InputError(f"There is nothing at {path}: check the name.")
    lists = [path for path in named if _is_list(path)]
    folders = find_videos([path for path in named if path not in lists], exclude=exclude)
    tars = [path for path in named if is_tar(path)] + [tar for path in named for tar in _tars_below(path)]
    found, files = Found(other_files=folders.other), [file for file in folders.videos if file not in tars]
    for folder in folders.unreadable:
        found.reject(folder, "the folder cannot be looked through: check its rights.")
    for path in lists:
        found.add(_listed_in(path, files))
    for tar in dict.fromkeys(tars):
        found.add(read_webdataset(tar, extract_to=extract_to))
    _add_files(files, found)
    return usable(found, default_license=default_license, i_have_rights=i_have_rights)


def _is_list(path: Path) -> bool:
    return (path / CAPTIONS).is_file() if path.is_dir() else path.suffix.lower() in TABLE_SUFFIXES


def _listed_in(path: Path, files: Sequence[Path]) -> Found:
    if path.is_dir():
        return read_cnvid(path, more_files=files)
    if path.name == CAPTIONS:
        return read_cnvid(path.parent, more_files=files)
    return read_source_table(path, files)


def _tars_below(folder: Path) -> list[Path]:
    """Tar shards in a folder of shards; in full depth they would be anybody's archives."""
    return sorted(file for file in folder.iterdir() if is_tar(file) and file.is_file()) if folder.is_dir() else []


def _add_files(files: Sequence[Path], found: Found) -> None:
    """A bare row for every file that no list has described."""
    described = {row.uri for _, row in found.rows}
    for file in stored_names(files, found):
        uri = str(file)
        if uri not in described:
            found.rows.append((uri, SourceRow(source_id=source_id(uri), uri=uri, origin="folder")))
