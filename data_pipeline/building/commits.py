"""The log of committed shards: a shard counts from the moment its line is on the disk, and its last line counts."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import disk_errors
from data_pipeline.corpus.line_log import append_line, read_lines

MEASURED = "measured"
_LOG = "commits.jsonl"


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A line of the log. rows = measured + failed; `rows_sha256` is over all rows but those of `stages`, in order.

    directory: the name, in `measured/`, of what holds the tables; another version of a shard stands in another directory.
    stages_key: which stages, with which versions, parameters and models, the rows came from.
    """

    shard: str
    version: int
    directory: str
    stages_key: str
    rows: int
    measured: int
    failed: int
    candidates: int
    reasons: Mapping[str, int] = field(default_factory=dict)    # failed rows by kind
    rows_sha256: str = ""

    def __post_init__(self) -> None:
        if self.rows != self.measured + self.failed or self.failed != sum(self.reasons.values()):
            raise CorpusError(
                "unreadable",
                f"The account of {self.shard} does not add up ({self.rows} rows, {self.measured} measured, {self.failed} "
                "failed): it is not committed; please report this.",
            )


def version_directory(shard: str, version: int) -> str:
    return shard if version == 1 else f"{shard}.{version}"


def read_commits(directory: Path) -> dict[str, Commit]:
    """The commit that counts of every shard of a corpus, in order of their names; a line that was cut off does not count.

    Raises CorpusError (unreadable) when the log cannot be read.
    """
    found = {commit.shard: commit for line in read_lines(directory / MEASURED / _LOG) if (commit := _from_line(line)) is not None}
    return dict(sorted(found.items()))


def append_commit(directory: Path, commit: Commit) -> None:
    """Bring a line to the disk. Raises CorpusError (write)."""
    append_line(directory / MEASURED / _LOG, asdict(commit))


def remove_uncommitted(directory: Path) -> None:
    """Delete what no commit counts on: unfinished and replaced directories. For the only writer."""
    measured = directory / MEASURED
    used = {commit.directory for commit in read_commits(directory).values()}
    with disk_errors(measured):
        measured.mkdir(parents=True, exist_ok=True)
        for path in measured.iterdir():
            if path.is_dir() and path.name not in used:
                shutil.rmtree(path)


def manifest_sha256(commits: Iterable[Commit]) -> str:
    """One number for all measured rows of a corpus, whoever measured them, in whatever order."""
    digest = hashlib.sha256()
    for commit in sorted(commits, key=lambda commit: commit.shard):
        digest.update(f"{commit.shard} {commit.rows_sha256}\n".encode())
    return digest.hexdigest()


def failure_counts(commits: Iterable[Commit]) -> Counter[str]:
    """Failed rows by kind."""
    return sum((Counter(commit.reasons) for commit in commits), Counter())


def _from_line(line: dict[str, Any]) -> Commit | None:
    try:
        return Commit(**line)
    except (TypeError, CorpusError):
        return None
