"""Any benchmark as JSON lines: videos with their texts, or queries with graded judgements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retrieval.errors import InputError
from retrieval.evaluation.benchmarks.benchmark import Benchmark, BenchmarkQuery, BenchmarkVideo
from retrieval.evaluation.benchmarks.files import VIDEO_SUFFIXES, locate_videos, read_json_lines


def read_json_lines_benchmark(file: Path, *, videos: Path | None = None, protocol: str | None = None) -> Benchmark:
    """A benchmark from rows of three kinds, which may be mixed.

    {"video": path or id, "texts": [...]} or {"video": ..., "text": ...}: each text asks for this video; the same text for
    several videos is one query that all of them answer. {"video": ...} alone: a video that nothing asks for.
    {"text": ..., "relevant": {video: grade}, [video, ...] or video}: a judged query. When any row has a video, judgements may
    name no other. A video named by a path (relative to the file) has this path; an id is looked for in `videos`, by
    default the file's folder. protocol: its name, by default that of the file. Raises InputError that names the line.
    """
    rows = _Rows()
    for line, row in read_json_lines(file):
        try:
            rows.take(row)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{file}, line {line}, is neither a video with texts nor a judged query: {error}."
            ) from error
    named = rows.videos or list(dict.fromkeys(video for _, relevant in rows.judged for video in relevant))
    folder = videos or file.parent
    return Benchmark(
        protocol=protocol or file.stem,
        videos=_located(named, file.parent, folder),
        queries=tuple(
            BenchmarkQuery(id=str(number), text=text, relevant=relevant)
            for number, (text, relevant) in enumerate(rows.queries())
        ),
    )


@dataclass
class _Rows:
    videos: list[str] = field(default_factory=list)
    asked: dict[str, dict[str, float]] = field(default_factory=dict)
    judged: list[tuple[str, dict[str, float]]] = field(default_factory=list)

    def take(self, row: Any) -> None:
        if not isinstance(row, Mapping):
            raise TypeError("it is not an object")
        if "video" in row:
            self._take_video(_text(row["video"]), row)
        elif "text" in row and "relevant" in row:
            relevant = row["relevant"]
            relevant = [relevant] if isinstance(relevant, str) else relevant
            grades = relevant if isinstance(relevant, Mapping) else dict.fromkeys(relevant, 1.0)
            self.judged.append((_text(row["text"]), {_text(video): float(grade) for video, grade in grades.items()}))
        else:
            raise ValueError("it has no video, and not both text and relevant")

    def queries(self) -> list[tuple[str, dict[str, float]]]:
        return [*self.asked.items(), *self.judged]

    def _take_video(self, video: str, row: Mapping[str, Any]) -> None:
        texts = row.get("texts", [row["text"]] if "text" in row else [])
        if isinstance(texts, str):
            raise TypeError("texts is one text, not a list")
        if video not in self.videos[-1:]:
            self.videos.append(video)
        for text in texts:
            self.asked.setdefault(_text(text), {})[video] = 1.0


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} is not a text")
    return value


def _located(names: list[str], beside: Path, folder: Path) -> tuple[BenchmarkVideo, ...]:
    unique = list(dict.fromkeys(names))
    ids = [name for name in unique if Path(name).suffix.lower() not in VIDEO_SUFFIXES]
    found = {video.id: video.path for video in locate_videos(ids, folder)}
    for name in unique:
        if name not in found:
            path = beside / name
            found[name] = path if path.is_file() else None
    return tuple(BenchmarkVideo(id=name, path=found[name]) for name in unique)
