"""From rows about video files to a corpus: tables, shards, and an account of every row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from data_pipeline.corpus.examined import examine_all
from data_pipeline.corpus.files import only_writer, write_json
from data_pipeline.corpus.plan import Plan, PlannedClip, VideoSource, plan_clips
from data_pipeline.corpus.processes import Processes
from data_pipeline.corpus.renewing import renew_shards
from data_pipeline.corpus.rows import ClipRow, PairRow, VideoRow
from data_pipeline.corpus.samples import PictureFormat
from data_pipeline.corpus.shard_list import RowFailure, ShardList
from data_pipeline.corpus.tables import CLIPS, PAIRS, VIDEOS, require_pyarrow, write_table
from data_pipeline.corpus.video_clips import ClipFit, VideoClip

SHARDS, REPORT = "shards", "report.json"
_FORM = PictureFormat()


@dataclass(frozen=True, kw_only=True)
class CorpusReport:
    """Where every row went: rows = kept + merged + failed. Merged rows gave their texts to the clip of an earlier row.

    The id of a failure is the path of its row; `reasons` counts them by kind.
    """

    rows: int
    kept: int
    merged: int
    failed: int
    reasons: dict[str, int]
    videos: int
    clips: int
    pairs: int
    dropped_texts: int              # blank, or the same as another text of their clip
    failures: tuple[RowFailure, ...]


def build_corpus(
    rows: Iterable[VideoSource], directory: str | Path, *, form: PictureFormat = _FORM, frames: int = 8,
    fit: ClipFit = "stretch", rows_per_shard: int = 1000, workers: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> CorpusReport:
    """Read every file, write `frames` pictures of each clip into shards, then the three tables and `report.json`.

    fit: whether pictures of another shape than that of `form` are stretched, or cropped to their middle.

    Run again with the same rows it goes on where it was ended and gives the same corpus; files that could be read are
    read again only when they have changed. With other rows, or after a file was changed or mended, the shards are made
    anew and take the place of those that are there. A file that cannot be read is a row of the report and nothing else.
    `progress` is called with the stage ("examine", "frames"), the number done and the number of all.
    Raises CorpusError and InputError as `renew_shards`, InputError without pyarrow.
    """
    require_pyarrow()
    directory, tell = Path(directory), progress or (lambda stage, done, total: None)
    sources = [replace(row, path=str(Path(row.path).absolute())) for row in rows]
    with only_writer(directory):
        plan = _plan(sources, directory, workers, tell)
        clips = [_video_clip(clip, frames=frames, threads=0 if workers == 1 else 1, fit=fit) for clip in plan.clips]
        shards = renew_shards(
            clips, directory / SHARDS, form=form, rows_per_shard=rows_per_shard, workers=workers,
            progress=lambda done: tell("frames", done, len(clips)),
        )
        report = _write_tables(plan, shards, directory, rows=len(sources))
        write_json(directory / REPORT, asdict(report))
    return report


def _plan(
    sources: list[VideoSource], directory: Path, workers: int, tell: Callable[[str, int, int], None]
) -> Plan:
    examined = {}
    paths = list(dict.fromkeys(row.path for row in sources))
    with Processes(workers) as processes:
        found_in_order = examine_all(paths, directory, processes)
        for done, (path, found) in enumerate(zip(paths, found_in_order, strict=True), start=1):
            examined[path] = found
            tell("examine", done, len(paths))
    return plan_clips(sources, examined)


def _video_clip(clip: PlannedClip, *, frames: int, threads: int, fit: ClipFit) -> VideoClip:
    return VideoClip(
        id=clip.row.clip_id, path=clip.path, video=clip.row.video_id, texts=tuple(text for text, _ in clip.texts),
        split=clip.row.split, count=frames, start_ms=clip.row.start_ms, end_ms=clip.row.end_ms, threads=threads, fit=fit,
    )


def _write_tables(plan: Plan, shards: ShardList, directory: Path, *, rows: int) -> CorpusReport:
    """Write what has frames: a clip whose frames could not be made takes all its rows along."""
    without_frames = {failure.id: failure for failure in shards.failures}
    clips = [clip for clip in plan.clips if clip.row.clip_id not in without_frames]
    used = {clip.row.video_id for clip in clips}
    failures = plan.failures + [
        replace(without_frames[clip.row.clip_id], id=path)
        for clip in plan.clips if clip.row.clip_id in without_frames for path in clip.paths
    ]
    videos = write_table(
        directory / VIDEOS, (video for video in plan.videos.values() if video.video_id in used), VideoRow
    )
    write_table(directory / CLIPS, (clip.row for clip in clips), ClipRow)
    pairs = write_table(directory / PAIRS, (pair for clip in clips for pair in clip.pairs()), PairRow)
    return CorpusReport(
        rows=rows, kept=len(clips), merged=sum(len(clip.paths) - 1 for clip in clips), failed=len(failures),
        reasons=dict(sorted(Counter(failure.kind for failure in failures).items())), videos=videos, clips=len(clips),
        pairs=pairs, dropped_texts=plan.dropped_texts, failures=tuple(failures),
    )
