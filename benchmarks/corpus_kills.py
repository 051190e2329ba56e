"""Kill a corpus build at random moments, run it again, and see whether the corpus is the same as without a kill.

    python -m benchmarks.corpus_kills --rounds 100

Each round starts a build of small real files, some of them unusable or copies, with two worker processes that hold a model
each or share one in a third process, by chance, and gives it SIGKILL after a random time, mostly while videos are processed.
Then: everything that is committed can be read and adds up, and no child process is left. After half of the rounds, and when
there is nothing left to kill, a build is left alone: it must give the manifest hash and the rows of a build that nobody
killed, each key once. After the others the next kill comes where the last one was.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil

from benchmarks.rounds import Found, arguments, repeated, reported
from data_pipeline.building.build import account, build
from data_pipeline.building.commits import MEASURED
from data_pipeline.building.local import Work, local_runner
from data_pipeline.building.measured_tables import committed, read_measured, read_tables, rows_sha256
from data_pipeline.building.plan import shard_names
from data_pipeline.building.settings import BuildSettings, Relevance
from data_pipeline.corpus.measured import CandidateRow, KeyframeRow, MeasuredVideo, ShotRow, SourceRow
from retrieval.errors import WenshiError
from tests.data_pipeline.building.stand_ins import load_stand_in, make_asking_stages, runner_here, sources_of
from tests.videos import write_video

SETTINGS = BuildSettings(relevance=Relevance(model="one"), videos_per_shard=2)
FILES = 12
AT_ITS_END = "killed after its end"


def main() -> int:
    parser = arguments(__doc__, default=100)
    parser.add_argument("--drive", help=argparse.SUPPRESS)
    parser.add_argument("--models", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive:
        drive(Path(options.drive), models=options.models)
        return 0
    return reported(
        lambda scratch: run(scratch, rounds=options.rounds, seed=options.seed),
        what=f"{options.rounds} kills", wrong_are="broken promises",
    )  # fmt: skip


def write_files(folder: Path) -> None:
    """Small videos, one that is empty, one that is no video, and copies of the first."""
    folder.mkdir()
    for number in range(FILES):
        write_video(folder / f"{number:02d}.mp4", seconds=0.5, seed=number)
    (folder / "04b.mp4").touch()
    (folder / "07b.mp4").write_text("no video")
    for name in ("00b", "11b"):
        shutil.copy(folder / "00.mp4", folder / f"{name}.mp4")


def sources(folder: Path) -> list[SourceRow]:
    return sources_of(*sorted(folder.glob("*.mp4")))


def work_in(directory: Path) -> Work:
    return Work(directory=directory, settings=SETTINGS, make_stages=make_asking_stages, load_models=load_stand_in)


def drive(directory: Path, *, models: int) -> None:
    """Build until killed; models: processes that hold the model for both workers."""
    print("began", flush=True)
    runner = local_runner(2, model_processes=models)
    build(sources(directory.parent / "files"), work_in(directory), runner, done=lambda video: print("video", flush=True))
    print("finished", flush=True)


def run(scratch: Path, *, rounds: int, seed: int) -> Found:
    """How the builds ended, and everything that was not as it should be."""
    write_files(scratch / "files")
    whole, directory = scratch / "whole", scratch / "corpus"
    finish(whole)
    starting, working = seconds_of_a_build(scratch / "timed")
    chance, done = random.Random(seed), Counter[str]()

    def one_round(number: int) -> list[str]:
        starts = chance.random() < 0.25
        seconds = chance.uniform(0, starting if starts else working)
        how = kill(directory, seconds, words=1 if starts else 2, models=chance.randrange(2))
        done[how] += 1
        wrong = unfit(directory)
        if not wrong and (how == AT_ITS_END or chance.random() < 0.5):
            finish(directory)
            done["builds finished after kills"] += 1
            wrong = differences(directory, whole)
            shutil.rmtree(directory)
        return wrong

    return done, repeated(one_round, rounds=rounds)


def seconds_of_a_build(directory: Path) -> tuple[float, float]:
    """How long a build takes here and now, from its first word to its first video, and from there to its end."""
    process, began = started(directory, words=1, models=1), time.monotonic()
    assert process.stdout is not None
    process.stdout.readline()
    first = time.monotonic()
    process.communicate()
    return first - began, time.monotonic() - first


def started(directory: Path, *, words: int, models: int) -> subprocess.Popen[str]:
    """A process that has said so many words: 1, it has imported its libraries; 2, its first video is done."""
    command = [sys.executable, "-m", "benchmarks.corpus_kills", "--drive", str(directory), "--models", str(models)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(words):
        process.stdout.readline()
    return process


def kill(directory: Path, seconds: float, *, words: int, models: int) -> str:
    """Start a build and kill it so long after its first or second word; how far it was."""
    process = started(directory, words=words, models=models)
    time.sleep(seconds)
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGKILL)
    rest, errors = process.communicate()
    if process.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"the build ended by itself:\n{errors}")
    _, alive = psutil.wait_procs(children, timeout=20)
    if alive:
        raise SystemExit(f"{len(alive)} child processes outlived their parent by 20 s")
    if "finished" in rest or not children:
        return AT_ITS_END
    return f"killed with {len(committed(directory))} shards committed" if directory.exists() else "killed before it began"


def finish(directory: Path) -> None:
    build(sources(directory.parent / "files"), work_in(directory), runner_here)


def unfit(directory: Path) -> list[str]:
    """What is wrong with the corpus as a kill left it."""
    if not shard_names(directory):
        return []
    try:
        found = account(directory)
        rows = list(read_measured(directory, MeasuredVideo))
    except WenshiError as error:
        return [f"it cannot be read: {error}"]
    return [] if len(rows) == found.rows else [f"{len(rows)} rows are there, {found.rows} were committed"]


def differences(directory: Path, whole: Path) -> list[str]:
    """What is not as in a corpus that nobody killed."""
    wrong = []
    if account(directory) != account(whole):
        wrong.append(f"{account(directory)} is not {account(whole)}")
    hashes = [[rows_sha256(read_tables(shard)) for shard in committed(corpus)] for corpus in (directory, whole)]
    if hashes[0] != hashes[1]:
        wrong.append("the rows are not the same")
    for kind, key in ((MeasuredVideo, "source_id"), (ShotRow, "video_id"), (CandidateRow, "pair_id")):
        keys = Counter(getattr(row, key) for row in read_measured(directory, kind))
        wrong += [f"{name} is there {count} times" for name, count in keys.items() if count > 1]
    frames = Counter((row.video_id, row.keyframe) for row in read_measured(directory, KeyframeRow))
    wrong += [f"keyframe {name} is there {count} times" for name, count in frames.items() if count > 1]
    there = {path.name for path in (directory / MEASURED).iterdir() if path.is_dir()}
    wrong += [f"{name} was left behind" for name in there - {shard.name for shard in committed(directory)}]
    return wrong


if __name__ == "__main__":
    raise SystemExit(main())
