"""Byte-identical files in different shards: the one that stands first counts, whichever was measured first."""

from __future__ import annotations

from pathlib import Path

from data_pipeline.building.commits import append_commit, read_commits
from data_pipeline.building.inputs import file_state
from data_pipeline.building.measured_tables import read_shard
from data_pipeline.building.plan import shard_sources
from data_pipeline.building.process_shard import COPY, commit_version, copy_of, read_videos, without_copies
from data_pipeline.corpus.measured import MeasuredVideo


def settle_copies(directory: Path) -> int:
    """Commit every shard that repeats a content of an earlier one again, without it; how many shards that were.

    For the only writer, once all shards are committed. Raises CorpusError (write, unreadable).
    """
    first: dict[str, str] = {}
    settled = 0
    for shard, commit in read_commits(directory).items():
        rows = read_shard(directory, commit, MeasuredVideo)
        contents = {row.video_id: row.path for row in rows if row.status == "measured"}
        if not contents.keys().isdisjoint(first):
            videos = without_copies(read_videos(directory, commit), dict(first))
            append_commit(directory, commit_version(
                directory, shard, videos, shard_sources(directory, shard), previous=commit, stages_key=commit.stages_key,
            ))  # fmt: skip
            settled += 1
        for video_id, path in contents.items():
            if video_id is not None and path is not None:
                first.setdefault(video_id, path)
    return settled


def orphaned_copies(directory: Path) -> dict[str, frozenset[str]]:
    """Ids of sources, by shard, that failed as copies of a file which is no longer the one with that content.

    So it is where the file that came first was replaced by another: the content is measured nowhere, or of another file. A copy
    that is gone itself is none of them. Raises CorpusError (unreadable).
    """
    commits = read_commits(directory).values()
    if not any(COPY in commit.reasons for commit in commits):
        return {}
    measured, copies = dict[str | None, str | None](), []
    for commit in commits:
        for row in read_shard(directory, commit, MeasuredVideo):
            if row.status == "measured":
                measured[row.video_id] = row.path
            elif row.error_kind == COPY:
                copies.append(row)
    orphans: dict[str, set[str]] = {}
    for row in copies:
        first = measured.get(row.video_id)
        is_told = first is not None and copy_of(row, first).error == row.error
        if not is_told and row.path is not None and file_state(row.path) is not None:
            orphans.setdefault(row.shard, set()).add(row.source_id)
    return {shard: frozenset(ids) for shard, ids in orphans.items()}
