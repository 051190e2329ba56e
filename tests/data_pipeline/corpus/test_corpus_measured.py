"""Measured rows survive their tables: empty scores, lists, negative hashes and all."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_pipeline.corpus.measured import CandidateRow, MeasuredVideo, ScreenTextRow, SourceRow
from data_pipeline.corpus.tables import read_table, write_table

pytest.importorskip("pyarrow", reason="tables need pyarrow")


@pytest.mark.parametrize("row", [
    SourceRow(source_id="a", uri="/猫.mp4", captions=("猫", "狗"), caption_starts_ms=(0, -1), caption_ends_ms=(900, -1)),
    MeasuredVideo(source_id="a", shard="s", status="failed", error_kind="corrupt", error="It is cut off."),
    MeasuredVideo(source_id="a", shard="s", status="measured", duration_ms=3, keyframe_hashes=(1 << 62, -(1 << 63))),
    ScreenTextRow(
        video_id="v", track=0, start_ms=0, end_ms=1, looks=1, text="字", confidence=0.5, quad=(0.25,) * 8, area=0.5,
        role="scene",
    ),
    CandidateRow(
        pair_id="v_0000", video_id="v", source_id="a", shard="s", kind="title", start_ms=0, end_ms=1, text="猫",
        language="zh", characters=1, flags=("short",), relevance_mean=0.5,
    ),
])  # fmt: skip
def test_a_row_comes_back_as_it_was(row: SourceRow | MeasuredVideo | ScreenTextRow | CandidateRow, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_table(path, [row], type(row))
    assert list(read_table(path, type(row))) == [row]
