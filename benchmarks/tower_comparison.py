"""Which tower tells motions apart: single frames, late and early fusion, three dimensions, slow and fast, on one budget.

    python -m benchmarks.tower_comparison --directory DIR [--rows NAME ...] [--seeds 3] [--steps 350] ... [--table]
        [--processes 1] [--device cpu]

Draws clips of the small world of `benchmarks.methods`, without dirt, into DIR, trains every row with every seed on them with
the same steps, clips and sizes, and asks two things of clips that no training saw. Motion: groups of clips that are alike in
all but what the thing does, and captions that differ in the verb alone, ranked within their group. Overall: full
descriptions against all clips of the test split. Both as the pooled R@sum, mean of both directions, at most 300:
a random order within groups gives 163. DIR/runs.jsonl has a line a finished run, keyed by row, seed and all settings: a later
call does what is missing, also after a kill in the middle of a run. The table gives the mean over seeds and its 95 % interval
(Student's t). --table only prints it; the committed runs are in `benchmarks/towers`. --processes: runs at once, each on one
core, or all on one GPU.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from benchmarks.methods.job import Finished, append_finished, completed, digest_of, read_finished, worker_pool
from benchmarks.methods.statistics import mean_of
from benchmarks.methods.world import PALETTE
from data_pipeline.corpus.shard_reader import ShardDataset, decode
from data_pipeline.miniature.captions import say
from data_pipeline.miniature.motions import MOTIONS
from data_pipeline.miniature.spec import SceneSpec
from data_pipeline.miniature.training_set import write_clips
from data_pipeline.miniature.truth import condition_of, relevant_sets
from data_pipeline.miniature.world import WorldClip, generate, queries
from data_pipeline.miniature.world.held_out import Split, split_of
from retrieval.encoders import load_encoder
from retrieval.evaluation.metrics import two_way_metrics
from retrieval.evaluation.scoring import Scores, VideoVectors, score_texts
from training.logs import read_log
from training.recipe import Recipe
from training.recipe_file import plain, recipe_of
from training.trainer import train

WORLD_SEED = 31
_VALIDATION = 200       # clips, to write the model by
_CLIPS_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is compared; one_frame: trained and asked with the middle frame of a clip alone."""

    what: str
    tower: str = "single"
    aggregation: str = "mean"
    one_frame: bool = False


