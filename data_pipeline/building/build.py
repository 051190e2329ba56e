"""A whole build: sources get their shards, shards are processed by a runner, and what is finished is committed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from data_pipeline.building.commits import (
    append_commit,
    failure_counts,
    manifest_sha256,
    read_commits,
    remove_uncommitted,
)
from data_pipeline.building.copies import orphaned_copies, settle_copies
from data_pipeline.building.inputs import Changes, changes_of
from data_pipeline.building.local import Runner, ShardJob, Work
from data_pipeline.building.measured_tables import read_shard
from data_pipeline.building.plan import Added, add_sources, all_sources, shard_names, shard_sources
from data_pipeline.building.process_shard import VideoDone
from data_pipeline.building.refused import keep_refused, read_refused
from data_pipeline.building.settings import save_settings
from data_pipeline.corpus.about import CORPUS
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import LOCK, only_writer
from data_pipeline.corpus.measured import MeasuredVideo, SourceRow
from data_pipeline.corpus.tables import require_pyarrow
from data_pipeline.sources.rows import Rejected
from data_pipeline.sources.uploaders import corpus_salt
from retrieval.errors import InputError

EXTRACTED = "extracted"     # where videos are that were taken out of tar shards
_BEFORE_SETTINGS = frozenset({EXTRACTED, LOCK})       # what a build writes before its settings
Planned = Callable[[Added, int], None]      # what was added, and how many videos are to be processed in any case
MoreFound = Callable[[int], None]           # how many more videos are processed, since other stages had measured them


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where the sources of a corpus are: rows = measured + failed; `waiting` shards are not committed yet.

    refused: what was named and is no row (refused.jsonl).
    """

    shards: int
    waiting: int
    rows: int
    measured: int
    failed: int
    refused: int
    candidates: int
    reasons: dict[str, int]
    manifest_sha256: str


def build(
    sources: Sequence[SourceRow], work: Work, runner: Runner, *, refused: Sequence[Rejected] = (), named: Sequence[Path] = (),
    planned: Planned = lambda added, expected: None, more: MoreFound = lambda videos: None, done: VideoDone = lambda video: None,
) -> Account:
    """Add sources to a corpus and process every shard that is not committed, or was measured by other stages.

    A source of which the owner says something else now, or whose file is another one, is processed again; where nothing but
    words changed, no model runs. Which shards other stages measured is not known before a worker has loaded its stages:
    `more` is called when the first video of them ends, ahead of `done`, from the same thread; and at the end, where copies
    of a file that is another one now are to be processed.
    refused: what was named and is no source, of all the folders and tables that were `named`.
    The build may be killed at any time and started again. Raises InputError without
    a source in a new corpus, CorpusError (busy, write, unreadable) and what loading a model raises.
    """
    require_pyarrow()
    if not sources and not shard_names(work.directory):
        raise InputError("There is no video to build a corpus of: name a folder or a table with some.")
    with only_writer(work.directory):
        save_settings(work.directory, work.settings)
        corpus_salt(work.directory)     # before there are workers, of which each would make its own
        added = add_sources(work.directory, sources, videos_per_shard=work.settings.videos_per_shard)
        keep_refused(work.directory, refused, named=named, sources=all_sources(work.directory))
        commits = read_commits(work.directory)
        changes = {shard: changes_of(work.directory, shard, commit) for shard, commit in commits.items()}
        jobs = [
            ShardJob(shard=shard, previous=commits.get(shard), changed=changes.get(shard, Changes()).all)
            for shard in shard_names(work.directory)
        ]
        expected = sum(len(job.changed if job.previous else shard_sources(work.directory, job.shard)) for job in jobs)
        planned(replace(added, replaced=sum(len(one.replaced) for one in changes.values())), expected)
        result = _processed(jobs, work, runner, _Remeasured(jobs, more, done))
        if orphans := orphaned_copies(work.directory):      # of a build that was killed before this, too
            commits = read_commits(work.directory)
            more(sum(len(ids) for ids in orphans.values()))
            again = [ShardJob(shard=shard, previous=commits[shard], changed=ids) for shard, ids in orphans.items()]
            result = _processed(again, work, runner, done)
        return result


