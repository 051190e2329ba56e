"""Which sources belong to which shard: decided once, when a source is first seen. What is said of them may change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from data_pipeline.corpus.files import disk_errors
from data_pipeline.corpus.measured import SourceRow
from data_pipeline.corpus.tables import read_table, write_table

SOURCES = "sources.parquet"
_PLAN = "plan"
_MOST = 200             # videos of a shard where nobody says
_FEWEST_SHARDS = 16     # of a small corpus, so that there is work for every process


@dataclass(frozen=True, kw_only=True)
class Added:
    """What `add_sources` did: `changed` counts known sources of which the owner now says something else.

    replaced: known sources whose file is another than the one that was measured; a build looks for them.
    """

    new: int
    known: int
    changed: int
    replaced: int = 0


def add_sources(directory: Path, sources: Sequence[SourceRow], *, videos_per_shard: int | None) -> Added:
    """Give sources that are new to a corpus their shards, in order; sources that it knows stay where they are.

    What is said of a known one now takes the place of what was said before. A bare file of a folder says nothing, and one
    that was taken out of the corpus stays out.
    videos_per_shard: None = 200, fewer for a small corpus. A run that is killed here and started again with the same
    sources makes the same shards. Raises CorpusError (write, unreadable).
    """
    first = {source.source_id: source for source in reversed(sources)}
    known, changed = set[str](), 0
    for name in shard_names(directory):
        before = shard_sources(directory, name)
        now = [_as_said_now(source, first.get(source.source_id)) for source in before]
        known.update(source.source_id for source in before)
        if now != before:
            changed += sum(one != other for one, other in zip(now, before, strict=True))
            write_shard_sources(directory, name, now)
    new = [source for source in sources if source.source_id not in known and first[source.source_id] is source]
    size = videos_per_shard or min(_MOST, -(-(len(known) + len(new)) // _FEWEST_SHARDS))
    number = len(shard_names(directory))
    with disk_errors(directory / _PLAN):
        (directory / _PLAN).mkdir(parents=True, exist_ok=True)
    for place in range(0, len(new), max(size, 1)):
        write_shard_sources(directory, f"shard-{number:06d}", new[place : place + size])
        number += 1
    if not (directory / SOURCES).exists():
        write_table(directory / SOURCES, all_sources(directory), SourceRow)
    return Added(new=len(new), known=len(first) - len(new), changed=changed)


def _as_said_now(known: SourceRow, said: SourceRow | None) -> SourceRow:
    is_bare = said is not None and said.origin == "folder" != known.origin
    return known if said is None or is_bare or not known.uri else said


def shard_names(directory: Path) -> list[str]:
    """All shards of a corpus, in order."""
    return sorted(path.stem for path in (directory / _PLAN).glob("shard-*.parquet"))


def shard_sources(directory: Path, shard: str) -> list[SourceRow]:
    """The sources of a shard, in order. Raises CorpusError (unreadable)."""
    return list(read_table(_path(directory, shard), SourceRow))


def write_shard_sources(directory: Path, shard: str, sources: Sequence[SourceRow]) -> None:
    """Write what is said of the sources of a shard; which they are, and their order, never changes.

    The table of all sources, which no longer holds, is gone before: whoever is killed then has it written by the next build.
    Raises CorpusError (write).
    """
    with disk_errors(directory / SOURCES):
        (directory / SOURCES).unlink(missing_ok=True)
    write_table(_path(directory, shard), sources, SourceRow)


def all_sources(directory: Path) -> Iterator[SourceRow]:
    """Every source of a corpus, in order of the shards."""
    return chain.from_iterable(shard_sources(directory, name) for name in shard_names(directory))


def _path(directory: Path, shard: str) -> Path:
    return directory / _PLAN / f"{shard}.parquet"
