"""What was measured, as columns: the candidates and the videos of all committed shards of a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_pipeline.building.measured_tables import committed, table_path
from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.measured import CandidateRow, MeasuredVideo, SpeechRow
from data_pipeline.corpus.tables import read_columns, require_pyarrow
from data_pipeline.selection.components import Indices
from data_pipeline.selection.near_videos import KeyframeHashes

_UNUSED = ("shard", "title_part", "speech_part", "screen_part", "keyframes")
CANDIDATE_COLUMNS = tuple(column.name for column in fields(CandidateRow) if column.name not in _UNUSED)
SPEECH_COLUMNS = ("video_id", "start_ms", "end_ms", "text")


@dataclass(frozen=True)
class Measured:
    """Pyarrow tables. candidates: `CANDIDATE_COLUMNS`; rows: all columns of MeasuredVideo, failed ones too; speech:
    `SPEECH_COLUMNS`.

    A video is a content: several rows can have the same. Videos are numbered by the first row that has them.
    """

    candidates: Any
    rows: Any
    speech: Any

    @cached_property
    def row_of_video(self) -> Indices:
        """The first row of each video."""
        firsts: dict[str, int] = {}
        for row, video in enumerate(self.rows["video_id"].to_pylist()):
            if video is not None and self._is_measured[row]:
                firsts.setdefault(video, row)
        return np.array(list(firsts.values()), np.int64)

    @cached_property
    def videos(self) -> Any:
        """The first row of each video, as a table."""
        return self.rows.take(self.row_of_video)

    @cached_property
    def video_of_row(self) -> Indices:
        """The video of each row, -1 for a failed one."""
        return np.where(self._is_measured, self.content_of_row, -1)

    @cached_property
    def content_of_row(self) -> Indices:
        """The video that has the content of each row, also where the row failed as a copy; -1 for none."""
        return numbers_in(self.rows["video_id"], self.videos["video_id"])

    @cached_property
    def row_of_candidate(self) -> Indices:
        return numbers_in(self.candidates["source_id"], self.rows["source_id"])

    @cached_property
    def video_of_candidate(self) -> Indices:
        return numbers_in(self.candidates["video_id"], self.videos["video_id"])

    @cached_property
    def _is_measured(self) -> NDArray[np.bool_]:
        return np.array([status == "measured" for status in self.rows["status"].to_pylist()], bool)

    def check(self) -> None:
        """Raise CorpusError (unreadable) where a row stands twice, or a candidate has no measured video."""
        for name, ids in (("source", self.rows["source_id"]), ("candidate", self.candidates["pair_id"])):
            if len(ids.unique()) != len(ids):
                raise CorpusError("unreadable", f"The measured tables hold a {name} twice: measure their shards again.")
        if (self.video_of_candidate < 0).any() or (self.row_of_candidate < 0).any():
            raise CorpusError("unreadable", "A candidate's video is not among the measured ones: measure its shard again.")

    def keyframe_hashes(self) -> KeyframeHashes:
        """Of every video."""
        import pyarrow.compute as pc

        lists = self.videos["keyframe_hashes"].combine_chunks()
        lengths = pc.list_value_length(lists).to_numpy().astype(np.int64)
        hashes = lists.flatten().to_numpy(zero_copy_only=False).astype(np.int64).view(np.uint64)
        durations = self.videos["duration_ms"].fill_null(0).to_numpy()
        return KeyframeHashes(hashes, np.cumsum(lengths) - lengths, lengths, durations)


def read_columns_of_shards(directory: Path) -> Measured:
    """All candidates and videos of a corpus. Raises CorpusError (unreadable), InputError without pyarrow."""
    pa, _ = require_pyarrow()
    shards = committed(directory)
    if not shards:
        raise CorpusError("unreadable", f"There is no committed shard in {directory}: build the corpus first.")
    wanted: tuple[tuple[type[Any], tuple[str, ...] | None], ...] = (
        (CandidateRow, CANDIDATE_COLUMNS), (MeasuredVideo, None), (SpeechRow, SPEECH_COLUMNS),
    )
    return Measured(*(
        pa.concat_tables(read_columns(table_path(shard, row_type), row_type, names) for shard in shards).combine_chunks()
        for row_type, names in wanted
    ))  # fmt: skip


def numbers_in(values: Any, known: Any) -> Indices:
    """For each value its place among the known ones, which differ; -1 for none."""
    import pyarrow.compute as pc

    known = known.combine_chunks() if hasattr(known, "combine_chunks") else known
    return pc.index_in(values, value_set=known).fill_null(-1).to_numpy().astype(np.int64)


def mask(values: Any, wanted: Sequence[str]) -> NDArray[np.bool_]:
    """Which of the values are among the wanted ones; null is not."""
    pa, _ = require_pyarrow()
    import pyarrow.compute as pc

    return pc.is_in(values, value_set=pa.array(list(wanted), pa.string())).to_numpy(zero_copy_only=False).astype(bool)
