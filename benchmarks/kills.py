"""Kill a process that adds and removes videos, at random moments, and see whether the library kept its word.

    python -m benchmarks.kills --rounds 50

Each round starts a process that adds and removes the clips of the miniature world and says on standard output what it
is about to do and what was acknowledged. After a random time it gets SIGKILL. Then: every video acknowledged as added is
there, every one acknowledged as removed is not, the library opens for reading and writing, `check` finds nothing, and no
child process is left. Every third round adds with a small random model, so that vectors are written too.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil

from benchmarks.rounds import Found, arguments, repeated, reported, whole_lines
from retrieval.library import Library
from serving.models import MODEL_SETTING

ADDING, ADDED, REMOVING, REMOVED = "adding", "added", "removing", "removed"
LONGEST_SECONDS = 4.0


class Promises:
    """What the library has promised about each path: True = there, False = not there, None = an operation was under way."""

    def __init__(self) -> None:
        self.state: dict[str, bool | None] = {}

    def hear(self, line: str) -> None:
        word, _, path = line.partition(" ")
        if word == ADDING and self.state.get(path) is not True:
            self.state[path] = None
        elif word == ADDED:
            self.state[path] = True
        elif word == REMOVING:
            self.state[path] = None
        elif word == REMOVED:
            self.state[path] = False

    def broken(self, library: Library) -> list[str]:
        there = {location.path for location in library.locations()}
        lost = [f"lost: {path}" for path, state in self.state.items() if state is True and path not in there]
        back = [f"came back: {path}" for path, state in self.state.items() if state is False and path in there]
        for path in there:
            self.state[path] = True
        return lost + back


def main() -> int:
    parser = arguments(__doc__, default=50)
    for name in ("--drive", "--clips", "--model"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive:
        drive(Path(options.drive), Path(options.clips), options.model, options.seed)
        return 0
    return reported(
        lambda scratch: run(scratch, rounds=options.rounds, seed=options.seed),
        what=f"{options.rounds} kills", wrong_are="broken promises",
    )  # fmt: skip


def run(scratch: Path, *, rounds: int, seed: int) -> Found:
    """Acknowledged operations by kind, and everything that was broken."""
    from data_pipeline.miniature.render import render_all
    from data_pipeline.miniature.scenes import SCENES
    from tests.checkpoints import build_chinese_clip

    chance = random.Random(seed)
    render_all(scratch / "clips", specs=SCENES[:12])
    model = str(build_chinese_clip(scratch / "model"))
    promises = {"text": Promises(), "with-model": Promises()}
    done: Counter[str] = Counter()

    def kill(number: int) -> list[str]:
        name = "with-model" if number % 3 == 2 else "text"
        heard = one_round(scratch / name, scratch / "clips", model if name == "with-model" else "none", chance)
        for line in heard:
            promises[name].hear(line)
        done.update(word for word, _, _ in (line.partition(" ") for line in heard) if word in (ADDED, REMOVED))
        return examine(scratch / name, promises[name])

    broken = repeated(kill, rounds=rounds)
    return done, broken


def one_round(library: Path, clips: Path, model: str, chance: random.Random) -> list[str]:
    """Run the driver until its random end; what it said."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.kills",
        "--drive",
        str(library),
        "--clips",
        str(clips),
        "--model",
        model,
        "--seed",
        str(chance.randrange(1 << 30)),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = process.stdout.readline()  # the moment counts from its first word, not from importing libraries
    time.sleep(chance.uniform(0, LONGEST_SECONDS if model == "none" else 3 * LONGEST_SECONDS))
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGKILL)
    rest, errors = process.communicate()
    if process.returncode != -signal.SIGKILL:
        raise SystemExit(f"the driver ended by itself:\n{errors}")
    _, alive = psutil.wait_procs(children, timeout=10)
    if alive:
        raise SystemExit(f"{len(alive)} child processes outlived their parent by 10 s")
    return whole_lines(first + rest)


def examine(library: Path, promises: Promises) -> list[str]:
    """Everything that is not as promised, each in a sentence."""
    if not (library / "library.sqlite").exists():
        return ["the whole library is gone"] if True in promises.state.values() else []
    try:
        with Library.open(library, write=True):
            pass
        with Library.open(library) as opened:
            broken = promises.broken(opened)
            if opened.generation() is not None and opened.setting(MODEL_SETTING) is None:
                broken.append("nobody knows which model made the vectors")
            return broken + [f"{problem.where}: {problem.what}" for problem in opened.check()]
    except Exception as error:
        return [f"start refused: {error}"]


def drive(library: Path, clips: Path, model: str, seed: int) -> None:
    """Add and remove until killed, saying each step before it and after its acknowledgement."""
    from serving.ingest.report import FileOutcome
    from serving.ingest.run import AddOptions, NoDisplay, add_videos

    class Speaker(NoDisplay):
        def finished(self, outcome: FileOutcome) -> None:
            if outcome.outcome == "failed":
                raise SystemExit(f"{outcome.path}: {outcome.message}")
            say(ADDED, outcome.path)

    chance = random.Random(seed)
    videos = sorted(str(path.absolute()) for path in clips.iterdir() if path.suffix in (".mp4", ".mkv", ".webm"))
    options = AddOptions(model=model, on_screen_text=False)
    while True:
        chosen = chance.sample(videos, chance.randint(1, len(videos)))
        for path in chosen:
            say(ADDING, path)
        add_videos(library, [Path(path) for path in chosen], options, progress=Speaker())
        with Library.open(library, write=True) as opened:
            known = [location.path for location in opened.locations()]
            for path in chance.sample(known, chance.randint(0, len(known))):
                say(REMOVING, path)
                opened.remove(path)
                say(REMOVED, path)


def say(word: str, path: str) -> None:
    print(word, path, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