def check_place(directory: Path) -> None:
    """Raises InputError where no corpus can be begun or gone on with: at a file, or in a folder of other things."""
    if not directory.exists():
        return
    if not directory.is_dir():
        raise InputError(f"{directory} is a file: name a folder for the corpus.")
    if not (directory / CORPUS).exists() and (others := sorted({path.name for path in directory.iterdir()} - _BEFORE_SETTINGS)):
        raise InputError(f"{directory} holds no corpus, but {others[0]}: name an empty or a new folder for the corpus.")


def retry(
    work: Work, runner: Runner, *, kinds: Collection[str] = (), done: VideoDone = lambda video: None
) -> Account:
    """Process failed rows again, and no others: those of some kinds, by default those that may end otherwise.

    Raises CorpusError, and InputError for a kind that no row has.
    """
    with only_writer(work.directory):
        known = failure_counts(read_commits(work.directory).values())
        if unknown := sorted({*kinds} - {*known}):
            raise InputError(f"No row failed as {', '.join(unknown)}: there are {', '.join(sorted(known)) or 'none'}.")
        return _processed(list(_retried(work.directory, kinds)), work, runner, done)


def account(directory: Path) -> Account:
    """Where a corpus stands, by what is committed. Raises CorpusError (unreadable)."""
    shards, commits = shard_names(directory), read_commits(directory)
    if not shards:
        raise CorpusError("unreadable", f"There is no corpus in {directory}: build one there first.")
    found = commits.values()
    return Account(
        shards=len(shards), waiting=len({*shards} - {*commits}), rows=sum(commit.rows for commit in found),
        measured=sum(commit.measured for commit in found), failed=sum(commit.failed for commit in found),
        refused=len(read_refused(directory)),
        candidates=sum(commit.candidates for commit in found), reasons=dict(failure_counts(found).most_common()),
        manifest_sha256=manifest_sha256(found),
    )


class _Remeasured:
    """Takes each video that ends; the first of a committed shard says that every shard of the same stages comes again.

    Those that have changed come again whatever the stages are.
    """

    def __init__(self, jobs: Iterable[ShardJob], more: MoreFound, done: VideoDone) -> None:
        self._keys: dict[str, str] = {}
        self._untold: Counter[str] = Counter()      # videos by the key of the stages that had measured them
        self._changed: set[str] = set()
        for job in jobs:
            if job.previous is not None:
                self._keys[job.shard] = job.previous.stages_key
                self._untold[job.previous.stages_key] += job.previous.rows - len(job.changed)
                self._changed |= job.changed
        self._lock = threading.Lock()
        self._more, self._done = more, done

    def __call__(self, video: MeasuredVideo) -> None:
        with self._lock:
            is_awaited = video.source_id in self._changed
            videos = 0 if is_awaited else self._untold.pop(self._keys.get(video.shard, ""), 0)
            if videos:
                self._more(videos)
        self._done(video)


def _processed(jobs: Sequence[ShardJob], work: Work, runner: Runner, done: VideoDone) -> Account:
    remove_uncommitted(work.directory)
    with closing(runner(jobs, work, done)) as results:      # its workers end with the block
        for commit in results:
            append_commit(work.directory, commit)
    settle_copies(work.directory)
    remove_uncommitted(work.directory)
    return account(work.directory)


def _retried(directory: Path, kinds: Collection[str]) -> Iterator[ShardJob]:
    for shard, commit in read_commits(directory).items():
        rows = read_shard(directory, commit, MeasuredVideo)
        ids = frozenset(row.source_id for row in rows if row.status == "failed" and _is_wanted(row, kinds))
        if ids:
            yield ShardJob(shard=shard, previous=commit, retry=ids)


def _is_wanted(row: MeasuredVideo, kinds: Collection[str]) -> bool:
    return row.error_kind in kinds if kinds else row.retryable
