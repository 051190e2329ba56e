"""A service under everything at once for some minutes, killed every minute: no acknowledged write may be lost.

    python -m benchmarks.mixed_load [--minutes 30] [--calm 10] [--kill-every 60] [--workers 1]

Over HTTP, at once: searches, videos fetched whole and in part, videos added and removed, files edited
under the service, swaps between two generations of vectors, figures. The process gets SIGKILL every minute and is started
again; in the last `--calm` minutes it lives on and its memory is watched. Wrong are: a job that was accepted and is not
known, a video whose job is done and that is not there, one that was removed and is; bytes of another content than was asked
for; a title that is not found; a swap that did not last; a 5xx or a broken connection while the process lived.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.served import Server, loads, percentiles
from retrieval.encoders import read_generation
from retrieval.library import Library
from retrieval.records import Clip, Generation, Location, Video
from serving.ingest.run import AddOptions, add_videos
from tests.checkpoints import BUILDERS
from tests.videos import write_video

VIDEOS = 40
_GROWTH = 1.10              # of the memory of one process between the thirds of its calm minutes
_JOB_PATIENCE = 8           # times what one answer may take
_DIGITS = "零一二三四五六七八九"


@dataclass
class File:
    """A video on disk; `there`: whether the library must have it, None while that is being changed."""

    path: Path
    content: bytes
    id: str
    title: str
    there: bool | None = False
    changes: int = 0


@dataclass
class Account:
    """What was done and what was wrong; several threads write."""

    done: Counter[str] = field(default_factory=Counter)
    excused: Counter[str] = field(default_factory=Counter)
    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def did(self, what: str, seconds: float) -> None:
        with self.lock:
            self.done[what] += 1
            self.milliseconds.setdefault(what, []).append(1000 * seconds)

    def excuse(self, what: str) -> None:
        with self.lock:
            self.excused[what] += 1

    def accuse(self, sentence: str) -> None:
        with self.lock:
            self.wrong.append(sentence)
        print("WRONG:", sentence, flush=True)


class Caller:
    """Asks the service, and says of a failure whether a kill excuses it."""

    def __init__(self, server: Server, account: Account, patience: float) -> None:
        self._server, self._account = server, account
        self.patience = patience
        self._others_write = server.workers > 1
        self._client = httpx.Client(base_url=server.address, timeout=patience)

    def __call__(self, what: str, method: str, path: str, **options: Any) -> httpx.Response | None:
        """The answer; None when the service was killed meanwhile or busy, or what came back is wrong and was noted."""
        life, began = self._server.wait(), time.monotonic()
        try:
            answer = self._client.request(method, path, **options)
            later = answer.status_code == 429 or (self._others_write and is_being_written(answer))
            failure = f"{answer.status_code} {answer.text[:200]}" if answer.status_code >= 500 and not later else None
        except httpx.HTTPError as error:
            later, failure = False, f"{type(error).__name__}: {error}"
        if later:       # as it should, where more is asked than it can do, or another worker writes
            self._account.excuse("busy")
            time.sleep(float(answer.headers.get("Retry-After", "1")))
            return None
        if failure is None:
            self._account.did(what, time.monotonic() - began)
            return answer
        if self._server.life() != life:
            self._account.excuse(what)
            return None
        self._account.accuse(f"{what}: {method} {path}: {failure} after {time.monotonic() - began:.1f} s")
        return None


def is_being_written(answer: httpx.Response) -> bool:
    """Whether a request was refused because another process writes the library: no model and no store may fail."""
    return answer.status_code == 503 and "is being written by" in answer.text


class World:
    """The files, and what the library must hold of them."""

    def __init__(self, folder: Path, account: Account) -> None:
        self.account = account
        self.files = [_made(folder, number) for number in range(VIDEOS)]
        self.swap: Generation | None = None       # the generation that must be active, None while that is changed
        self._lock = threading.Lock()

    def settled(self, chance: random.Random, there: bool = True) -> tuple[File, int] | None:
        """A file that is (not) there, with the count of its changes, by which one knows later whether that still holds."""
        with self._lock:
            fitting = [file for file in self.files if file.there is there]
            file = chance.choice(fitting) if fitting else None
            return None if file is None else (file, file.changes)

    @contextmanager
    def changing(self, file: File) -> Iterator[None]:
        with self._lock:
            file.there, file.changes = None, file.changes + 1
        yield

    def settle(self, file: File, there: bool) -> None:
        with self._lock:
            file.there, file.changes = there, file.changes + 1


def _made(folder: Path, number: int) -> File:
    name = "".join(_DIGITS[int(digit)] for digit in f"{number:02d}")
    path = write_video(folder / f"{number:02d}.mp4", seconds=1, seed=number, title=f"录像{name}号 v{number:02d}x")
    content = path.read_bytes()
    return File(path, content, hashlib.sha256(content).hexdigest(), f"录像{name}号 v{number:02d}x")


def search(world: World, ask: Caller, chance: random.Random) -> None:
    known = world.settled(chance)
    if known is None:
        return
    file, changes = known
    answer = ask("search", "GET", "/api/v1/search", params={"q": file.title, "k": 50})
    if answer is None or file.changes != changes:
        return
    if file.id not in [hit["video"] for hit in answer.json().get("hits", [])]:
        world.account.accuse(f"the title of {file.path.name} is not found: {answer.status_code} {answer.text[:200]}")


def fetch(world: World, ask: Caller, chance: random.Random) -> None:
    known = world.settled(chance)
    if known is None:
        return
    file, changes = known
    start = chance.randrange(len(file.content)) if chance.random() < 0.5 else 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    answer = ask("fetch", "GET", f"/media/{file.id}/file", headers=headers)
    if answer is not None and answer.status_code in (200, 206):
        if answer.content != file.content[start:]:
            world.account.accuse(f"bytes of another file came for {file.path.name}")
    elif answer is not None and file.changes == changes:
        world.account.accuse(f"{file.path.name} is there and was not served: {answer.status_code} {answer.text[:200]}")


def figures(world: World, ask: Caller, chance: random.Random) -> None:
    ask("figures", "GET", chance.choice(["/metrics", "/api/v1/library", "/api/v1/videos", "/api/v1/jobs", "/healthz"]))
    time.sleep(0.2)


def swap(world: World, ask: Caller, chance: random.Random, models: dict[str, Generation]) -> None:
    answer = ask("generations", "GET", "/api/v1/generations")
    if answer is None:
        return
    if world.swap is not None:
        (active,) = (one for one in answer.json()["generations"] if one["active"] and one["channel"] == "visual")
        if active["revision"] != world.swap.revision:
            world.account.accuse("another generation is searched than the one that was asked for last")
    name = chance.choice(list(models))
    world.swap = None
    body = {"generation": asdict(models[name]), "model": name, "partial": True}
    swapped = ask("swap", "POST", "/api/v1/generations/activate", json=body)
    if swapped is not None and swapped.status_code == 200:
        world.swap = models[name]
    elif swapped is not None:
        world.account.accuse(f"swap: {swapped.status_code} {swapped.text[:200]}")
    time.sleep(chance.uniform(2, 6))


def write(world: World, ask: Caller, chance: random.Random) -> None:
    """Add a few files, remove one, or edit one and put it back: nobody else writes."""
    what = chance.choices(["add", "remove", "edit"], [5, 3, 1])[0]
    known = world.settled(chance, there=what != "add")
    if known is None:
        return
    file = known[0]
    if what == "add":
        _add(world, ask, file)
    elif what == "remove":
        _remove(world, ask, file)
    else:
        _edit(world, ask, file)


def _add(world: World, ask: Caller, file: File) -> None:
    with world.changing(file):
        accepted = None
        while accepted is None:         # a kill leaves open whether it was accepted: asking twice does no harm
            accepted = ask("add", "POST", "/api/v1/videos", json={"paths": [str(file.path)]})
        if accepted.status_code != 202:
            world.account.accuse(f"add: {accepted.status_code} {accepted.text[:200]}")
            return
        state = _ended(world, ask, accepted.json()["job"])
        if state is None:
            return
        if state["state"] != "done" or state["failed"]:
            world.account.accuse(f"a job ended as {state['state']}: {state['message']} {state['failed']}")
            return
    _check(world, ask, file, there=True)


def _ended(world: World, ask: Caller, job: str) -> dict[str, Any] | None:
    began = time.monotonic()
    while time.monotonic() - began < _JOB_PATIENCE * ask.patience:
        answer = ask("job", "GET", f"/api/v1/jobs/{job}")
        if answer is not None and answer.status_code != 200:
            world.account.accuse(f"a job that was accepted is not known: {answer.status_code} {answer.text[:200]}")
            return None
        if answer is not None and answer.json()["state"] in ("done", "failed", "stopped"):
            world.account.did("whole add", time.monotonic() - began)
            state: dict[str, Any] = answer.json()
            return state
        time.sleep(0.1)
    world.account.accuse(f"a job took more than {_JOB_PATIENCE * ask.patience:.0f} s")
    return None


def _remove(world: World, ask: Caller, file: File) -> None:
    with world.changing(file):
        answer = None
        asked = 0
        while answer is None:
            asked += 1
            answer = ask("remove", "DELETE", f"/api/v1/videos/{file.id}")
        if answer.status_code not in ((200,) if asked == 1 else (200, 404)):
            world.account.accuse(f"remove: {answer.status_code} {answer.text[:200]}")
    _check(world, ask, file, there=False)


def _check(world: World, ask: Caller, file: File, *, there: bool) -> None:
    """What was acknowledged holds at once."""
    answer = None
    while answer is None:
        answer = ask("look", "GET", f"/api/v1/videos/{file.id}")
    if (answer.status_code == 200) is not there:
        world.account.accuse(f"{file.path.name} was acknowledged as {'added' if there else 'removed'}: {answer.status_code}")
    world.settle(file, there)


def _edit(world: World, ask: Caller, file: File) -> None:
    """Other bytes under a known path are not served as the video."""
    with world.changing(file):
        file.path.write_bytes(b"secret" + file.content)
        answer = ask("edited", "GET", f"/media/{file.id}/file")
        if answer is not None and answer.status_code != 410:
            world.account.accuse(f"an edited file was answered with {answer.status_code}")
        file.path.write_bytes(file.content)
    _add(world, ask, file)


def check_all(world: World, ask: Caller) -> None:
    """Everything that was promised, at a moment at which nobody writes."""
    ids: set[str] = set()
    after = ""
    while True:
        answer = ask("page", "GET", f"/api/v1/videos?limit=200{after}")
        if answer is None:
            return
        ids |= {video["video"] for video in answer.json()["videos"]}
        if answer.json()["next"] is None:
            break
        after = f"&after={answer.json()['next']}"
    for file in world.files:
        if file.there is not None and file.there is not (file.id in ids):
            world.account.accuse(f"at the end {file.path.name} is {'gone' if file.there else 'still there'}")


def prepare(folder: Path, world: World) -> dict[str, Generation]:
    """A library of half the files, and two models whose vectors it holds: name -> generation."""
    models = {str(BUILDERS["chinese_clip"](folder / f"model-{seed}", seed=seed)): seed for seed in range(2)}
    first, other = (read_generation(name) for name in models)
    half = world.files[: VIDEOS // 2]
    add_videos(folder / "library", [file.path for file in half], AddOptions(model=next(iter(models)), on_screen_text=False))
    for file in half:
        file.there = True
    vector = np.eye(1, other.dimension, dtype=np.float32)[0]
    clip = Clip(start_ms=0, end_ms=900, keyframe_ms=0, frame_times_ms=(0,), vector=vector, frame_vectors=vector[None])
    video = Video(
        id="0" * 64, size_bytes=1, duration_ms=900, width=2, height=2, frames_per_second=10.0, container="mp4",
        codec="h264", has_audio=False,
    )  # fmt: skip
    with Library.open(folder / "library", write=True) as library:
        library.put(
            video, Location(path=str(folder / "nowhere.mp4"), size_bytes=1, modified_ns=1), evidence=(), location_evidence=(),
            clips=[clip], generation=other, examined={},
        )  # fmt: skip
    return dict(zip(models, (first, other), strict=True))


def run(
    folder: Path, *, minutes: float, calm: float, kill_every: float, patience: float, seed: int, workers: int = 1
) -> Account:
    account = Account()
    (folder / "videos").mkdir()
    world = World(folder / "videos", account)
    models = prepare(folder, world)
    server = Server(folder / "library", log=folder / "serve.log", workers=workers)
    print(f"started in {server.start():.1f} s, {loads()}", flush=True)
    ending = threading.Event()
    works: list[Callable[[World, Caller, random.Random], None]] = [
        search, search, fetch, figures, write, lambda world, ask, chance: swap(world, ask, chance, models)
    ]  # fmt: skip

    def repeated(work: Callable[[World, Caller, random.Random], None], number: int) -> None:
        chance, ask = random.Random(seed * 100 + number), Caller(server, account, patience)
        while not ending.is_set():
            try:
                work(world, ask, chance)
            except Exception as error:
                account.accuse(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=repeated, args=(work, number), daemon=True) for number, work in enumerate(works)]
    with ExitStack() as stack:
        stack.callback(server.kill)
        for thread in threads:
            thread.start()
        try:
            kill_again_and_again(server, until=time.monotonic() + 60 * (minutes - calm), every=kill_every)
            watch_memory(server, account, seconds=60 * calm)
        finally:
            ending.set()
            for thread in threads:
                thread.join(timeout=60)     # one that waits for a service that never came back stays behind
        check_all(world, Caller(server, account, patience))
        log = (folder / "serve.log").read_text(errors="replace")
        if "Traceback" in log:
            account.accuse(f"the service logged a traceback: {log[log.index('Traceback'):][:3000]}")
    with Library.open(folder / "library") as library:
        for problem in library.check():
            account.accuse(f"the library is damaged: {problem.where}: {problem.what}")
    return account


def kill_again_and_again(server: Server, *, until: float, every: float) -> None:
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(every, left))
        resident = server.resident_bytes()
        server.kill()
        print(f"killed with {resident / 1e6:.0f} MB, back in {server.start():.1f} s, {loads()}", flush=True)


def watch_memory(server: Server, account: Account, *, seconds: float) -> None:
    """The last third of the time must not take more than the second: the first warms up."""
    took: list[int] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        took.append(server.resident_bytes())
        time.sleep(1)
    thirds = [float(np.median(part)) for part in np.array_split(took, 3) if len(part)]
    print("memory in the calm: " + ", ".join(f"{third / 1e6:.0f} MB" for third in thirds))
    if len(thirds) == 3 and thirds[2] > _GROWTH * thirds[1]:
        account.accuse("memory grew")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--calm", type=float, default=10.0, help="minutes at the end without a kill")
    parser.add_argument("--kill-every", type=float, default=60.0, help="seconds")
    parser.add_argument("--patience", type=float, default=30.0, help="seconds that one answer may take")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes of the service")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        account = run(
            Path(folder), minutes=options.minutes, calm=options.calm, kill_every=options.kill_every,
            patience=options.patience, seed=options.seed, workers=options.workers,
        )  # fmt: skip
    for what, count in account.done.most_common():
        cut = f"  {account.excused[what]} cut by a kill" if account.excused[what] else ""
        print(f"{count:8} {what:12} {percentiles(account.milliseconds[what])}{cut}")
    if account.excused["busy"]:
        print(f"{account.excused['busy']:8} told to come again")
    print(f"{account.done.total()} answers, {len(account.wrong)} wrong, {loads()}")
    return 1 if account.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