ROWS = {
    "single_frame": Row(what="one frame", one_frame=True),
    "mean": Row(what="late fusion: mean of frames"),
    "transformer": Row(what="late fusion: transformer", aggregation="transformer"),
    "recurrent": Row(what="late fusion: recurrent", aggregation="recurrent"),
    "non_local": Row(what="late fusion: non-local", aggregation="non_local"),
    "token_shift": Row(what="token shift", tower="token_shift"),
    "grid": Row(what="early fusion: grid of frames", tower="grid"),
    "two_stream": Row(what="pictures and differences", tower="two_stream"),
    "inflated": Row(what="3D: inflated, space and time", tower="inflated"),
    "video_swin": Row(what="3D: Video Swin", tower="video_swin"),
    "slow_fast": Row(what="slow and fast", tower="slow_fast"),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all rows share. clips: of the training split; asked: clips of the test split; groups: of motion captions."""

    steps: int = 350
    batch: int = 48
    clips: int = 6000
    asked: int = 300
    groups: int = 40
    side: int = 48
    frames: int = 6
    learning_rate: float = 1.5e-3


def digest(name: str, settings: Settings) -> str:
    """Digits of everything that decides a row's runs but their seed."""
    recipe = plain(recipe_for(ROWS[name], seed=0, settings=settings, shards=Path("world")))
    return digest_of([asdict(settings), WORLD_SEED, asdict(PALETTE), asdict(ROWS[name]), recipe])


def recipe_for(row: Row, *, seed: int, settings: Settings, shards: Path) -> Recipe:
    """The recipe of a run. Raises InputError when the settings do not fit each other."""
    frames = 1 if row.one_frame else settings.frames
    return recipe_of({
        "name": f"tower {row.tower}, {row.aggregation}", "seed": seed,
        "model": {
            "new": {
                "side": settings.side, "patch": 12, "width": 96, "layers": 3, "heads": 3, "text_width": 96,
                "text_layers": 2, "text_heads": 3, "dimension": 128,
            },
            "temporal": {"aggregation": row.aggregation},
            # Patches as coarse as halves of the other towers': at the usual 4 pixels it costs four times as much as they do.
            "video": {"tower": row.tower, "every": 3, "patch": 6, "width": 32, "depths": [2, 2, 2], "window": [8, 4, 4]},
            "attention": "eager",
        },
        "data": {
            "train": {"shards": str(shards), "split": "train"},
            "validation": {"shards": str(shards), "split": "validation"},
            "frames": frames, "texts": {"language": {"zh": 1}}, "workers": 1,
        },
        "objective": {
            "pooled": {"info_nce": 1.0}, "token_wise": {"info_nce": 0.5}, "words": {"pooled": 0.5, "token_wise": 0.5},
        },
        "optimiser": {"learning_rate": settings.learning_rate, "betas": [0.9, 0.99]},
        "schedule": {"steps": settings.steps}, "batch": {"size": settings.batch}, "ema_decay": 0.99,
        "evaluation": {"every": settings.steps, "texts": {"language": {"zh": 1}, "detail": {"full": 1}}},
        "checkpoint": {"every": max(settings.steps // 6, 1), "keep": 1},
    })  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Texts and the clips that answer them; group: clips and texts of one number are compared with each other alone."""

    texts: tuple[str, ...]
    scenes: tuple[SceneSpec, ...]
    relevant: tuple[frozenset[int], ...]
    text_group: tuple[int, ...]
    scene_group: tuple[int, ...]


def motion_groups(count: int, *, seed: int, seen: frozenset[object]) -> Asked:
    """So many groups: a scene of one actor with every motion that the world's training may show of that thing.

    seen: conditions of training scenes; a scene that is one of them is left out. The captions of a group are worded alike.
    """
    texts: list[str] = []
    scenes: list[SceneSpec] = []
    groups: list[int] = []
    for scene in _lone_scenes(count, seed=seed):
        variants = [_doing(scene, motion) for motion in MOTIONS]
        new = [one for one in variants if split_of(one.shots) != "composition" and condition_of(one) not in seen]
        scenes += new
        texts += [say(condition_of(one), Random(scene.name), language="zh", detail="full") for one in new]
        groups += [len(set(groups))] * len(new)
    relevant = relevant_sets([condition_of(scene) for scene in scenes], scenes)
    return Asked(
        texts=tuple(texts), scenes=tuple(scenes), relevant=tuple(frozenset(one) for one in relevant),
        text_group=tuple(groups), scene_group=tuple(groups),
    )  # fmt: skip


def _lone_scenes(count: int, *, seed: int) -> list[SceneSpec]:
    """The first so many test scenes of one shot with one actor that does one thing."""
    found: list[SceneSpec] = []
    start = 0
    while len(found) < count:
        specs = [clip.spec for clip in generate(100, seed=seed, split="test", start=start, palette=PALETTE)]
        found += [one for one in specs if len(one.shots) == 1 and len(one.actors) == 1 and one.actors[0].then is None]
        start += 100
    return found[:count]


def _doing(scene: SceneSpec, motion: str) -> SceneSpec:
    """The same scene with another motion, without texts in or beside the picture."""
    name = f"{scene.name}-{motion}"
    return replace(scene, name=name, actors=(replace(scene.actors[0], motion=motion),), on_screen=(), spoken=())


def all_of(scenes: Sequence[SceneSpec], *, seed: int) -> Asked:
    """Every scene described in full, all compared with all."""
    asked = queries(scenes, seed=seed, detail="full")
    return Asked(
        texts=tuple(query.text for query in asked), scenes=tuple(scenes),
        relevant=tuple(query.relevant for query in asked), text_group=(0,) * len(asked), scene_group=(0,) * len(scenes),
    )  # fmt: skip


def r_sum_within_groups(similarity: NDArray[np.float32], asked: Asked) -> float:
    """The mean over groups of R@sum, itself the mean of both directions: at most 300."""
    text_group, scene_group = np.array(asked.text_group), np.array(asked.scene_group)
    totals = []
    for group in np.unique(text_group):
        rows, columns = np.flatnonzero(text_group == group), np.flatnonzero(scene_group == group)
        place = {int(column): k for k, column in enumerate(columns)}
        relevant = [{place[one] for one in asked.relevant[row] if one in place} for row in rows]
        totals.append(two_way_metrics(similarity[np.ix_(rows, columns)], relevant).r_sum / 2)
    return float(np.mean(totals))


@dataclass(frozen=True, kw_only=True)
class World:
    """What is trained on and asked: folders of shards and the questions to the scenes in them."""

    shards: Path
    motion: Asked
    motion_shards: Path
    overall: Asked


def draw_world(directory: Path, settings: Settings) -> World:
    """Draw what is not there yet; worlds of other sizes lie beside each other."""
    shape = (settings.clips, settings.asked, settings.groups, settings.side, settings.frames)
    folder = directory / f"world-{digest_of([WORLD_SEED, asdict(PALETTE), *shape])}"
    shards, motion_shards = folder / "world", folder / "motion"
    counts: tuple[tuple[Split, int], ...] = (
        ("train", settings.clips), ("validation", _VALIDATION), ("test", settings.asked)
    )  # fmt: skip
    trained, validated, tested = (
        generate(count, seed=WORLD_SEED, split=split, palette=PALETTE) for split, count in counts
    )
    write_clips(shards, [*trained, *validated, *tested], side=settings.side, frames=settings.frames)
    seen = frozenset(condition_of(clip.spec) for clip in trained)
    motion = motion_groups(settings.groups, seed=WORLD_SEED + 1, seen=seen)
    drawn = [WorldClip(spec=scene, split="test", captions=()) for scene in motion.scenes]
    write_clips(motion_shards, drawn, side=settings.side, frames=settings.frames)
    overall = all_of([clip.spec for clip in tested], seed=WORLD_SEED)
    return World(shards=shards, motion=motion, motion_shards=motion_shards, overall=overall)


def scores(model: Path, asked: Asked, *, shards: Path, one_frame: bool, device: str = "cpu") -> Scores:
    """A stored model's scores of all texts with all scenes, from their frames in the shards."""
    encoder = load_encoder(str(model), device=device)
    samples = ShardDataset(shards, split="test")
    place = {samples.key(number): number for number in range(len(samples))}
    pooled, frames = [], []
    for start in range(0, len(asked.scenes), _CLIPS_AT_ONCE):
        clips = [decode(samples[place[scene.name]]) for scene in asked.scenes[start : start + _CLIPS_AT_ONCE]]
        if one_frame:
            clips = [clip[len(clip) // 2][None] for clip in clips]
        pictures = np.stack(clips)
        encoded = encoder.encode_clips(pictures, frame_mask=np.ones(pictures.shape[:2], dtype=np.bool_))
        pooled.append(encoded.pooled)
        frames.append(encoded.frames)
    tokens = np.concatenate(frames)
    mask = np.ones(tokens.shape[:2], dtype=np.bool_)
    vectors = VideoVectors(pooled=np.concatenate(pooled), frames=tokens, mask=mask, thumbnails=())
    return score_texts(asked.texts, encoder, vectors)


def run(
    name: str, *, seed: int, settings: Settings, world: World, output: Path, device: str = "cpu"
) -> dict[str, float]:
    """Train a row with a seed, going on from what an earlier call left, and ask it: the figures."""
    row, began = ROWS[name], time.process_time()
    train(recipe_for(row, seed=seed, settings=settings, shards=world.shards), output, device=device)
    trained = time.process_time()
    losses = [line["loss"] for line in read_log(output) if "loss" in line]
    asked = {"one_frame": row.one_frame, "device": device}
    motion = scores(output / "model", world.motion, shards=world.motion_shards, **asked)
    overall = scores(output / "model", world.overall, shards=world.shards, **asked)
    share = max(len(losses) // 20, 1)
    return {
        "motion": r_sum_within_groups(motion.pooled, world.motion),
        "overall": r_sum_within_groups(overall.pooled, world.overall),
        "motion_reranked": r_sum_within_groups(motion.reranked, world.motion),
        "overall_reranked": r_sum_within_groups(overall.reranked, world.overall),
        "first_loss": statistics.mean(losses[:share]), "last_loss": statistics.mean(losses[-share:]),
        "parameters": json.loads((output / "training.json").read_text(encoding="utf-8"))["parameters"],
        "cpu_seconds": round(trained - began, 1),     # of this call: less than the whole where it went on from a state
    }  # fmt: skip


def finished(jobs: Path, settings: Settings) -> dict[tuple[str, int], dict[str, float]]:
    """Row and seed -> figures, of every run of these settings that a job file holds."""
    keys = {name: digest(name, settings) for name in ROWS}
    found = [one for one in read_finished(jobs) if keys.get(one.row) == one.settings]
    return {(one.row, one.seed): one.figures for one in found}


def table(done: dict[tuple[str, int], dict[str, float]]) -> str:
    """The rows as Markdown, those that were run."""
    lines = [
        "| row | seeds | motion R@sum | overall R@sum | motion, re-ranked | loss, first → last | parameters | CPU minutes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in ROWS.items():
        runs = [figures for (own, _), figures in sorted(done.items()) if own == name]
        if not runs:
            continue
        columns = [str(mean_of([one[key] for one in runs])) for key in ("motion", "overall", "motion_reranked")]
        first, last, cpu = (statistics.mean(one[key] for one in runs) for key in ("first_loss", "last_loss", "cpu_seconds"))
        lines.append(
            f"| {row.what} (`{name}`) | {len(runs)} | {' | '.join(columns)}"
            f" | {first:.2f} → {last:.2f} | {runs[0]['parameters']:,.0f} | {cpu / 60:.1f} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--rows", nargs="+", choices=tuple(ROWS), default=tuple(ROWS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--table", action="store_true", help="train nothing")
    for name, default in asdict(Settings()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    options = parser.parse_args()
    settings = Settings(**{name: getattr(options, name) for name in asdict(Settings())})
    jobs = options.directory / "runs.jsonl"
    # Seeds in the outer loop: a table that is cut short has as many of each row.
    wanted = [(name, seed) for seed in range(options.seeds) for name in options.rows]
    done = finished(jobs, settings)
    missing = [] if options.table else [one for one in wanted if one not in done]
    if missing:
        world = draw_world(options.directory, settings)

        def keep(key: tuple[str, int, Path], figures: dict[str, float]) -> None:
            name, seed, output = key
            append_finished(jobs, Finished(row=name, seed=seed, settings=digest(name, settings), figures=figures))
            shutil.rmtree(output)

        with worker_pool(options.processes) as pool:
            running = {}
            for name, seed in missing:
                output = options.directory / f"{name}-{seed}-{digest(name, settings)}"
                future = pool.submit(
                    run, name, seed=seed, settings=settings, world=world, output=output, device=options.device
                )
                running[future] = (name, seed, output)
            for (name, seed, _), figures in completed(running, keep=keep):
                print(f"{name}, seed {seed}: {json.dumps(figures)}", flush=True)
    print(table(finished(jobs, settings)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
