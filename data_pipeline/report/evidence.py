"""What was seen and heard in the videos, and what each stage cost: counts of the larger tables, column by column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipeline.building.measured_tables import committed, table_path
from data_pipeline.corpus.measured import AudioSpanRow, KeyframeRow, ScreenTextRow, ShotRow, SpeechRow, StageRow
from data_pipeline.corpus.tables import Row, read_table


@dataclass(frozen=True, kw_only=True)
class _Shot:
    shot: int


@dataclass(frozen=True, kw_only=True)
class _Keyframe:
    dropped: str | None


@dataclass(frozen=True, kw_only=True)
class _Audio:
    start_ms: int
    end_ms: int
    label: str
    engine: str


@dataclass(frozen=True, kw_only=True)
class _Speech:
    text: str
    flags: tuple[str, ...]
    engine: str


@dataclass(frozen=True, kw_only=True)
class _Screen:
    role: str
    repeats_speech: int | None
    engine: str


@dataclass(frozen=True, kw_only=True)
class _Stage:
    stage: str
    version: str
    model_digest: str
    cached: bool
    cpu_ms: int
    wall_ms: int


def columns(directory: Path, row_type: type[Any], part: type[Row]) -> Iterator[Row]:
    """Some columns, those that `part` names, of a table of all committed shards, in order. Raises as `read_table`."""
    for shard in committed(directory):
        yield from read_table(table_path(shard, row_type), part)


def evidence_summary(directory: Path) -> dict[str, Any]:
    """Shots, keyframes, sound, speech and on-screen text, ready for JSON. Raises CorpusError (unreadable)."""
    keyframes = Counter(row.dropped or "kept" for row in columns(directory, KeyframeRow, _Keyframe))
    return {
        "shots": sum(1 for _ in columns(directory, ShotRow, _Shot)), "keyframes": dict(keyframes.most_common()),
        "audio": _audio(directory), "speech": _speech(directory), "screen": _screen(directory),
    }  # fmt: skip


def stage_summary(directory: Path) -> list[dict[str, Any]]:
    """What each stage cost over all videos, in the order in which stages were first met. Raises CorpusError (unreadable)."""
    found: dict[str, Counter[str]] = {}
    versions: dict[str, set[str]] = {}
    for row in columns(directory, StageRow, _Stage):
        counts = found.setdefault(row.stage, Counter())
        counts.update({"videos": 1, "cached": row.cached})
        if not row.cached:
            counts.update({"cpu_ms": row.cpu_ms, "wall_ms": row.wall_ms})
        versions.setdefault(row.stage, set()).add(f"{row.version} {row.model_digest[:12]}".strip())
    return [
        {
            "stage": stage, "videos": counts["videos"], "cached": counts["cached"], "cpu_ms": counts["cpu_ms"],
            "wall_ms": counts["wall_ms"], "versions": sorted(versions[stage]),
        }
        for stage, counts in found.items()
    ]  # fmt: skip


def _audio(directory: Path) -> dict[str, Any]:
    lengths: Counter[str] = Counter()
    engines: Counter[str] = Counter()
    for row in columns(directory, AudioSpanRow, _Audio):
        lengths[row.label] += row.end_ms - row.start_ms
        engines[row.engine] += 1
    return {"ms": dict(lengths.most_common()), "engines": dict(engines.most_common())}


def _speech(directory: Path) -> dict[str, Any]:
    flags: Counter[str] = Counter()
    engines: Counter[str] = Counter()
    segments = clean = characters = 0
    for row in columns(directory, SpeechRow, _Speech):
        segments += 1
        clean += not row.flags
        characters += len(row.text)
        flags.update(set(row.flags))
        engines[row.engine] += 1
    return {
        "segments": segments, "clean": clean, "characters": characters, "flags": dict(flags.most_common()),
        "engines": dict(engines.most_common()),
    }  # fmt: skip


def _screen(directory: Path) -> dict[str, Any]:
    roles: Counter[str] = Counter()
    engines: Counter[str] = Counter()
    repeats = 0
    for row in columns(directory, ScreenTextRow, _Screen):
        roles[row.role] += 1
        engines[row.engine] += 1
        repeats += row.repeats_speech is not None
    return {"lines": roles.total(), "roles": dict(roles.most_common()), "repeats_speech": repeats, "engines": dict(engines)}
