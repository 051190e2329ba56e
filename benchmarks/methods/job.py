"""All runs of the comparison, each once: a file with a line a finished run, gone on with after whatever ended it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

from benchmarks.methods import world as world_module
from benchmarks.methods.rows import Row, base_recipe

_FREE = Path("world")       # where the shards lie says nothing about a run


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run that is done: which row, seed and settings, and its figures by name."""

    row: str
    seed: int
    settings: str
    figures: dict[str, float]


def settings_of(row: Row) -> str:
    """12 hex digits over all that the row's runs are asked for but the seed: its recipe, the world, how it is evaluated.

    A setting that recipes get later makes no difference.
    """
    facts = [
        base_recipe(_FREE), row.changes, row.frames, row.shuffled, asdict(world_module.PALETTE), world_module.CLIPS,
        world_module.DIRT, world_module.SEED, world_module.SIDE, world_module.FRAMES,
    ]  # fmt: skip
    return digest_of(facts)


def digest_of(facts: object) -> str:
    """12 hex digits over plain values: the same facts, the same digits."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:12]


def read_finished(path: Path) -> list[Finished]:
    """The runs in a job file; a last line that a kill cut short is left out."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(Finished(**json.loads(line)))
        except json.JSONDecodeError:
            continue
    return found


def of_rows(found: Iterable[Finished], rows: Sequence[Row]) -> dict[str, dict[int, dict[str, float]]]:
    """Row -> seed -> figures, of runs whose settings are those that the row has now."""
    settings = {row.name: settings_of(row) for row in rows}
    table: dict[str, dict[int, dict[str, float]]] = {row.name: {} for row in rows}
    for one in found:
        if settings.get(one.row) == one.settings:
            table[one.row][one.seed] = one.figures
    return table


def run_all(rows: Sequence[Row], *, seeds: int, world: Path, path: Path, processes: int) -> Iterator[Finished]:
    """Do what is missing, a process a run, each seed of all rows before the next seed; yield runs as they are done."""
    done = of_rows(read_finished(path), rows)
    missing = [(row, seed) for seed in range(seeds) for row in rows if seed not in done[row.name]]
    lock = Lock()

    def do(row: Row, seed: int) -> Finished:
        finished = _one(row, seed, world)
        with lock:
            append_finished(path, finished)
        return finished

    with ThreadPoolExecutor(processes) as pool:
        running = [pool.submit(do, row, seed) for row, seed in missing]
        try:
            for future in as_completed(running):
                yield future.result()
        except BaseException:
            for future in running:
                future.cancel()
            raise


def _one(row: Row, seed: int, world: Path) -> Finished:
    command = [sys.executable, "-m", "benchmarks.methods.one_run", "--row", row.name, "--seed", str(seed), "--world", str(world)]
    threads = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **threads})
    if result.returncode:
        raise RuntimeError(f"The run of {row.name!r} with seed {seed} failed: {result.stderr.strip()[-600:]}")
    return Finished(row=row.name, seed=seed, settings=settings_of(row), figures=json.loads(result.stdout.splitlines()[-1]))


def append_finished(path: Path, finished: Finished) -> None:
    """Add a line and see that it is on the disk; a line that was cut short before is ended first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(json.dumps(vars(finished), ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
