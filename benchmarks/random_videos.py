"""Random videos, paths, evidence, clips and filters out of small pools, so that they meet again and again."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from benchmarks.library_model import Vectors
from retrieval.library import VideoFilter
from retrieval.records import EVIDENCE_KINDS, Clip, Evidence, Generation, Location, Video

GENERATIONS = [
    Generation(encoder="tower", revision=str(number), preprocessing="p", dimension=dimension)
    for number, dimension in enumerate((8, 8, 16))
]
WORDS = [
    *"的一是在人有我他这中国狗猫書书山水火愛爱😀", "iPhone15", "iph", "2024", "Straße", "ＡＢ", "プール",
    "\ud800", "\0", "'", '"*',
]  # fmt: skip


class Made:
    """Random arguments, of pools of `pool` videos and a few more paths."""

    def __init__(self, chance: random.Random, pool: int) -> None:
        self.chance, self.pool = chance, pool

    def video_id(self) -> str:
        number = self.chance.randrange(self.pool)
        prefix = "0123456789ab" if number % 10 == 0 else f"{number:012x}"[::-1]     # some share a long beginning
        return f"{prefix}{number:052x}"

    def path(self) -> str:
        number = self.chance.randrange(self.pool + self.pool // 5)
        return f"/videos/{number % 7}/片 {number}.mp4"

    def text(self, most: int = 12) -> str:
        return "".join(self.chance.choices(WORDS, k=self.chance.randint(0, most)))

    def note(self) -> str:
        """Text of the caller's, without what no database can keep."""
        return self.text(2).replace("\ud800", "?")

    def evidence(self) -> list[Evidence]:
        rows = []
        for _ in range(self.chance.choice((0, 1, 1, 2, 4))):
            start = self.chance.randrange(0, 5000, 500)
            rows.append(Evidence(
                kind=self.chance.choice(EVIDENCE_KINDS), text=self.text(), start_ms=start, end_ms=start + 900,
                source=self.chance.choice("ab"), confidence=self.chance.choice((None, 0.25, 1.0)),
                language=self.chance.choice((None, "zh")),
            ))  # fmt: skip
        return rows

    def location(self) -> Location:
        details = {"date": "2024-05-06", "n": [1, None, "二"]} if self.chance.random() < 0.3 else {}
        return Location(
            path=self.path(), size_bytes=self.chance.randrange(2), modified_ns=self.chance.randrange(2), details=details
        )

    def put(self) -> dict[str, Any]:
        generation = self.chance.choices([None, *GENERATIONS], (2, 5, 2, 1))[0]
        video = Video(
            id=self.video_id(), size_bytes=self.chance.randrange(9), duration_ms=self.chance.randrange(5000, 60000),
            width=640, height=360, frames_per_second=25.0, container="mp4", codec="h264",
            has_audio=self.chance.random() < 0.5, damage=self.chance.choice((None, None, None, "half of it")),
        )  # fmt: skip
        return {
            "video": video, "location": self.location(), "evidence": self.evidence(),
            "location_evidence": self.evidence(), "clips": self.clips(generation), "generation": generation,
            "examined": {"asr": self.note()} if self.chance.random() < 0.5 else {},
        }  # fmt: skip

    def clips(self, generation: Generation | None) -> list[Clip]:
        starts = sorted(self.chance.sample(range(0, 4000, 500), self.chance.randint(0, 4)))
        return [self._clip(start, generation) for start in starts]

    def _clip(self, start: int, generation: Generation | None) -> Clip:
        times = (start, start + 100)[: self.chance.randint(1, 2)]
        vector = frames = None
        if generation is not None:
            vector = self.unit(1, generation.dimension)[0] if self.chance.random() < 0.9 else None
            frames = self.unit(len(times), generation.dimension) if self.chance.random() < 0.7 else None
        return Clip(
            start_ms=start, end_ms=start + 450, keyframe_ms=start, frame_times_ms=times, vector=vector, frame_vectors=frames
        )

    def unit(self, count: int, dimension: int) -> Vectors:
        vectors = np.random.default_rng(self.chance.randrange(1 << 40)).standard_normal((count, dimension))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def where(self) -> VideoFilter | None:
        """None half of the time, else one or two conditions."""
        options: list[dict[str, Any]] = [
            {"paths": (f"/videos/{self.chance.randrange(8)}",)}, {"paths": ("*7.mp4", self.path())},
            {"tags": (self.text(1),)}, {"shortest_ms": self.chance.randrange(60000)},
            {"longest_ms": self.chance.randrange(60000)}, {"videos": frozenset(self.video_id() for _ in range(30))},
        ]  # fmt: skip
        if self.chance.random() < 0.5:
            return None
        chosen: dict[str, Any] = {}
        for option in self.chance.sample(options, self.chance.randint(1, 2)):
            chosen.update(option)
        if chosen.get("longest_ms", 1 << 60) < chosen.get("shortest_ms", 0):
            del chosen["longest_ms"]
        return VideoFilter(**chosen)
