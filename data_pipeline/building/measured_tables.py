"""The tables of what was measured: one directory a shard, written whole, read over all committed shards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data_pipeline.building.commits import MEASURED, Commit, read_commits
from data_pipeline.corpus.measured import (
    AudioSpanRow,
    CandidateRow,
    KeyframeRow,
    MeasuredVideo,
    ScreenTextRow,
    ShotRow,
    SpeechRow,
    StageRow,
)
from data_pipeline.corpus.tables import Row, read_table, write_table

TABLES: Mapping[str, type[Any]] = {
    "videos": MeasuredVideo, "shots": ShotRow, "keyframes": KeyframeRow, "audio": AudioSpanRow, "speech": SpeechRow,
    "screen": ScreenTextRow, "candidates": CandidateRow, "stages": StageRow,
}  # fmt: skip
_UNCOUNTED_TABLE = "stages"         # what a stage cost differs from run to run
_UNCOUNTED_COLUMN = "uploader_hash"     # another corpus has another salt
_NAMES = {row_type: name for name, row_type in TABLES.items()}
Tables = Mapping[str, Sequence[Any]]


def committed(directory: Path) -> list[Path]:
    """The directories of the committed shards of a corpus, in order of the shards."""
    return [directory / MEASURED / commit.directory for commit in read_commits(directory).values()]


def read_measured(directory: Path, row_type: type[Row]) -> Iterator[Row]:
    """The rows of one kind of all committed shards of a corpus, in order, a part of a file at a time.

    Raises CorpusError (unreadable), InputError without pyarrow.
    """
    for commit in read_commits(directory).values():
        yield from read_shard(directory, commit, row_type)


def read_shard(directory: Path, commit: Commit, row_type: type[Row]) -> Iterator[Row]:
    """The rows of one kind of a committed shard, in order. Raises as `read_measured`."""
    return read_table(table_path(directory / MEASURED / commit.directory, row_type), row_type)


def table_path(shard: Path, row_type: type[Any]) -> Path:
    """Where the directory of a shard has its rows of a kind."""
    return shard / f"{_NAMES[row_type]}.parquet"


def write_tables(shard: Path, tables: Tables) -> str:
    """Write all tables of a shard, read them again, and return the hash of the rows that were read.

    Raises CorpusError (write, unreadable).
    """
    for name, row_type in TABLES.items():
        write_table(table_path(shard, row_type), tables[name], row_type)
    return rows_sha256(read_tables(shard))


def read_tables(shard: Path) -> dict[str, list[Any]]:
    """All rows of a shard, by the name of their table. Raises CorpusError (unreadable)."""
    return {name: list(read_table(table_path(shard, row_type), row_type)) for name, row_type in TABLES.items()}


def rows_sha256(tables: Tables) -> str:
    """The hash of rows that came from tables (scores are float32 there), in order, but for what the stages cost.

    Two corpora of the same files by the same stages have the same.
    """
    digest = hashlib.sha256()
    for name in TABLES:
        if name != _UNCOUNTED_TABLE:
            digest.update(f"{name}\n".encode())
            _update(digest, tables[name])
    return digest.hexdigest()


def _update(digest: Any, rows: Iterable[Any]) -> None:
    for row in rows:
        values = asdict(row)
        values.pop(_UNCOUNTED_COLUMN, None)
        digest.update(json.dumps(values, sort_keys=True).encode())
        digest.update(b"\n")
