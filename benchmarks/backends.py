"""How long the embedded engine, a Qdrant folder and a Milvus Lite file take for the same searches of one library.

    python -m benchmarks.backends [--clips 50000] [--queries 40] [--store qdrant:URL ...]

Needs the extras `qdrant` and `milvus`. A library of made-up clip vectors (512 numbers, 20 clips a video) is written and
pushed to each store; then every query is asked of each in turn, in one run and on one thread, through
`Library.search_clips`, so that looking over the answer is part of the time. CPU time of this process counts, for the local
stores run in it; for a server of --store the clock does, which is printed too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.library_search import CLIPS_OF_A_VIDEO, MadeEncoder, queries, topics, unit
from retrieval.library import Library, VideoFilter
from retrieval.library.backends import open_store
from retrieval.records import Clip, Location, Video

DEPTH = 100
EMBEDDED = "embedded"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--store", action="append", default=[], help="ask this one too, such as qdrant:http://host:6333")
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(1)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name) / "library"
        with Library.open(directory, write=True, create=True) as library:
            centres = topics()
            for number in range(arguments.clips // CLIPS_OF_A_VIDEO):
                put(library, number, centres)
            library.compact()
        stores = [f"qdrant:{name}/qdrant", f"milvus:{name}/milvus.db", *arguments.store]
        libraries = {EMBEDDED: stack.enter_context(Library.open(directory))}
        for address in stores:
            libraries[address.replace(name, "")] = stack.enter_context(pushed(directory, address))
        ids = libraries[EMBEDDED].video_ids()
        compare("all videos", libraries, arguments, None)
        compare("1 video of 10, by id", libraries, arguments, VideoFilter(videos=frozenset(ids[::10])))
        compare("9 videos of 10, by id", libraries, arguments, VideoFilter(videos=frozenset(set(ids) - set(ids[::10]))))
        compare("all videos, by folder", libraries, arguments, VideoFilter(paths=("/videos",)))


def put(library: Library, number: int, centres: NDArray[np.float32]) -> None:
    """A video of 20 clips around topics, without a word."""
    random = np.random.default_rng(number)
    own = centres[random.integers(len(centres), size=CLIPS_OF_A_VIDEO)]
    vectors = unit(own + 0.05 * random.standard_normal(own.shape, dtype=np.float32))
    clips = [
        Clip(start_ms=i, end_ms=i + 1, keyframe_ms=i, frame_times_ms=(i,), vector=vector) for i, vector in enumerate(vectors)
    ]
    video = Video(
        id=f"{number:064x}", size_bytes=1, duration_ms=1000, width=2, height=2, frames_per_second=25.0, container="mp4",
        codec="h264", has_audio=False,
    )
    library.put(
        video, Location(path=f"/videos/{number}.mp4", size_bytes=1, modified_ns=1), evidence=[], location_evidence=[],
        clips=clips, generation=MadeEncoder.generation, examined={},
    )


def pushed(directory: Path, address: str) -> Library:
    """The library, opened to search in a store that has been filled."""
    store, copy = open_store(address, create=True)
    library = Library.open(directory)
    began = time.process_time()
    (part,) = library.push_vectors(store, name=copy)
    print(f"{address}: {part.held} of {part.rows} vectors sent in {time.process_time() - began:.1f} CPU-s", flush=True)
    library.search_vectors_in(store, name=copy)
    return library


def compare(what: str, libraries: dict[str, Library], arguments: argparse.Namespace, where: VideoFilter | None) -> None:
    """Print for each way to search its time beside the embedded engine's, and how many of that one's rows it found."""
    encoder = MadeEncoder()
    vectors = encoder.encode_texts(queries(arguments.clips, arguments.queries)).pooled
    cpu: dict[str, list[float]] = {name: [] for name in libraries}
    wall: dict[str, list[float]] = {name: [] for name in libraries}
    found: dict[str, list[float]] = {name: [] for name in libraries}
    for library in libraries.values():
        library.search_clips(vectors[0], limit=DEPTH, where=where)      # opened, and the filter looked up
    for vector in vectors:
        wanted: set[int] = set()
        for name, library in libraries.items():
            cpu_before, before = time.process_time(), time.perf_counter()
            hits = {hit.clip_id for hit in library.search_clips(vector, limit=DEPTH, where=where)}
            wall[name].append(time.perf_counter() - before)
            cpu[name].append(time.process_time() - cpu_before)
            wanted = wanted or hits
            found[name].append(len(hits & wanted) / len(wanted))
    base = float(np.median(cpu[EMBEDDED]))
    print(f"\n{what}: {DEPTH} nearest, medians of {len(vectors)} queries")
    for name in libraries:
        median = float(np.median(cpu[name]))
        print(
            f"  {name:24} {1000 * median:8.2f} CPU-ms  {median / base:7.1f} x  {1000 * float(np.median(wall[name])):8.2f} ms on "
            f"the clock  {float(np.mean(found[name])):.3f} of the embedded rows", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
