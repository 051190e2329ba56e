"""All runs of the comparison, each once: a file with a line a finished run, gone on with after whatever ended it."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import torch

from benchmarks.methods import world as world_module
from benchmarks.methods.one_run import run
from benchmarks.methods.rows import SMALL, Row, Scale, base_recipe
from data_pipeline.corpus.shard_reader import ShardDataset
from retrieval.model.significance import content_words
from training.batches.samples import training_texts

_Key, _Result = TypeVar("_Key"), TypeVar("_Result")
_FREE = Path("world")       # where the shards lie says nothing about a run


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run that is done: which row, seed and settings, its figures by name, and what was drawn for it, where that can differ.

    world: "" = unknown, as in the first runs of all, or nothing can differ.
    """

    row: str
    seed: int
    settings: str
    figures: dict[str, float]
    world: str = ""


def settings_of(row: Row, scale: Scale = SMALL) -> str:
    """12 hex digits over all that the row's runs are asked for but the seed: its recipe, the world, how it is evaluated.

    A setting that recipes get later makes no difference.
    """
    facts = [
        base_recipe(_FREE, scale), row.changes, row.frames(scale), row.shuffled, asdict(world_module.PALETTE), world_module.CLIPS,
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


def of_rows(
    found: Iterable[Finished], rows: Sequence[Row], scale: Scale = SMALL, *, world: str | None = None
) -> dict[str, dict[int, dict[str, float]]]:
    """Row -> seed -> figures, of runs whose settings are those that the row has now, in one world.

    world: None = the one with runs of most rows, of equal ones that with most runs, then that of the last run.
    """
    current = _current(found, rows, scale)
    if world is None:
        world = _fullest_world(current)
    table: dict[str, dict[int, dict[str, float]]] = {row.name: {} for row in rows}
    for one in current:
        if one.world == world:
            table[one.row][one.seed] = one.figures
    return table


def elsewhere(found: Iterable[Finished], rows: Sequence[Row], scale: Scale = SMALL) -> str:
    """How many runs of which other worlds `of_rows` leaves out, "" = none; runs of before worlds were told apart are of one."""
    current = _current(found, rows, scale)
    shown = _fullest_world(current)
    counts = Counter(one.world for one in current if one.world != shown)
    return ", ".join(f"{runs} of {f'the world {world}' if world else 'an unknown world'}" for world, runs in counts.items())


def _current(found: Iterable[Finished], rows: Sequence[Row], scale: Scale) -> list[Finished]:
    settings = {row.name: settings_of(row, scale) for row in rows}
    return [one for one in found if settings.get(one.row) == one.settings]


def _fullest_world(current: Sequence[Finished]) -> str:
    runs: dict[str, list[int]] = {}
    for place, one in enumerate(current):
        runs.setdefault(one.world, []).append(place)

    def fullness(world: str) -> tuple[int, int, int]:
        places = runs[world]
        return len({current[place].row for place in places}), len(places), places[-1]

    return max(runs, key=fullness, default="")


def run_all(
    rows: Sequence[Row], *, seeds: int, world: Path, path: Path, processes: int, scale: Scale = SMALL, device: str = "cpu"
) -> Iterator[Finished]:
    """Do what is missing, so many runs at once, each seed of all rows before the next seed; yield runs as they are done.

    The words of the world's texts are tagged once, before its processes begin, where these can inherit them.
    """
    drawn = world_module.digest_of_drawn(world)
    done = of_rows(read_finished(path), rows, scale, world=drawn)
    missing = [(row, seed) for seed in range(seeds) for row in rows if seed not in done[row.name]]
    if not missing:
        return
    tag_words(world)
    with worker_pool(processes) as pool:
        running = {pool.submit(_one, row, seed, world, scale, device): None for row, seed in missing}
        for _, finished in completed(running, keep=lambda _, run: append_finished(path, replace(run, world=drawn))):
            yield finished


def completed(
    running: Mapping[Future[_Result], _Key], *, keep: Callable[[_Key, _Result], None]
) -> Iterator[tuple[_Key, _Result]]:
    """Each run and what it gave, as they are done; `keep` comes first.

    When one fails or the caller is ended, those that wait are cancelled, and those that are going are kept when they end.
    """
    left = dict(running)
    try:
        for future in as_completed(running):
            key = left.pop(future)
            result = future.result()
            keep(key, result)
            yield key, result
    except BaseException:
        going = [future for future in left if not future.cancel()]      # some of them may be done by now
        for future in as_completed(going):
            if future.exception() is None:
                keep(left[future], future.result())
        raise


def worker_pool(processes: int) -> Executor:
    """Processes for runs, a core each; on Linux they inherit what this one has imported and remembers."""
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    return ProcessPoolExecutor(processes, mp_context=context, initializer=torch.set_num_threads, initargs=(1,))


def tag_words(world: Path) -> None:
    """Tag all texts that are trained on: what the tagger remembers serves the rows that look for significant words."""
    for text in training_texts(ShardDataset(world, split="train")):
        content_words(text)


def _one(row: Row, seed: int, world: Path, scale: Scale, device: str) -> Finished:
    figures = run(row, seed=seed, world=world, scale=scale, device=device)
    rounded = {name: round(value, 4) for name, value in figures.items()}
    return Finished(row=row.name, seed=seed, settings=settings_of(row, scale), figures=rounded)


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
