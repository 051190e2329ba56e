"""One removal from the list to the last export. It may be ended at any time: called again, it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.building.commits import Commit, append_commit, read_commits, remove_uncommitted
from data_pipeline.building.measured_tables import read_shard
from data_pipeline.building.plan import SOURCES, all_sources, shard_names, shard_sources, write_shard_sources
from data_pipeline.building.process_shard import commit_version, read_videos
from data_pipeline.building.refused import forget_refused
from data_pipeline.building.stage_cache import StageCache, cache_path
from data_pipeline.building.video_rows import VideoRows, removed_video
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import disk_errors, only_writer
from data_pipeline.corpus.measured import DecisionRow, MeasuredVideo, SourceRow
from data_pipeline.corpus.tables import VIDEOS, read_table, write_table
from data_pipeline.export.exporting import exports_of, reach_export, remove_from_export
from data_pipeline.export.parquet import forget_rows
from data_pipeline.removal.targets import add_to_list, resolve
from data_pipeline.selection.removed import Removed
from data_pipeline.selection.select import ACCOUNTS, DECISIONS
from data_pipeline.sources.files import plain_path

_ID_START = 16
# Made from the tables and told apart by nobody: they are made again when they are wanted.
_DERIVED = (ACCOUNTS, "report.html", "statistics.json", "audit.html", "audit.csv")


@dataclass(frozen=True, kw_only=True)
class Removal:
    """What is out now, of this call and of all before; unreached: exports that are not where they were written; busy: exports
    that another process is writing: it leaves out what is removed before it ends, but not where it is killed."""

    videos: int
    sources: int
    shards: int
    exports: tuple[Path, ...]
    unreached: tuple[Path, ...]
    busy: tuple[Path, ...]


def remove(
    corpus: Path, *, videos: Iterable[str] = (), uploaders: Iterable[str] = (), paths: Iterable[Path] = (),
    reached: Callable[[Path], None] = lambda export: None,
) -> Removal:
    """Take videos out of a corpus and of every export of it; without targets, go through the whole list again.

    What stays of each is its line in the accounts, with ids alone. Files outside the corpus are not touched.
    Raises InputError as `resolve`, CorpusError: busy, unreadable (no corpus too), write.
    """
    if not shard_names(corpus):
        raise CorpusError("unreadable", f"There is no corpus in {corpus}: check the name.")
    with only_writer(corpus):
        paths = list(paths)
        targets = resolve(corpus, videos=videos, uploaders=uploaders, paths=paths)
        forget_refused(corpus, (), below=paths)         # at first: the list of what is removed names no paths
        removed = add_to_list(corpus, targets)
        uris = [one.uri for one in all_sources(corpus) if one.uri and one.source_id in removed.sources]
        forget_refused(corpus, uris)
        commits = read_commits(corpus)
        shards = [shard for shard in shard_names(corpus) if _cleared(corpus, shard, commits.get(shard), removed)]
        write_table(corpus / SOURCES, all_sources(corpus), SourceRow)
        remove_uncommitted(corpus)
        _clear_tables(corpus, removed)
        exports, unreached, busy = [], [], []
        for export in exports_of(corpus):
            try:
                if not reach_export(export):
                    unreached.append(export)
                    continue
                if remove_from_export(export, removed.videos, corpus=corpus):
                    exports.append(export)
            except CorpusError as error:
                if error.kind != "busy":
                    raise
                busy.append(export)
                continue
            reached(export)
        return Removal(
            videos=len(removed.videos), sources=len(removed.sources), shards=len(shards), exports=tuple(exports),
            unreached=tuple(unreached), busy=tuple(busy),
        )


def _cleared(corpus: Path, shard: str, commit: Commit | None, removed: Removed) -> bool:
    """Take everything that is said and measured of the removed out of a shard; whether there was anything.

    The list of sources comes last: while a source stands there, another call knows its path.
    """
    sources = shard_sources(corpus, shard)
    rows = () if commit is None else read_shard(corpus, commit, MeasuredVideo)
    gone = {source.source_id for source in sources if source.source_id in removed.sources}
    gone |= {row.source_id for row in rows if _is_removed(row, removed)}
    paths = [source.uri for source in sources if source.source_id in gone and source.uri]
    if not paths:
        return False
    _clear_cache(cache_path(corpus, shard), removed, paths)
    blank = [_blank(source) if source.source_id in gone else source for source in sources]
    if commit is not None:
        _commit_without(corpus, shard, commit, gone, blank)
    for path in map(Path, paths):
        if path.is_relative_to(plain_path(corpus)):     # taken out of a tar shard
            with disk_errors(path):
                path.unlink(missing_ok=True)
    write_shard_sources(corpus, shard, blank)
    return True


def _is_removed(row: MeasuredVideo, removed: Removed) -> bool:
    return row.video_id in removed.videos or row.uploader_hash in removed.uploaders


def _blank(source: SourceRow) -> SourceRow:
    return SourceRow(source_id=source.source_id, uri="", origin=source.origin)


def _commit_without(
    corpus: Path, shard: str, commit: Commit, gone: set[str], sources: list[SourceRow]
) -> None:
    def without(video: MeasuredVideo) -> VideoRows:
        return VideoRows(video=removed_video(video.source_id, shard=video.shard, attempts=video.attempts))

    rows = read_videos(corpus, commit)
    left = [without(row.video) if row.video.source_id in gone else row for row in rows]
    append_commit(
        corpus, commit_version(corpus, shard, left, sources, previous=commit, stages_key=commit.stages_key)
    )


def _clear_cache(path: Path, removed: Removed, paths: list[str]) -> None:
    if not path.exists():
        return
    cache = StageCache(path)
    try:
        starts = tuple(f"{path} " for path in paths)
        cache.forget(*(one for one in cache.contents() if one in removed.videos or one.startswith(starts)))
    finally:
        cache.close()


def _clear_tables(corpus: Path, removed: Removed) -> None:
    """The tables of the selection, and what was drawn from them."""
    starts = {video[:_ID_START] for video in removed.videos}
    if (corpus / VIDEOS).exists():
        forget_rows(corpus, removed.videos)
    if (corpus / DECISIONS).exists():
        rows = [row for row in read_table(corpus / DECISIONS, DecisionRow) if row.pair_id[:_ID_START] not in starts]
        write_table(corpus / DECISIONS, rows, DecisionRow)
    with disk_errors(corpus):
        for name in _DERIVED:
            (corpus / name).unlink(missing_ok=True)
