"""Sources of drawn samples for tests: cheap, the same in every process, some of them without a sample."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data_pipeline.corpus.errors import CorpusError
from data_pipeline.corpus.samples import Sample, SampleText
from data_pipeline.corpus.shards import write_shards

FRAMES = 3


def drawn_sample(name: str, *, number: int = 0, height: int = 24, width: int = 32) -> Sample:
    """Smooth pictures that tell samples and frames apart, and that JPEG keeps."""
    ramp = np.linspace(0, 60, width)[None, :, None]
    base = np.array([[40 + 13 * number % 120, 60 + 29 * number % 100, 20 + 41 * number % 140]])
    frames = [np.broadcast_to(ramp + base + 12 * frame, (height, width, 3)) for frame in range(FRAMES)]
    return Sample(
        id=name, video=f"video-{number // 2}", start_ms=100 * number, end_ms=100 * number + 900,
        times_ms=tuple(100 * number + 150 + 300 * frame for frame in range(FRAMES)),
        frames=np.stack(frames).astype(np.uint8),
        texts=(caption(f"第{number}只红色的猫"), caption(f"cat {number}", language="en")),
        split="test" if number % 5 == 4 else "train", decoder="drawn",
    )


def caption(text: str, *, language: str = "zh") -> SampleText:
    return SampleText(text=text, language=language, detail="full", kind="caption")


@dataclass(frozen=True)
class DrawnSource:
    """Draws when asked. fate: "" for a sample, "fails", "crashes" (takes its process down) or "breaks" (a fault)."""

    number: int
    fate: str = ""
    seconds: float = 0.0

    @property
    def id(self) -> str:
        return f"样本_{self.number:04d}"

    def fingerprint(self) -> str:
        return f"{self.number} {self.fate}"

    def sample(self, *, height: int, width: int) -> Sample:
        time.sleep(self.seconds)
        if self.fate == "fails":
            raise CorpusError("span", f"{self.id} has no span.")
        if self.fate == "crashes":
            os._exit(3)
        if self.fate == "breaks":
            raise ZeroDivisionError("a fault of the source")
        return drawn_sample(self.id, number=self.number)


def drawn_sources(count: int, **fates: int) -> list[DrawnSource]:
    """fates: `fails=3` makes number 3 fail."""
    of = {number: fate for fate, number in fates.items()}
    return [DrawnSource(number, of.get(number, "")) for number in range(count)]


if __name__ == "__main__":      # the run that a test kills: it halts within its third shard
    sources = drawn_sources(40, fails=7)
    sources[20] = replace(sources[20], seconds=600)
    write_shards(sources, Path(sys.argv[1]), rows_per_shard=8)
