"""A whole search, without the text encoder, over a library of a million clips and five channels: p50, p99, each stage.

    python -m benchmarks.library_search [--clips 1000000] [--library DIR] [--queries 500]

Writes the library through `Library.put` (title, speech, on-screen text, subtitles, clip and frame vectors), folds it, and
asks it with queries cut from its own lines of speech and a vector beside the clusters, as the vector of a text is. One
client, one thread. A library that is already in DIR is used as it is. Target: p50 <= 12 ms; exit status 1 when it is missed.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.library_words import LENGTHS, texts
from benchmarks.targets import judged
from retrieval.encoders import TextVectors
from retrieval.library import Library
from retrieval.model.settings import InteractionSettings
from retrieval.records import Clip, Evidence, Generation, Location, Video
from retrieval.search import SearchEngine

DIMENSION, CLIPS_OF_A_VIDEO, CLIP_MS = 512, 20, 5000
TARGETS = {"p50 ms": ("<=", 12.0)}
_TOPICS = 5000
_LINE_SEEDS = {kind: seed for seed, kind in enumerate(kind for kind in LENGTHS if kind != "title")}
_ASKED_FROM = 20_000                # of the first lines of speech
_STAGES = (
    "search_clips", "search_words", "document_frequency", "frame_vectors", "glimpses", "clip_vectors", "videos", "titles",
    "generation",
)  # fmt: skip


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def topics(seed: int = 0) -> NDArray[np.float32]:
    """Centres that clips lie around: 64 directions mixed, as in the vectors of real pictures."""
    random = np.random.default_rng(seed)
    basis = random.standard_normal((64, DIMENSION), dtype=np.float32)
    return unit(random.standard_normal((_TOPICS, 64), dtype=np.float32) @ basis)


class MadeEncoder:
    """A text encoder that costs nothing: its vectors lie between two topics and beside all clips."""

    interaction = InteractionSettings()
    generation = Generation(encoder="made", revision="1", preprocessing="none", dimension=DIMENSION)
    dimension, context_length = DIMENSION, 52

    def __init__(self) -> None:
        self._topics = topics()
        self._beside = unit(np.random.default_rng(9).standard_normal(DIMENSION, dtype=np.float32))

    def encode_texts(self, texts: Sequence[str]) -> TextVectors:
        pooled = unit(np.stack([self._vector(text) for text in texts]))
        words = np.repeat(pooled[:, None], 8, axis=1)
        return TextVectors(
            pooled=pooled, words=words, mask=np.ones(words.shape[:2], np.bool_), pieces=[[]] * len(texts),
            unread=[0] * len(texts), windows=[1] * len(texts),
        )  # fmt: skip

    def _vector(self, text: str) -> NDArray[np.float32]:
        random = np.random.default_rng(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little"))
        one, other = self._topics[random.integers(_TOPICS, size=2)]
        return one + 0.5 * other + 0.7 * self._beside + 0.02 * random.standard_normal(DIMENSION, dtype=np.float32)


def write_library(library: Library, *, clips: int, frames: int, seed: int = 1, alike: bool = False) -> None:
    """Put so many clips, 20 a video; every clip has a line of each kind but the title. Other seeds give other videos.

    alike: the clips of a video lie around one topic, else each around one of its own.
    """
    random, centres = np.random.default_rng(seed), topics()
    lines = {kind: texts(kind, rows=clips, seed=of_kind) for kind, of_kind in _LINE_SEEDS.items()}
    titles = texts("title", rows=clips // CLIPS_OF_A_VIDEO, seed=99)
    videos = clips // CLIPS_OF_A_VIDEO
    for number in range(videos):
        _put(library, f"{seed}-{number}", random, centres, frames=frames, title=next(titles), lines=lines, alike=alike)


def _put(
    library: Library, name: str, random: np.random.Generator, centres: NDArray[np.float32], *, frames: int, title: str,
    lines: dict[Any, Iterator[str]], alike: bool,
) -> None:
    own = centres[random.integers(_TOPICS, size=1 if alike else CLIPS_OF_A_VIDEO)]
    noise = random.standard_normal((CLIPS_OF_A_VIDEO, frames, DIMENSION), dtype=np.float32)
    vectors = unit(own[:, None] + 0.05 * noise)
    spans = [(i * CLIP_MS, (i + 1) * CLIP_MS) for i in range(CLIPS_OF_A_VIDEO)]
    clips = [
        Clip(
            start_ms=start, end_ms=end, keyframe_ms=start, vector=unit(vectors[i].mean(axis=0)), frame_vectors=vectors[i],
            frame_times_ms=tuple(start + CLIP_MS * k // frames for k in range(frames)),
        )
        for i, (start, end) in enumerate(spans)
    ]  # fmt: skip
    evidence = [
        Evidence(kind=kind, text=next(of_kind), start_ms=start, end_ms=end, source="made")
        for kind, of_kind in lines.items()
        for start, end in spans
    ]
    video = Video(
        id=hashlib.sha256(name.encode()).hexdigest(), size_bytes=1, duration_ms=spans[-1][1], width=320, height=180,
        frames_per_second=25.0, container="mp4", codec="h264", has_audio=True,
    )  # fmt: skip
    library.put(
        video, Location(path=f"/videos/{name}.mp4", size_bytes=1, modified_ns=1), evidence=evidence,
        location_evidence=[Evidence(kind="title", text=title, start_ms=0, end_ms=spans[-1][1], source="manifest")],
        clips=clips, generation=MadeEncoder.generation, examined={},
    )  # fmt: skip


def queries(clips: int, count: int) -> list[str]:
    """Pieces of 2 to 8 characters of what is said in the library, and a tenth that nobody wrote.

    clips: as many as the library was written with, else they are pieces of other texts; from 50,000 on all numbers are alike.
    """
    random = np.random.default_rng(5)
    drawn = list(islice(texts("asr", rows=clips, seed=_LINE_SEEDS["asr"]), _ASKED_FROM))
    asked = []
    for text in random.choice(np.array(drawn), count):
        length = int(random.integers(2, 9))
        start = int(random.integers(max(1, len(text) - length)))
        asked.append(text[start : start + length].strip() or text)
    asked[::10] = ["鬯鬵" + "龘靐"[: i % 3] for i in range(len(asked[::10]))]
    return asked


class Stopwatch:
    """Adds up what each reading method of a library takes during one search."""

    def __init__(self, library: Library) -> None:
        self.milliseconds: dict[str, list[float]] = defaultdict(list)
        self._now: dict[str, float] = {}
        for name in _STAGES:
            setattr(library, name, self._timed(name, getattr(library, name)))

    def _timed(self, name: str, method: Any) -> Any:
        @functools.wraps(method)
        def timed(*args: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return method(*args, **options)
            finally:
                self._now[name] = self._now.get(name, 0.0) + 1000 * (time.perf_counter() - began)

        return timed

    def end(self, total: float) -> None:
        """Take down one search of so many milliseconds."""
        for name in _STAGES:
            self.milliseconds[name].append(self._now.get(name, 0.0))
        self.milliseconds["scoring, fusion, ranking"].append(total - sum(self._now.values()))
        self.milliseconds["whole search"].append(total)
        self._now.clear()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1_000_000)
    parser.add_argument("--frames", type=int, default=4, help="frame vectors a clip")
    parser.add_argument("--library", type=Path, help="keep the library here, or use the one that is here")
    parser.add_argument("--queries", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = options.library or Path(temporary) / "library"
        if not directory.exists():
            began = time.perf_counter()
            with Library.open(directory, write=True, create=True) as library:
                write_library(library, clips=options.clips, frames=options.frames)
                written = time.perf_counter()
                library.compact()
            print(
                f"written in {written - began:.0f} s ({options.clips / (written - began):.0f} clips/s), "
                f"folded in {time.perf_counter() - written:.0f} s"
            )
        return 0 if measure(directory, clips=options.clips, count=options.queries) else 1


def measure(directory: Path, *, clips: int, count: int) -> bool:
    """Print how long opening, the first search and every stage of the others take; whether the target is met."""
    import faiss
    import psutil
    import torch

    faiss.omp_set_num_threads(1)
    torch.set_num_threads(1)
    began = time.perf_counter()
    with Library.open(directory) as library:
        watch = Stopwatch(library)
        engine = SearchEngine(library, encoder=MadeEncoder())
        asked = queries(clips, count + 20)
        opened = time.perf_counter()
        engine.search(asked[0])
        print(f"opened in {opened - began:.2f} s, first search {time.perf_counter() - opened:.2f} s")
        for number, text in enumerate(asked):
            start = time.perf_counter()
            engine.search(text)
            if number >= 20:
                watch.end(1000 * (time.perf_counter() - start))
            else:
                watch.end(0.0)
        memory = psutil.Process().memory_info()
    for name, values in watch.milliseconds.items():
        p50, p99 = np.percentile(values[20:], [50, 99])
        print(f"  {name:26} p50 {p50:7.2f} ms  p99 {p99:7.2f} ms")
    whole = float(np.median(watch.milliseconds["whole search"][20:]))
    print(f"resident memory {memory.rss / 1e6:.0f} MB")
    return judged({"p50 ms": whole}, TARGETS)


if __name__ == "__main__":
    sys.exit(main())
