"""Kill a process that writes a library, a thousand times, at random moments of every kind of write.

    python -m benchmarks.library_kills --rounds 1000 [--seed 0]

Each round forks a process that puts, replaces and removes videos, folds the indexes, swaps the generation of vectors
and takes snapshots, and says on a pipe what it begins and what was acknowledged. After a random time it gets SIGKILL.
A second process then opens the library for writing and for reading and compares: everything acknowledged is there as it
was last put, everything acknowledged as removed is gone, also from both indexes; only the write that was under way may
have happened or not; `check` finds nothing, and an acknowledged snapshot opens and is whole. Sizes at which indexes are
folded are lowered, so that it happens all the time.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.library import Library, postings_merging, snapshots, words
from retrieval.library.segments import merging
from retrieval.records import Clip, Evidence, Generation, Location, Video

VIDEOS, DIMENSION, LONGEST_SECONDS = 80, 8, 0.35
GENERATIONS = tuple(Generation(encoder=name, revision="1", preprocessing="p", dimension=DIMENSION) for name in ("one", "two"))
_GONE = -1


class Promised:
    """What was acknowledged: the version of each video (-1 = removed), the generation searched, the snapshot."""

    def __init__(self) -> None:
        self.versions: dict[int, int] = {}
        self.active: int | None = None
        self.snapshot = False
        self.under_way: tuple[str, int, int] | None = None
        self.done: Counter[str] = Counter()

    def hear(self, line: str) -> None:
        word, what, value = line.split(" ")
        if word == "begin":
            self.under_way = (what, *map(int, value.split(",")))    # type: ignore[assignment]
            return
        assert self.under_way is not None
        _, number, version = self.under_way
        if what in ("put", "remove"):
            self.versions[number] = version
        elif what == "activate":
            self.active = number
        elif what == "snapshot":
            self.snapshot = True
        self.done[what] += 1
        self.under_way = None

    def searched(self) -> set[int]:
        """The generations of which one is searched now; empty when none was chosen yet."""
        searched = set() if self.active is None else {self.active}
        if self.under_way is not None and self.under_way[0] == "activate":
            searched.add(self.under_way[1])
        return searched

    def allowed(self, number: int) -> set[int]:
        """The versions of a video that the library may hold now."""
        versions = {self.versions.get(number, _GONE)}
        if self.under_way is not None and self.under_way[0] in ("put", "remove") and self.under_way[1] == number:
            versions.add(self.under_way[2])
        return versions


def video_of(number: int) -> Video:
    return Video(
        id=f"{number:064x}", size_bytes=1, duration_ms=9000, width=2, height=2, frames_per_second=25.0, container="mp4",
        codec="h264", has_audio=False,
    )  # fmt: skip


def vector_of(number: int, version: int, generation: int) -> NDArray[np.float32]:
    """The clip vector of a version of a video: no two are alike."""
    vector = np.random.default_rng((number, version + 1, generation)).standard_normal(DIMENSION).astype(np.float32)
    return vector / np.linalg.norm(vector)


def put(library: Library, number: int, version: int, generation: int) -> None:
    vector = vector_of(number, version, generation)
    clip = Clip(start_ms=0, end_ms=9000, keyframe_ms=0, frame_times_ms=(0,), vector=vector, frame_vectors=vector[None])
    title = Evidence(kind="title", text=title_of(number, version), start_ms=0, end_ms=9000, source="manifest")
    library.put(
        video_of(number), Location(path=f"/v/{number}.mp4", size_bytes=1, modified_ns=version), evidence=(),
        location_evidence=[title], clips=[clip], generation=GENERATIONS[generation], examined={"title": str(version)},
    )  # fmt: skip


def title_of(number: int, version: int) -> str:
    return f"第{number}号录像 版本v{version}x"


def drive(directory: Path, seed: int, say: Callable[[str], None]) -> None:
    """Write until killed."""
    chance = random.Random(seed)
    with Library.open(directory, write=True, create=True) as library:
        version = 1 + max((int(stored.modified_ns) for stored in library.locations()), default=0)
        while True:
            what = chance.choices(("put", "remove", "compact", "activate", "snapshot"), (60, 20, 8, 8, 4))[0]
            number = chance.randrange(VIDEOS)
            _step(library, what, number, version, chance, say)
            version += 1


def _step(library: Library, what: str, number: int, version: int, chance: random.Random, say: Callable[[str], None]) -> None:
    if what == "put":
        say(f"begin put {number},{version}")
        put(library, number, version, chance.randrange(2))
    elif what == "remove":
        if library.location(f"/v/{number}.mp4") is None:
            return
        say(f"begin remove {number},{_GONE}")
        library.remove(f"/v/{number}.mp4")
    elif what == "compact":
        say("begin compact 0,0")
        library.compact()
    elif what == "activate":
        known = [place for place, generation in enumerate(GENERATIONS) if _holds(library, generation)]
        if len(known) < 2:
            return
        number = chance.randrange(2)
        say(f"begin activate {number},0")
        library.activate(GENERATIONS[number])
    else:
        say("begin snapshot 0,0")
        snapshots.take(library.directory, library.directory.with_name("snapshot"))
    say(f"done {what} 0")


def _holds(library: Library, generation: Generation) -> bool:
    return any(status.generation == generation for status in library.status().generations)


def examine(directory: Path, promised: Promised) -> list[str]:
    """What is not as promised."""
    if not (directory / "library.sqlite").exists():
        return ["the whole library is gone"] if promised.versions else []
    with Library.open(directory, write=True, create=True) as library:     # a kill while it was made leaves it empty
        broken = _wrong_videos(library, promised)
        broken += [f"{problem.where}: {problem.what}" for problem in library.check()]
        active = library.generation()
        may = promised.searched()
        wrong = active is not None and may and GENERATIONS.index(active) not in may
        # a generation that lost its last vector is replaced by the other
        if wrong and any(_holds(library, GENERATIONS[place]) for place in may):
            broken.append("another generation is searched than the one that was activated")
    if promised.snapshot:
        broken += _wrong_snapshot(directory.with_name("snapshot"))
    return broken


def _wrong_videos(library: Library, promised: Promised) -> list[str]:
    there = {int(stored.video_id, 16): stored.modified_ns for stored in library.locations()}
    broken = []
    for number in range(VIDEOS):
        version = there.get(number, _GONE)
        if version not in promised.allowed(number):
            broken.append(f"video {number} is version {version}, promised {sorted(promised.allowed(number))}")
            continue
        if promised.under_way is None or promised.under_way[1] != number:
            promised.versions[number] = version
        title = title_of(number, version)
        found = {hit.video_id for hit in library.search_words("title", f"v{version}x", limit=1000) if hit.text == title}
        if found != ({video_of(number).id} if version != _GONE else set()):
            broken.append(f"the title of video {number} version {version} is found in {len(found)} videos")
    for video_id, vectors in library.clip_vectors([video_of(number).id for number in range(VIDEOS)]).items():
        best = library.search_clips(vectors[0], limit=1)
        if not best or best[0].video_id != video_id or best[0].score < 0.999:
            broken.append(f"the clip of video {int(video_id, 16)} is not found by its vector")
    found = {hit.video_id for hit in library.search_clips(np.ones(DIMENSION, np.float32), limit=1000)}
    if found - {video_of(number).id for number in there}:
        broken.append("a clip of a removed video is found")
    promised.versions |= {number: there.get(number, _GONE) for number in range(VIDEOS)}
    if (active := library.generation()) is not None:
        promised.active = GENERATIONS.index(active)
    promised.under_way = None
    return broken


def _wrong_snapshot(directory: Path) -> list[str]:
    snapshot = directory if directory.exists() else directory.with_name(f"{directory.name}.replaced")
    try:
        snapshots.verify(snapshots.read(snapshot))
    except Exception as error:
        return [f"the snapshot: {error}"]
    return []


def forked(work: Callable[[Callable[[str], None]], None]) -> tuple[int, int]:
    """(process, end of its pipe) of a child that does some work and ends; faiss and SQLite are used in children alone."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    os.close(reading)
    try:
        work(lambda line: os.write(writing, f"{line}\n".encode()) and None)
        os._exit(0)
    except BaseException as error:
        os.write(writing, f"error {type(error).__name__}: {error}\n".encode())
        os._exit(1)


