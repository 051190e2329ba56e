"""Made-up videos for the tests of the library."""

from __future__ import annotations

import hashlib
import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.library import Library
from retrieval.records import Clip, Evidence, EvidenceKind, Generation, Location, Video

DIMENSION = 32
GENERATION = Generation(encoder="tower", revision="1", preprocessing="p", dimension=DIMENSION)
OTHER_GENERATION = Generation(encoder="tower", revision="2", preprocessing="p", dimension=16)

ALPHABET = "的的的的一一一是是我们在有人这中国狗猫书山水火"      # of `random_lines`; the first ones stand in most lines


def video_id(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def video(name: object, **facts: Any) -> Video:
    defaults = {
        "id": video_id(name), "size_bytes": 1000, "duration_ms": 100_000, "width": 640, "height": 360,
        "frames_per_second": 25.0, "container": "mp4", "codec": "h264", "has_audio": True,
    }  # fmt: skip
    return Video(**{**defaults, **facts})


def location(path: str, *, modified_ns: int = 7, **details: Any) -> Location:
    return Location(path=path, size_bytes=1000, modified_ns=modified_ns, details=details)


def evidence(kind: EvidenceKind, text: str, *, start_ms: int = 0, end_ms: int = 1000, source: str = "test") -> Evidence:
    return Evidence(kind=kind, text=text, start_ms=start_ms, end_ms=end_ms, source=source, confidence=0.5)


def unit(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal(shape)
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def clips(count: int = 2, *, seed: int = 0, dimension: int = DIMENSION) -> list[Clip]:
    return [
        Clip(
            start_ms=i * 5000, end_ms=(i + 1) * 5000, keyframe_ms=i * 5000 + 2000,
            frame_times_ms=(i * 5000, i * 5000 + 2000, i * 5000 + 4000),
            vector=unit(dimension, seed=1000 * seed + i), frame_vectors=unit(3, dimension, seed=1000 * seed + 500 + i),
        )
        for i in range(count)
    ]  # fmt: skip


def put(library: Library, name: object, path: str | None = None, **changes: Any) -> str:
    """Put a video with two clips and a title; `changes` replace arguments of `Library.put`."""
    arguments: dict[str, Any] = {
        "evidence": [], "location_evidence": [evidence("title", f"标题 {name}")],
        "clips": clips(seed=int(video_id(name)[:6], 16)), "generation": GENERATION, "examined": {"visual": "tower"},
    }  # fmt: skip
    library.put(video(name), location(path or f"/videos/{name}.mp4"), **{**arguments, **changes})
    return video_id(name)


def random_lines(seed: int, count: int, *, shortest: int, endings: Sequence[str]) -> list[str]:
    """Lines of `shortest` to 20 characters, each with one of the endings."""
    generator = random.Random(seed)
    texts = ["".join(generator.choices(ALPHABET, k=generator.randint(shortest, 20))) for _ in range(count)]
    return [text + generator.choice(endings) for text in texts]


def put_lines(library: Library, number: int, texts: Sequence[str]) -> None:
    """A video of which so many lines were spoken, and nothing else is known."""
    lines = [Evidence(kind="asr", text=text, start_ms=0, end_ms=9, source="t") for text in texts]
    library.put(
        video(number, id=f"{number:064x}"), location(f"/v/{number}.mp4"), evidence=lines, location_evidence=[], clips=[],
        generation=None, examined={},
    )  # fmt: skip


def frame_file(directory: Path) -> Path:
    return next((directory / "frames").glob("*.vectors"))


def change_cell(directory: Path, sql: str) -> None:
    """Change a cell as a flipped byte would: no trigger runs."""
    db = sqlite3.connect(directory / "library.sqlite")
    triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    db.execute(sql)
    for _, text in triggers:
        db.execute(text)
    db.commit()
    db.close()
