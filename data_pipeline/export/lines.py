"""JSON lines: one pair a line, with its span, its video and its scores."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path

from data_pipeline.corpus.files import disk_errors, whole_file
from data_pipeline.corpus.rows import ClipRow, PairRow, VideoRow
from data_pipeline.export.chosen import Chosen

LINES = "pairs.jsonl"
_SCORES = tuple(field.name for field in fields(PairRow) if field.name.startswith(("relevance_", "masked_")))


def write_lines(chosen: Chosen, directory: Path) -> None:
    """Write `pairs.jsonl`. Raises CorpusError (write, unreadable)."""
    with whole_file(directory / LINES) as file:
        for pair, clip, video in chosen.pairs():
            file.write((json.dumps(_line(pair, clip, video), ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))


def forget_lines(directory: Path, video_ids: Collection[str]) -> None:
    """Take the pairs of these videos out. Raises CorpusError (write)."""
    path = directory / LINES
    with disk_errors(path), path.open("rb") as lines, whole_file(path) as file:
        for line in lines:
            if json.loads(line)["video_id"] not in video_ids:
                file.write(line)


def _line(pair: PairRow, clip: ClipRow, video: VideoRow) -> dict[str, object]:
    return {
        "pair_id": pair.pair_id, "video_id": video.video_id, "file": video.path, "source_uri": video.source_uri,
        "start_ms": clip.start_ms, "end_ms": clip.end_ms, "text": pair.text, "language": pair.language, "kind": pair.kind,
        "split": pair.split, "license": video.license_code, "category": video.category, "topics": list(video.topics),
        **{name: getattr(pair, name) for name in _SCORES},
    }  # fmt: skip