def heard(pipe: int) -> list[str]:
    """Every whole line of a pipe whose other end is closed."""
    with os.fdopen(pipe, "rb") as file:
        return [line.decode()[:-1] for line in file.read().splitlines(keepends=True) if line.endswith(b"\n")]


def one_round(directory: Path, promised: Promised, chance: random.Random) -> list[str]:
    """A kill, and what was broken by it."""
    seed = chance.randrange(1 << 30)
    child, pipe = forked(lambda say: drive(directory, seed, say))
    time.sleep(chance.uniform(0.0, LONGEST_SECONDS))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    for line in heard(pipe):
        if line.startswith("error"):
            return [f"the writer ended: {line}"]
        promised.hear(line)
    state = json.dumps([promised.versions, promised.active, promised.snapshot, promised.under_way])

    def look(say: Callable[[str], None]) -> None:
        for sentence in examine(directory, promised):
            say(f"broken {sentence}")
        say("state " + json.dumps([promised.versions, promised.active]))

    child, pipe = forked(look)
    lines = heard(pipe)
    os.waitpid(child, 0)
    for line in lines:
        if line.startswith("state "):
            versions, promised.active = json.loads(line[6:])
            promised.versions = {int(number): version for number, version in versions.items()}
    promised.under_way = None
    broken = [line.removeprefix("broken ") for line in lines if not line.startswith("state ")]
    return [f"{sentence} (promised: {state[:200]})" for sentence in broken]


def lower_sizes() -> None:
    """Fold indexes all the time."""
    changes: tuple[tuple[Any, str, int], ...] = (
        (words, "MOST_FRESH", 12), (postings_merging, "MOST_SMALL", 3), (postings_merging, "STEP", 40),
        (merging, "MOST_FRESH", 40),
    )  # fmt: skip
    for module, name, value in changes:
        setattr(module, name, value)


def run(scratch: Path, *, rounds: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Acknowledged operations by kind, and everything that was broken."""
    lower_sizes()
    chance, promised, broken = random.Random(seed), Promised(), []
    for number in range(rounds):
        broken += [f"round {number}: {sentence}" for sentence in one_round(scratch / "library", promised, chance)]
        if broken:
            break
    return promised.done, broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        done, broken = run(Path(scratch), rounds=options.rounds, seed=options.seed)
    for sentence in broken:
        print(sentence)
    print(
        f"{options.rounds} kills, {sum(done.values())} acknowledged operations ({dict(done)}), {len(broken)} broken promises, "
        f"{time.monotonic() - began:.0f} s"
    )
    return 1 if broken or not done else 0


if __name__ == "__main__":
    sys.exit(main())
