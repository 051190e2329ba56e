"""A small measured corpus: shards with videos and candidates as a build commits them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from pathlib import Path
from typing import Any

from data_pipeline.building.commits import MEASURED, Commit, append_commit
from data_pipeline.building.measured_tables import table_path
from data_pipeline.corpus.measured import CandidateRow, MeasuredVideo, SpeechRow
from data_pipeline.corpus.tables import write_table


def video_id(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def source_id(name: str) -> str:
    return hashlib.sha256(f"source of {name}".encode()).hexdigest()[:32]


def video(name: str, **facts: Any) -> MeasuredVideo:
    """A measured video that differs from every other; `content` names what two sources share."""
    content = facts.pop("content", name)
    return MeasuredVideo(**{
        "source_id": source_id(name), "shard": "shard-0", "status": "measured", "video_id": video_id(content),
        "path": f"/{name}.mp4", "file_bytes": 9, "container": "mp4", "video_codec": "h264", "width": 640, "height": 360,
        "rotation": 0, "duration_ms": 30_000, "frames_per_second": 25.0, "has_audio": True, **facts,
    })  # fmt: skip


def failed(name: str, kind: str = "corrupt", shard: str = "shard-0") -> MeasuredVideo:
    return MeasuredVideo(source_id=source_id(name), shard=shard, status="failed", error_stage="look", error_kind=kind)


def candidate(of: str, text: str, **facts: Any) -> CandidateRow:
    """A candidate of a video; its text is also its number."""
    content = facts.pop("content", of)
    number = hashlib.sha256(f"{of}|{text}|{facts.get('kind')}|{facts.get('start_ms')}".encode()).hexdigest()[:8]
    return CandidateRow(**{
        "pair_id": f"{video_id(content)[:16]}_{number}", "video_id": video_id(content), "source_id": source_id(of),
        "shard": "shard-0", "kind": "asr", "start_ms": 0, "end_ms": 6000, "text": text, "language": "zh",
        "characters": len(text), "keyframes": 3, **facts,
    })  # fmt: skip


def segment(of: str, text: str, start_ms: int = 0, end_ms: int = 2000) -> SpeechRow:
    return SpeechRow(
        video_id=video_id(of), segment=0, start_ms=start_ms, end_ms=end_ms, text=text, language="zh", average_logprob=None,
        no_speech=None, compression=None, voice_share=None, music_share=None, singing_share=None, flags=(), engine="e",
        model_digest="d",
    )


def write_measured(
    directory: Path, videos: list[MeasuredVideo], candidates: list[CandidateRow], speech: list[SpeechRow] | None = None
) -> Path:
    """Commit the rows, each in the shard that it names."""
    shard_of = {row.source_id: row.shard for row in videos}
    shards: dict[str, list[MeasuredVideo]] = defaultdict(list)
    for row in videos:
        shards[row.shard].append(row)
    for shard, rows in sorted(shards.items()):
        path = directory / MEASURED / shard
        path.mkdir(parents=True)
        own = [row for row in candidates if shard_of.get(row.source_id) == shard]
        write_table(table_path(path, MeasuredVideo), rows, MeasuredVideo)
        write_table(table_path(path, CandidateRow), own, CandidateRow)
        contents = {row.video_id for row in rows}
        write_table(table_path(path, SpeechRow), [row for row in speech or [] if row.video_id in contents], SpeechRow)
        failures = [row for row in rows if row.status == "failed"]
        reasons = {kind: sum(row.error_kind == kind for row in failures) for kind in {row.error_kind for row in failures}}
        append_commit(directory, Commit(
            shard=shard, version=1, directory=shard, stages_key="t", rows=len(rows), measured=len(rows) - len(failures),
            failed=len(failures), candidates=len(own), reasons={str(kind): count for kind, count in reasons.items()},
        ))  # fmt: skip
    return directory
