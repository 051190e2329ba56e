"""One shard from its sources to its committed tables: everything that a build promises happens here, whoever calls it."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from data_pipeline.building.commits import MEASURED, Commit, version_directory
from data_pipeline.building.inputs import Inputs, inputs_of, read_inputs, write_inputs
from data_pipeline.building.measured_tables import read_shard, read_tables, write_tables
from data_pipeline.building.stage_cache import StageCache, cache_path, examined_content
from data_pipeline.building.video_rows import VideoRows, described_anew, failed_video, removed_video, tables_of
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.files import disk_errors
from data_pipeline.corpus.measured import MeasuredVideo, SourceRow
from data_pipeline.sources.uploaders import corpus_salt, uploader_hash
from retrieval.disk import sync_folder

COPY = "copy"
VideoDone = Callable[[MeasuredVideo], None]


class VideoWorker(Protocol):
    """What processes one video, whatever that does to it."""

    @property
    def stages_key(self) -> str: ...
    def process(self, source: SourceRow, *, shard: str, cache: Path) -> VideoRows: ...


def process_shard(
    shard: str, sources: Sequence[SourceRow], *, directory: Path, worker: VideoWorker, previous: Commit | None = None,
    retry: Collection[str] | None = None, changed: Collection[str] = (), done: VideoDone = lambda video: None,
) -> Commit | None:
    """Process a shard's videos in order and write its tables; the caller appends the commit that is returned.

    previous: the commit of an earlier version; None is returned when the same stages made it and there is nothing to retry.
    retry: ids of the sources to process again, the rows of the others are taken over; None = all of them, or where the same
    stages made them those that have `changed`. What is known of a content that is in no file any more is forgotten.
    `done` is called with each video that is processed.
    Of byte-identical files the first that is measured counts, the others fail as copies of it. A source without a path was
    taken out of the corpus, and fails as removed.
    Raises CorpusError (write, unreadable) and whatever `worker` raises when the build cannot go on.
    """
    again = retry
    if retry is None and previous is not None and previous.stages_key == worker.stages_key:
        if not changed:
            return None
        again = changed
    earlier = _earlier(directory, previous) if again is not None else {}
    cache, videos = cache_path(directory, shard), []
    for source in sources:
        before = earlier.get(source.source_id)
        if before is not None and source.source_id not in (again or ()):
            videos.append(before if source.uri else _removed(source, shard))
            continue
        inputs = inputs_of(source)      # before it is read: what changes meanwhile is noticed by the next build
        if not source.uri:
            videos.append(_removed(source, shard))
        elif before is not None and retry is None and _is_said_alone(before, inputs):
            videos.append(_said_anew(before, source, inputs, directory))
        else:
            rows = worker.process(source, shard=shard, cache=cache)
            videos.append(replace(rows if retry is None else _tried(rows, before), inputs=inputs))
        done(videos[-1].video)
    if cache.exists():
        _forget(cache, _replaced(directory, previous, videos) if changed else (), videos, sources)
    stages_key = worker.stages_key if previous is None or retry is None else previous.stages_key
    return commit_version(directory, shard, without_copies(videos), sources, previous=previous, stages_key=stages_key)


def commit_version(
    directory: Path, shard: str, videos: Sequence[VideoRows], sources: Sequence[SourceRow], *, previous: Commit | None,
    stages_key: str,
) -> Commit:
    """Bring the next version of a shard's tables to the disk and give the line that makes it count.

    Raises CorpusError: write, or unreadable when a source has no row or two, or what was written is not what is read.
    """
    _check_conservation(shard, videos, sources)
    version = 1 if previous is None else previous.version + 1
    name = version_directory(shard, version)
    final, unfinished = directory / MEASURED / name, directory / MEASURED / f".{name}.part"
    with disk_errors(unfinished):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
    tables = tables_of(videos)
    rows_sha256 = write_tables(unfinished, tables)
    write_inputs(unfinished, {rows.video.source_id: rows.inputs for rows in videos if rows.inputs is not None})
    with disk_errors(final):
        shutil.rmtree(final, ignore_errors=True)    # of a run that ended before its commit
        unfinished.replace(final)
        sync_folder(final.parent)
    reasons = Counter(row.error_kind or "unknown" for row in tables["videos"] if row.status == "failed")
    return Commit(
        shard=shard, version=version, directory=name, stages_key=stages_key, rows=len(sources),
        measured=sum(row.status == "measured" for row in tables["videos"]), failed=reasons.total(),
        candidates=len(tables["candidates"]), reasons=dict(sorted(reasons.items())), rows_sha256=rows_sha256,
    )


def read_videos(directory: Path, commit: Commit) -> list[VideoRows]:
    """What a committed shard holds, video by video, in order. Raises CorpusError (unreadable)."""
    place = directory / MEASURED / commit.directory
    tables, inputs = read_tables(place), read_inputs(place)
    measured = {row.video_id: row.source_id for row in tables["videos"] if row.status == "measured"}
    others: dict[str, dict[str, list[object]]] = {row.source_id: {} for row in tables["videos"]}
    for name, rows in tables.items():
        if name == "videos":
            continue
        for row in rows:
            if row.video_id in measured:
                others[measured[row.video_id]].setdefault(name, []).append(row)
    return [
        VideoRows(
            video=video, others={name: tuple(rows) for name, rows in others[video.source_id].items()},
            inputs=inputs.get(video.source_id),
        )
        for video in tables["videos"]
    ]  # fmt: skip


def without_copies(videos: Sequence[VideoRows], first: dict[str, str] | None = None) -> list[VideoRows]:
    """The same videos, those whose content came before as failures. first: path by video id of what came before."""
    first = {} if first is None else first
    kept = []
    for one in videos:
        video = one.video
        if video.status == "measured" and video.video_id in first:
            kept.append(VideoRows(video=copy_of(video, first[video.video_id]), inputs=one.inputs))
            continue
        if video.status == "measured":
            assert video.video_id is not None
            assert video.path is not None
            first[video.video_id] = video.path
        kept.append(one)
    return kept


def copy_of(video: MeasuredVideo, first: str) -> MeasuredVideo:
    """The row of a video whose content is measured of the file `first`."""
    assert video.path is not None
    source = SourceRow(
        source_id=video.source_id, uri=video.path, title=video.title, topics=video.topics, category=video.category,
        license_code=video.license_code, license_url=video.license_url, publish_date=video.publish_date, split=video.split,
    )  # fmt: skip
    message = f"{video.path} is the same file as {first}, byte for byte: a content is measured once."
    failed = failed_video(
        source, shard=video.shard, stage="examine", kind=COPY, message=message, uploader_hash=video.uploader_hash
    )
    return replace(failed, video_id=video.video_id)


def _removed(source: SourceRow, shard: str) -> VideoRows:
    return VideoRows(video=removed_video(source.source_id, shard=shard))


def _is_said_alone(before: VideoRows, inputs: Inputs) -> bool:
    """Whether nothing is to be measured: the file is gone, or it is the one that failed."""
    is_same = before.inputs is not None and before.inputs.file == inputs.file
    return inputs.file is None or (before.video.status == "failed" and before.video.error_kind != COPY and is_same)


def _said_anew(before: VideoRows, source: SourceRow, inputs: Inputs, directory: Path) -> VideoRows:
    name = source.uploader
    hashed = uploader_hash(name, salt=corpus_salt(directory)) if name else None
    return described_anew(before, source, uploader_hash=hashed, inputs=inputs)


def _replaced(directory: Path, previous: Commit | None, videos: Sequence[VideoRows]) -> set[str]:
    """Contents in whose place another one is, where no source of the shard has them any more.

    A file that cannot be read may come back: its content is none of them.
    """
    if previous is None:
        return set()
    before = {row.source_id: row.video_id for row in read_shard(directory, previous, MeasuredVideo)}
    there = {rows.video.video_id for rows in videos}
    gone = {before.get(rows.video.source_id) for rows in videos if rows.video.video_id is not None} - there
    return {video_id for video_id in gone if video_id is not None}


def _forget(cache: Path, gone: Collection[str], videos: Sequence[VideoRows], sources: Sequence[SourceRow]) -> None:
    """Delete what is kept of these contents; and of all that no source has, where it is known what each of them has.

    So goes what a build that was stopped, or a row that is tried again, has found out about a file that was not complete.
    """
    kept = StageCache(cache)
    try:
        contents = _contents(videos, sources)
        kept.forget(*(gone if contents is None else [one for one in kept.contents() if one not in contents]))
    finally:
        kept.close()


def _contents(videos: Sequence[VideoRows], sources: Sequence[SourceRow]) -> set[str] | None:
    """What results may be kept of; None where the content of a source is not known: it is away, or its process ended."""
    contents = set[str]()
    for rows, source in zip(videos, sources, strict=True):
        if not source.uri:
            continue
        file = None if rows.inputs is None else rows.inputs.file
        if file is None or (rows.video.video_id is None and rows.video.error_stage != "examine"):
            return None
        contents.add(examined_content(source.uri, file))
        if rows.video.video_id is not None:
            contents.add(rows.video.video_id)
    return contents


def _tried(videos: VideoRows, before: VideoRows | None) -> VideoRows:
    if before is None:
        return videos
    return replace(videos, video=replace(videos.video, attempts=before.video.attempts + 1))


def _earlier(directory: Path, previous: Commit | None) -> dict[str, VideoRows]:
    return {} if previous is None else {rows.video.source_id: rows for rows in read_videos(directory, previous)}


def _check_conservation(shard: str, videos: Sequence[VideoRows], sources: Sequence[SourceRow]) -> None:
    ids = [rows.video.source_id for rows in videos]
    if ids != [source.source_id for source in sources]:
        raise CorpusError(
            "unreadable",
            f"{len(sources)} sources of {shard} gave {len(ids)} rows that are not theirs: the shard is not committed; please "
            "report this.",
        )
