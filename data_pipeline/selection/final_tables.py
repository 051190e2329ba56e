"""The tables that training reads: videos, clips and pairs of what was kept."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from data_pipeline.corpus.rows import ClipRow, PairRow, VideoRow
from data_pipeline.corpus.tables import require_pyarrow
from data_pipeline.selection.columns import Measured
from data_pipeline.selection.components import Indices
from data_pipeline.selection.deciding import Selection


def final_tables(measured: Measured, selection: Selection) -> dict[type, Any]:
    """pyarrow tables with the columns of VideoRow, ClipRow and PairRow, in order of what was measured.

    A clip is numbered among all spans of its video's candidates, so that it has its name at every threshold. A video's facts
    are those of the first row of which something is kept.
    """
    pa, _ = require_pyarrow()
    kept = np.flatnonzero(selection.places < 0)
    candidates, videos = measured.candidates.take(kept), measured.video_of_candidate[kept]
    numbers = _clip_numbers(measured)[kept]
    ids = [video[:16] for video in measured.videos["video_id"].to_pylist()]
    clip_ids = pa.array([f"{ids[video]}_{number:04d}" for video, number in zip(videos.tolist(), numbers.tolist(), strict=True)])
    splits = pa.array(selection.splits, pa.string()).take(pa.array(videos))
    pairs = _like(PairRow, candidates, clip_id=clip_ids, split=splits)
    firsts = _firsts(videos, numbers)
    clips = _like(ClipRow, candidates.take(firsts), clip_id=clip_ids.take(firsts), split=splits.take(firsts))
    return {VideoRow: _videos(measured, selection, kept), ClipRow: clips, PairRow: pairs}


def _videos(measured: Measured, selection: Selection, kept: Indices) -> Any:
    pa, _ = require_pyarrow()
    used, first = np.unique(measured.video_of_candidate[kept], return_index=True)
    rows = measured.rows.take(measured.row_of_candidate[kept[first]])
    return _like(VideoRow, rows, split=pa.array(selection.splits, pa.string()).take(pa.array(used)))


def _like(row_type: type, columns: Any, **others: Any) -> Any:
    """A table with the columns of `row_type`, from `others` or else `columns`; what neither has is null."""
    pa, _ = require_pyarrow()
    names = [column.name for column in fields(row_type)]
    empty = pa.nulls(columns.num_rows)
    return pa.table({
        name: others[name] if name in others else columns[name] if name in columns.column_names else empty for name in names
    })  # fmt: skip


def _clip_numbers(measured: Measured) -> Indices:
    """The number of each candidate's span among the different spans of its video, in order of time."""
    videos = measured.video_of_candidate
    starts, ends = (measured.candidates[name].to_numpy() for name in ("start_ms", "end_ms"))
    order = np.lexsort((ends, starts, videos))
    videos, starts, ends = videos[order], starts[order], ends[order]
    new = np.ones(len(order), np.int64)
    new[1:] = (videos[1:] != videos[:-1]) | (starts[1:] != starts[:-1]) | (ends[1:] != ends[:-1])
    running = np.cumsum(new)
    first = np.ones(len(order), bool)
    first[1:] = videos[1:] != videos[:-1]
    numbers = np.empty(len(order), np.int64)
    numbers[order] = running - running[first][np.cumsum(first) - 1]
    return numbers


def _firsts(videos: Indices, numbers: Indices) -> Indices:
    """The place of the first pair of every clip, clips in order of videos and time."""
    return np.unique(videos * (int(numbers.max(initial=0)) + 1) + numbers, return_index=True)[1]
