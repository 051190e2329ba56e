"""A corpus on disk as a build leaves it, written row by row without a build."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_pipeline.building.measured_tables import TABLES, table_path
from data_pipeline.corpus.measured import CandidateRow, DecisionRow, MeasuredVideo
from data_pipeline.corpus.tables import write_table

Rows = Mapping[str, Sequence[Any]]


def write_shard(directory: Path, shard: str, rows: Rows) -> None:
    """Write the tables of a shard, absent ones empty, and commit it."""
    folder = directory / "measured" / shard
    folder.mkdir(parents=True)
    for name, row_type in TABLES.items():
        write_table(table_path(folder, row_type), rows.get(name, ()), row_type)
    videos = rows.get("videos", ())
    failed = [video for video in videos if video.status == "failed"]
    reasons: dict[str, int] = {}
    for video in failed:
        reasons[video.error_kind] = reasons.get(video.error_kind, 0) + 1
    commit = {
        "shard": shard, "version": 1, "directory": shard, "stages_key": "0" * 16, "rows": len(videos),
        "measured": len(videos) - len(failed), "failed": len(failed), "candidates": len(rows.get("candidates", ())),
        "reasons": reasons, "rows_sha256": "0" * 64,
    }  # fmt: skip
    with (directory / "measured" / "commits.jsonl").open("a") as log:
        log.write(json.dumps(commit) + "\n")


def write_decisions(
    directory: Path, rows: Iterable[DecisionRow], *, score: str = "relevance_top3", threshold: float | None = None,
    level: str = "pair", ladder: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write what a selection decided, and last how it did, as a selection does."""
    write_table(directory / "decisions.parquet", rows, DecisionRow)
    account = {"settings": {"score": score, "level": level}, "threshold": threshold, "ladder": list(ladder)}
    (directory / "accounts.json").write_text(json.dumps(account), encoding="utf-8")


def video(number: int, **facts: Any) -> MeasuredVideo:
    """A measured video of 12 s whose id is its number."""
    usual: dict[str, Any] = {
        "source_id": f"{number:032x}", "shard": "00000", "status": "measured", "video_id": f"{number:064x}",
        "path": f"/films/{number}.mp4", "file_bytes": 1000, "container": "mp4", "video_codec": "h264", "width": 320,
        "height": 180, "rotation": 0, "duration_ms": 12_000, "frames_per_second": 8.0, "has_audio": True, "shots": 1,
    }  # fmt: skip
    return MeasuredVideo(**usual | facts)


def candidate(number: int, text: str, *, position: int = 0, **facts: Any) -> CandidateRow:
    """A candidate of the video of this number."""
    usual: dict[str, Any] = {
        "pair_id": f"{number:016x}_{position:04d}", "video_id": f"{number:064x}", "source_id": f"{number:032x}",
        "shard": "00000", "kind": "title", "start_ms": 0, "end_ms": 12_000, "text": text, "language": "zh",
        "characters": len(text),
    }  # fmt: skip
    return CandidateRow(**usual | facts)


def decision(row: CandidateRow, reason: str = "", split: str = "train") -> DecisionRow:
    """Kept without a reason, else rejected for it."""
    return DecisionRow(
        pair_id=row.pair_id, keep=not reason, reason=reason, split="" if reason else split, text_cluster=row.pair_id,
        video_cluster=row.video_id,
    )
