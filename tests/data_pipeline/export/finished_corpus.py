"""Small finished corpora of real videos, and every text that a directory holds, whatever it is packed in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow.parquet as pq

from data_pipeline.corpus.files import write_json
from data_pipeline.corpus.rows import ClipRow, PairRow, VideoRow
from data_pipeline.corpus.tables import CLIPS, PAIRS, VIDEOS, write_table
from tests.videos import write_video

LICENCES = ("CC-BY-4.0", "CC-BY-NC-4.0", "CC0-1.0", None)
SPLITS = ("train", "train", "validation", "train")


def title_of(number: int) -> str:
    return f"第{number}个秘密标题"


def video_id_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_videos(folder: Path, count: int = 4) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    return [write_video(folder / f"{title_of(n)}.mp4", seconds=1, seed=n, frames_per_second=5) for n in range(count)]


def write_finished(corpus: Path, paths: list[Path]) -> list[VideoRow]:
    """Two clips a video, with a title for the whole and a line for its first half."""
    corpus.mkdir(parents=True, exist_ok=True)
    videos = [_video(path, number) for number, path in enumerate(paths)]
    clips, pairs = [], []
    for number, video in enumerate(videos):
        for place, (end_ms, kind, text) in enumerate([(1000, "title", title_of(number)), (500, "asr", f"台词{number}")]):
            clip = f"{video.video_id[:16]}_{place:04d}"
            clips.append(ClipRow(clip_id=clip, video_id=video.video_id, start_ms=0, end_ms=end_ms, split=video.split))
            pairs.append(PairRow(
                pair_id=f"{clip}_000", clip_id=clip, text=text, language="zh", kind=kind, detail=None, split=video.split,
                source="manifest", relevance_top3=0.25 + number / 100,
            ))  # fmt: skip
    write_table(corpus / VIDEOS, videos, VideoRow)
    write_table(corpus / CLIPS, clips, ClipRow)
    write_table(corpus / PAIRS, pairs, PairRow)
    write_json(corpus / "corpus.json", {"settings": {"relevance": {"model": "m"}}, "salt": "5a17"})
    return videos


def _video(path: Path, number: int) -> VideoRow:
    return VideoRow(
        video_id=video_id_of(path), path=str(path), file_bytes=path.stat().st_size, container="mp4", video_codec="h264",
        audio_codec=None, width=96, height=64, rotation=0, duration_ms=1000, frames_per_second=5.0, has_audio=False,
        split=SPLITS[number % 4], license_code=LICENCES[number % 4], title=title_of(number),
        source_uri=None if number else "https://example.org/0",
    )  # fmt: skip


def everything_in(*folders: Path) -> bytes:
    """Every name and every byte below these folders; tables as their cells, for they are compressed."""
    parts = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            parts.append(str(path.relative_to(folder)).encode())
            if path.is_file() and path.suffix == ".parquet":
                parts.append(str(pq.read_table(path).to_pylist()).encode())
            if path.is_file():
                parts.append(path.read_bytes())
    return b"\n".join(parts)
