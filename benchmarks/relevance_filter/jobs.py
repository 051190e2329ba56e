"""All runs of the arms, each once: a line a finished run, gone on with after whatever ended it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.methods.job import Finished, append_finished, digest_of, read_finished
from benchmarks.methods.rows import base_recipe
from benchmarks.methods.world import FRAMES, SIDE
from benchmarks.relevance_filter import arms
from benchmarks.relevance_filter.arms import ARMS, Arm
from data_pipeline.building.measured_tables import committed, read_tables, rows_sha256

SELF = "self-filter"        # folder of the model that the raw corpus taught with a seed that no arm has
SELF_SEED = 1000


def settings_of(arm: Arm, corpus_digest: str) -> str:
    """12 hex digits over all that the arm's runs depend on but the seed."""
    selection = None if arm.selection is None else arm.selection.model_dump(mode="json")
    facts = [
        base_recipe(Path(arms.WORLD)), selection, corpus_digest, arms.WORLD_SEED, arms.CLIPS, arms.FIRST_STEPS,
        arms.MORE_FRAMES_FROM, arms.TUNING_STEPS, SIDE, FRAMES,
    ]  # fmt: skip
    return digest_of(facts)


def corpus_digest(corpus: Path) -> str:
    """Of the rows of all committed shards."""
    return digest_of([rows_sha256(read_tables(shard)) for shard in committed(corpus)])


def finished_runs(results: Path, digest: str) -> dict[str, dict[int, dict[str, float]]]:
    """Arm -> seed -> figures, of runs of this corpus with the settings of now."""
    wanted = {one.name: settings_of(one, digest) for one in ARMS}
    found: dict[str, dict[int, dict[str, float]]] = {one.name: {} for one in ARMS}
    for run in read_finished(results):
        if wanted.get(run.row) == run.settings:
            found[run.row][run.seed] = run.figures
    return found


def run_missing(*, work: Path, results: Path, digest: str, seeds: int) -> Iterator[Finished]:
    """Do what is missing, each seed of all arms before the next seed, one after another."""
    done = finished_runs(results, digest)
    for seed in range(seeds):
        for one in ARMS:
            if seed not in done[one.name]:
                figures = one_run(one, seed=seed, work=work)
                run = Finished(row=one.name, seed=seed, settings=settings_of(one, digest), figures=figures)
                append_finished(results, run)
                yield run


def self_filter(work: Path) -> Path:
    """A model that knows nothing but the raw corpus itself: the folder, trained unless it is there."""
    folder = work / SELF
    if not folder.exists():
        unfinished = folder.with_name(f"{SELF}.part")
        one_run(ARMS[1], seed=SELF_SEED, work=work, keep=unfinished)
        unfinished.replace(folder)
    return folder


def one_run(arm: Arm, *, seed: int, work: Path, keep: Path | None = None) -> dict[str, float]:
    """The figures of a run in a process of its own with one thread. Raises RuntimeError."""
    command = [sys.executable, "-m", "benchmarks.relevance_filter.one_run", "--arm", arm.name, "--seed", str(seed)]
    command += ["--work", str(work)] + ([] if keep is None else ["--keep", str(keep)])
    threads = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **threads})
    if result.returncode:
        raise RuntimeError(f"The run of {arm.name!r} with seed {seed} failed: {result.stderr.strip()[-600:]}")
    figures: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return figures
