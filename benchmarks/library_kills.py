"""Kill a process that writes a library, a thousand times, at random moments of every kind of write.

    python -m benchmarks.library_kills --rounds 1000 [--seed 0]

Each round forks a process that puts, replaces and removes videos, folds the indexes, swaps the generation of vectors,
takes snapshots and goes back to the last one, and says on a pipe what it begins and what was acknowledged. After a random
time it gets SIGKILL. A second process then opens the library for writing and for reading and compares: everything
acknowledged is there as it was last put, everything acknowledged as removed is gone, also from both indexes; only the call
that was under way may have happened or not, as a whole: a restore left the library as it was, or made it what the snapshot
is; `check` finds nothing, and an acknowledged snapshot is whole and holds what the library did. Sizes at which indexes are
folded are lowered, so that it happens all the time, in every other round into inverted lists.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.rounds import Found, arguments, repeated, reported, whole_lines
from retrieval.disk import settle_directory
from retrieval.errors import LibraryError
from retrieval.library import Library, postings_merging, snapshots, words
from retrieval.library.segments import building, calibration, merging
from retrieval.library.segments.building import Sizes
from retrieval.records import Clip, Evidence, Generation, Location, Video

VIDEOS, DIMENSION, LONGEST_SECONDS = 80, 8, 0.5
GENERATIONS = tuple(Generation(encoder=name, revision="1", preprocessing="p", dimension=DIMENSION) for name in ("one", "two"))
_GONE = -1
_WEIGHTS = {"put": 50, "remove": 20, "compact": 8, "activate": 8, "snapshot": 6, "restore": 8}
_VERSIONS_A_ROUND = 100_000
_KILLED = ", killed half-way"
_LISTS_FROM = 16            # rows: a product quantizer of 4 bits is trained on that many at least


@dataclass
class State:
    """What a library holds: the version of each video (-1 = removed), and the generation that is searched if one was."""

    versions: dict[int, int] = field(default_factory=dict)
    active: int | None = None

    def differences(self, there: Mapping[int, int]) -> list[str]:
        """The videos of which another version is there, each in a sentence."""
        return [
            f"video {number} is version {there.get(number, _GONE)}, promised {self.versions.get(number, _GONE)}"
            for number in range(VIDEOS) if there.get(number, _GONE) != self.versions.get(number, _GONE)
        ]  # fmt: skip


class Promised:
    """What was acknowledged: the state of the library and that of the last snapshot; and what was under way."""

    def __init__(self) -> None:
        self.library = State()
        self.snapshot: State | None = None
        self.under_way: tuple[str, int, int] | None = None
        self.done: Counter[str] = Counter()

    def hear(self, line: str) -> None:
        word, what, value = line.split(" ")
        if word == "begin":
            self.under_way = (what, *map(int, value.split(",")))    # type: ignore[assignment]
            return
        self.library = self.library_states()[-1]
        if what == "snapshot":
            self.snapshot = copy.deepcopy(self.library)
        self.done[what] += 1
        self.under_way = None

    def library_states(self) -> list[State]:
        """What the library may hold now: what was acknowledged, and last what follows from the call under way."""
        if self.under_way is None:
            return [self.library]
        what, number, value = self.under_way
        after = copy.deepcopy(self.library)
        if what in ("put", "remove"):
            after.versions[number] = value
        elif what == "activate":
            after.active = number
        elif what == "restore":
            assert self.snapshot is not None
            after = copy.deepcopy(self.snapshot)
        return [self.library, after]

    def snapshot_states(self) -> list[State | None]:
        """What the snapshot may hold now, None = there may be none."""
        begun = self.under_way is not None and self.under_way[0] == "snapshot"
        return [self.snapshot, self.library] if begun else [self.snapshot]

    def to_json(self) -> str:
        return json.dumps([state and asdict(state) for state in (self.library, self.snapshot)])

    def read_json(self, text: str) -> None:
        """Take over what another process found, with nothing under way."""
        library, snapshot = (
            state and State({int(number): version for number, version in state["versions"].items()}, state["active"])
            for state in json.loads(text)
        )
        self.library, self.snapshot, self.under_way = library, snapshot, None


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


def drive(directory: Path, seed: int, first: int, say: Callable[[str], None]) -> None:
    """Write until killed; versions count up from `first`."""
    chance = random.Random(seed)
    if chance.random() < 0.5:
        fold_into_lists()
    library = Library.open(directory, write=True, create=True)
    for version in itertools.count(first):
        what = chance.choices(tuple(_WEIGHTS), tuple(_WEIGHTS.values()))[0]
        if what == "restore":
            library.close()
            _restore(directory, say)
            library = Library.open(directory, write=True)
        else:
            _step(library, what, chance.randrange(VIDEOS), version, chance, say)


def _restore(directory: Path, say: Callable[[str], None]) -> None:
    try:
        taken = snapshots.read(directory.with_name("snapshot"))
    except LibraryError:
        return                          # none was taken yet, or a kill came while one took the place of another
    say("begin restore 0,0")
    snapshots.restore(taken, directory)
    say("done restore 0")


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
    """What is not as promised; afterwards the promise is what is there."""
    if not (directory / "library.sqlite").exists():
        return ["the whole library is gone"] if promised.library.versions else []
    with Library.open(directory, write=True, create=True) as library:     # a kill while it was made leaves it empty
        there = _versions(library)
        broken, state = _matched(promised.library_states(), there)
        broken += _wrong_answers(library, there)
        broken += [f"{problem.where}: {problem.what}" for problem in library.check()]
        active = library.generation()
        may = {state.active for state in promised.library_states()} - {None}
        wrong = active is not None and may and GENERATIONS.index(active) not in may
        # a generation that lost its last vector is replaced by the other
        if wrong and any(_holds(library, GENERATIONS[place]) for place in may if place is not None):
            broken.append("another generation is searched than the one that was activated")
    broken += _wrong_snapshot(directory.with_name("snapshot"), promised)
    promised.library = State(there, state.active if active is None else GENERATIONS.index(active))
    promised.under_way = None
    return broken


def _versions(library: Library) -> dict[int, int]:
    return {int(stored.video_id, 16): stored.modified_ns for stored in library.locations()}


def _matched(states: Sequence[State], there: dict[int, int]) -> tuple[list[str], State]:
    """The state that is there, else what keeps it from being the nearest: it must be one of them as a whole."""
    return min(((state.differences(there), state) for state in states), key=lambda match: len(match[0]))


def _wrong_answers(library: Library, there: dict[int, int]) -> list[str]:
    broken = []
    for number in range(VIDEOS):
        version = there.get(number, _GONE)
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
    return broken


def _wrong_snapshot(directory: Path, promised: Promised) -> list[str]:
    """What is wrong with the last snapshot; afterwards the promise is what it holds."""
    states = promised.snapshot_states()
    settle_directory(directory)
    if not directory.exists() and states[0] is None:
        return []
    try:
        snapshots.verify(snapshots.read(directory))
        with Library.open(directory) as library:
            broken, promised.snapshot = _matched([state for state in states if state is not None], _versions(library))
    except Exception as error:
        return [f"the snapshot: {error}"]
    return [f"the snapshot: {sentence}" for sentence in broken]


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
    with os.fdopen(pipe, encoding="utf-8") as file:
        return whole_lines(file.read())


def one_round(directory: Path, promised: Promised, chance: random.Random, number: int) -> list[str]:
    """A kill, and what was broken by it."""
    seed = chance.randrange(1 << 30)
    child, pipe = forked(lambda say: drive(directory, seed, _VERSIONS_A_ROUND * (number + 1), say))
    time.sleep(chance.uniform(0.0, LONGEST_SECONDS))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    for line in heard(pipe):
        if line.startswith("error"):
            return [f"the writer ended: {line}"]
        promised.hear(line)
    if promised.under_way is not None:
        promised.done[f"{promised.under_way[0]}{_KILLED}"] += 1
    before = f"under way {promised.under_way}, promised {promised.to_json()[:200]}"

    def look(say: Callable[[str], None]) -> None:
        for sentence in examine(directory, promised):
            say(f"broken {sentence}")
        say(f"state {promised.to_json()}")

    child, pipe = forked(look)
    *sentences, state = heard(pipe) or [""]
    os.waitpid(child, 0)
    if not state.startswith("state "):
        return [f"nothing could be looked at: {' '.join([*sentences, state])} ({before})"]
    promised.read_json(state.removeprefix("state "))
    return [f"{sentence.removeprefix('broken ')} ({before})" for sentence in sentences]


def lower_sizes() -> None:
    """Fold indexes all the time."""
    changes: tuple[tuple[Any, str, int], ...] = (
        (words, "MOST_FRESH", 12), (postings_merging, "MOST_SMALL", 3), (postings_merging, "STEP", 40),
        (merging, "MOST_FRESH", 40),
    )  # fmt: skip
    for module, name, value in changes:
        setattr(module, name, value)


def fold_into_lists() -> None:
    """Inverted lists for the few rows there are; measured by few queries, or no round would see the end of a folding."""
    changes: tuple[tuple[Any, str, Any], ...] = (
        (merging, "Sizes", partial(Sizes, inverted_from=_LISTS_FROM)), (building, "ROWS_A_LIST", 8),
        (calibration, "K_FACTORS", (2,)), (building.calibration, "held_out", partial(calibration.held_out, count=4)),
    )  # fmt: skip
    for module, name, value in changes:
        setattr(module, name, value)


def run(scratch: Path, *, rounds: int, seed: int) -> Found:
    """Operations by kind, acknowledged or killed half-way, and everything that was broken."""
    lower_sizes()
    chance, promised = random.Random(seed), Promised()
    broken = repeated(
        lambda number: one_round(scratch / "library", promised, chance, number), rounds=rounds, to_the_end=False
    )
    return promised.done, broken


def main() -> int:
    options = arguments(__doc__, default=1000).parse_args()
    return reported(
        lambda scratch: run(scratch, rounds=options.rounds, seed=options.seed),
        what=f"{options.rounds} kills", wrong_are="broken promises",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
