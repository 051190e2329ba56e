"""The tables of what was measured: one directory a shard, read over all committed shards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from data_pipeline.corpus.errors import CorpusError
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
from data_pipeline.corpus.tables import Row, read_table

TABLES: Mapping[str, type[Any]] = {
    "videos": MeasuredVideo, "shots": ShotRow, "keyframes": KeyframeRow, "audio": AudioSpanRow, "speech": SpeechRow,
    "screen": ScreenTextRow, "candidates": CandidateRow, "stages": StageRow,
}  # fmt: skip
_NAMES = {row_type: name for name, row_type in TABLES.items()}


def committed(directory: Path) -> list[Path]:
    """The directories of the committed shards of a corpus, in order of the shards."""
    log = directory / "measured" / "commits.jsonl"
    try:
        lines = log.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CorpusError("unreadable", f"{log} cannot be read ({error.strerror or error}): check the disk.") from error
    commits = {commit["shard"]: commit["directory"] for commit in map(json.loads, lines)}
    return [log.parent / name for _, name in sorted(commits.items())]


def read_measured(directory: Path, row_type: type[Row]) -> Iterator[Row]:
    """The rows of one kind of all committed shards, in order. Raises CorpusError (unreadable), InputError without pyarrow."""
    for shard in committed(directory):
        yield from read_table(table_path(shard, row_type), row_type)


def table_path(shard: Path, row_type: type[Any]) -> Path:
    """Where the directory of a shard has its rows of a kind."""
    return shard / f"{_NAMES[row_type]}.parquet"
