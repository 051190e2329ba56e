"""How fast the trainer trains: whole steps from shards against a bare loop on the same model and the same batch.

    python -m benchmarks.training_speed [--rounds 3] [--steps 12] [--batch N] [--workers 2] [--precision bf16|fp32] [--clips N]
        [--largest 1024] [--recipe miniature]

A whole step reads and decodes its clips, computes loss and gradients, clips them, updates weights and their average, and
logs. The bare loop does forward, cross entropy, backward and AdamW on one batch that is in memory. Both run in
turns within one process, the first step of each turn is left out. The ratio is that of the fastest steps of both, those
that other programs disturbed least; medians stand beside it. On a GPU the model is of the size of
Chinese-CLIP ViT-B/16 with 12 frames at 224 px, and the largest batch with and without the gradient cache is looked for; on
a CPU it is the default small model with 4 frames at 96 px. Exits with 1 when whole steps reach less than 0.95 of the bare
loop's speed or wait for data for 10 % of their time or more.

With --recipe the model, the objective, the precision, the frames and the batch are those of a recipe that makes a new
model, the last ones where they change in its course, such as the demo model's: `--recipe miniature`. Its objective may be
more than the bare loop's cross entropy, so that only waiting for data is held against a target.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from data_pipeline.corpus.samples import PictureFormat, Sample, SampleText
from data_pipeline.corpus.shards import write_shards
from retrieval.errors import InputError
from retrieval.model import DualEncoder
from training.batches.batch import Batch
from training.batches.order import Position, planned_batches
from training.batches.tokens import TokenRows
from training.gradients import backward
from training.logs import read_log
from training.processes import Processes
from training.recipe import Recipe
from training.recipe_file import read_recipe, recipe_of
from training.setup import Setup, prepare
from training.trainer import train

LEAST_RATIO, MOST_WAIT = 0.95, 0.10
WORDS = "一二三四五六七八九十的是在不了有和人这中大为上个国我以要他红黄蓝绿猫狗车树山水左右前后跑跳飞"
VIT_B_16 = {
    "side": 224, "patch": 16, "width": 768, "layers": 12, "heads": 12, "text_width": 768, "text_layers": 12,
    "text_heads": 12, "dimension": 512,
}  # fmt: skip


def write_clips(directory: Path, *, clips: int, validation: int, frames: int, side: int) -> None:
    """Shards of pictures that cost a JPEG decoder what photographs do: coarse colours, finer noise."""
    random = np.random.default_rng(0)

    def clip(number: int, split: str) -> Sample:
        coarse = random.integers(0, 256, (frames, 8, 8, 3), np.uint8)
        smooth = [Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC) for picture in coarse]
        noise = random.normal(0, 12, (frames, side, side, 3))
        pictures = np.clip(np.stack([np.asarray(picture) for picture in smooth]) + noise, 0, 255).astype(np.uint8)
        text = SampleText(
            text="".join(random.choice(list(WORDS), 16)), language="zh", detail="full", kind="caption"
        )  # fmt: skip
        return Sample(
            id=f"{split}-{number}", video=f"{split}-{number}", start_ms=0, end_ms=1000 * frames,
            times_ms=tuple(range(500, 1000 * frames, 1000)), frames=pictures, texts=(text,), split=split, decoder="drawn",
        )  # fmt: skip

    form = PictureFormat(height=side, width=side)
    counts = (("train", clips), ("validation", validation))
    write_shards((clip(number, split) for split, count in counts for number in range(count)), directory, form=form)
    (directory / "vocabulary.txt").write_text("\n".join(sorted(set(WORDS))) + "\n", encoding="utf-8")


def recipe_for(shards: Path, args: argparse.Namespace, *, cuda: bool) -> Recipe:
    if args.recipe:
        return packaged(args.recipe, shards, args)
    frames, new = (12, VIT_B_16) if cuda else (4, {})
    return recipe_of({
        "name": "speed", "model": {"new": new},
        "data": {
            "train": {"shards": str(shards), "split": "train"},
            "validation": {"shards": str(shards), "split": "validation"}, "frames": frames, "workers": args.workers,
        },
        "schedule": {"steps": args.steps}, "batch": {"size": args.batch or (32 if cuda else 64)},
        "evaluation": {"every": 10**9}, "checkpoint": {"every": 10**9}, "precision": args.precision or "bf16",
    })  # fmt: skip


def packaged(name: str, shards: Path, args: argparse.Namespace) -> Recipe:
    """A recipe on drawn shards, for a few steps; its last stage throughout. Raises InputError when it makes no new model."""
    recipe = read_recipe(Path(name))
    if recipe.model.new is None:
        raise InputError(f"The recipe {name} starts from a model that is there: give one that makes a new model.")
    splits = [f"data.{part}.{what}" for part, split in (("train", "train"), ("validation", "validation"))
              for what in (f"shards={shards}", f"split={split}")]
    return read_recipe(Path(name), overrides=[
        *splits, f"data.workers={args.workers}", f"data.frames={recipe.data.frames.values[-1]}",
        f"batch.size={args.batch or recipe.batch.size.values[-1]}", f"precision={args.precision or recipe.precision}",
        f"schedule.steps={args.steps}", "schedule.epochs=null", f"evaluation.every={10**9}", f"checkpoint.every={10**9}",
    ])  # fmt: skip


class BareLoop:
    """Forward, loss, backward and AdamW on one batch, in as few lines as it takes."""

    def __init__(self, model: DualEncoder, batch: Batch, *, bf16: bool) -> None:
        self._model, self._batch, self._bf16 = model.train(), batch, bf16
        self._optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step(self) -> None:
        model, batch, device = self._model, self._batch, self._batch.pictures.device
        self._optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=self._bf16):
            texts = model.encode_texts(batch.texts.ids, attended=batch.texts.attended, words=batch.texts.words)
            videos = model.encode_videos(batch.pictures, mask=batch.frame_mask)
        logits = model.logit_scale * texts.pooled @ videos.pooled.T
        own = torch.arange(len(logits), device=device)
        loss = (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        self._optimiser.step()
        loss.item()     # whoever trains looks at the loss


def timed(work: Callable[[], object], count: int) -> list[float]:
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return seconds


def one_batch(setup: Setup, recipe: Recipe) -> Batch:
    plans = planned_batches(setup.data.videos, size_at=recipe.batch.size.at, seed=0, start=Position(), steps=1)
    return setup.data.batch(next(plans), recipe, Processes())


def in_turns(
    recipe: Recipe, bare: BareLoop, folder: Path, *, rounds: int, steps: int
) -> tuple[list[float], list[float], float]:
    """Seconds of whole steps and of bare ones, and the share of a whole step's time that waits for data."""
    whole: list[float] = []
    alone: list[float] = []
    waits: list[float] = []
    for number in range(rounds):
        train(recipe, folder / f"run-{number}")
        lines = [line for line in read_log(folder / f"run-{number}") if "loss" in line][1:]
        whole += [line["seconds"] for line in lines]
        waits += [line["data_wait"] * line["seconds"] for line in lines]
        alone += timed(bare.step, steps)[1:]
    return whole, alone, sum(waits) / sum(whole)


def largest_batch(
    setup: Setup, batch: Batch, *, bf16: bool, micro_batch: int | None, limit: int
) -> tuple[int, bool]:
    """The most clips of which a step fits into the GPU's memory, and whether the limit ended the search, not the memory.

    Doubled from 32 up to the limit, then in eighths of that.
    """
    found, size = 0, 32
    while size <= limit and _fits(setup, batch, size, bf16=bf16, micro_batch=micro_batch):
        found, size = size, size * 2
    step = found // 8
    while step and found + step <= limit and found + step < size:
        if not _fits(setup, batch, found + step, bf16=bf16, micro_batch=micro_batch):
            return found, False
        found += step
    return found, size > limit


def largest_said(most: int, capped: bool, *, micro_batch: int | None) -> str:
    """The line of a largest batch; one that the search's own limit ended is called so."""
    cache = "without" if micro_batch is None else f"with micro-batches of {micro_batch} in"
    cap = ", the largest that was tried: more may fit" if capped else ""
    return f"largest batch {cache} the cache: {most}{cap}"


def _fits(setup: Setup, batch: Batch, size: int, *, bf16: bool, micro_batch: int | None) -> bool:
    try:
        step_of(setup, repeated(batch, size), bf16=bf16, micro_batch=micro_batch)
    except torch.cuda.OutOfMemoryError:
        return False
    finally:
        setup.model.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
    return True


def step_of(setup: Setup, batch: Batch, *, bf16: bool, micro_batch: int | None) -> None:
    text_ids = batch.text_ids.to(setup.model.logit_scale.device)
    backward(
        setup.model, batch, lambda found, scale: setup.objective(*found, logit_scale=scale, text_ids=text_ids),
        bf16=bf16, micro_batch=micro_batch,
    )  # fmt: skip


def repeated(batch: Batch, size: int) -> Batch:
    """So many rows, the batch's own over and over, each with a text that counts as another."""
    rows = torch.arange(size) % len(batch)
    attended = batch.texts.attended
    texts = TokenRows(
        ids=batch.texts.ids[rows], words=batch.texts.words[rows], attended=None if attended is None else attended[rows]
    )
    return Batch(
        keys=("",) * size, texts=texts, text_ids=torch.arange(size), pictures=batch.pictures[rows],
        frame_mask=batch.frame_mask[rows],
    )  # fmt: skip


def matmul_peak(device: torch.device, *, bf16: bool, side: int) -> float:
    """Operations a second of one big matrix product, the best of ten."""
    a = torch.randn(side, side, device=device, dtype=torch.bfloat16 if bf16 else torch.float32)

    def product() -> None:
        torch.mm(a, a)
        if device.type == "cuda":
            torch.cuda.synchronize()

    return float(2 * side**3 / min(timed(product, 10)))


def flops_of(bare: BareLoop) -> int:
    """Operations of matrix products and convolutions in one step, backward pass included."""
    with FlopCounterMode(display=False) as counter:
        bare.step()
    return int(counter.get_total_flops())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batch", type=int, help="clips a step; 32 on a GPU, 64 on a CPU")
    parser.add_argument("--clips", type=int, help="that are drawn and read; 4 batches by default")
    parser.add_argument("--largest", type=int, default=1024, help="batch that is tried on a GPU")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--precision", choices=["bf16", "fp32"], help="bf16, or the recipe's")
    parser.add_argument("--recipe", metavar="NAME", help="a packaged recipe or a YAML file, instead of a model for speed")
    return parser.parse_args()


def main() -> int:
    args, cuda = arguments(), torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        recipe = recipe_for(folder / "shards", args, cuda=cuda)
        bf16, size, frames = recipe.precision == "bf16", recipe.batch.size.at(0), recipe.data.frames.at(0)
        side = recipe.model.new.side if recipe.model.new else VIT_B_16["side"]
        write_clips(folder / "shards", clips=args.clips or 4 * size, validation=8, frames=max(frames, 8), side=side)
        setup = prepare(recipe, folder / "start", Processes(device=device))
        batch = one_batch(setup, recipe)
        bare = BareLoop(setup.model, batch.to(device), bf16=bf16)
        flops = flops_of(bare)
        whole, alone, wait = in_turns(recipe, bare, folder, rounds=args.rounds, steps=args.steps)
        peak = matmul_peak(device, bf16=bf16, side=8192 if cuda else 1024)
        name = torch.cuda.get_device_name() if cuda else f"{os.cpu_count()} CPU cores, {torch.get_num_threads()} threads"
        shape = list(batch.pictures.shape[1:4])
        print(f"{name}, {args.recipe or 'model for speed'}, {recipe.precision}, {args.workers} workers")
        print(f"  {size} clips of {shape} a step")
        for what, seconds in (("whole step", whole), ("bare loop", alone)):
            middle, best = statistics.median(seconds), min(seconds)
            print(f"  {what:<11} median {1000 * middle:8.1f} ms, fastest {1000 * best:8.1f} ms, {size / middle:.0f} clips/s")
        ratio, used = min(alone) / min(whole), flops / statistics.median(whole) / peak
        target = "another objective, no target" if args.recipe else f"target >= {LEAST_RATIO}"
        print(f"  whole steps run at {ratio:.3f} of the bare loop ({target})")
        print(f"  waiting for data {100 * wait:.1f} % of a step (target < {100 * MOST_WAIT:.0f} %)")
        if not args.recipe:
            print(f"  {flops / size / 1e9:.1f} GFLOP a clip: {100 * used:.0f} % of a matrix product's {peak / 1e12:.2f} TFLOP/s")
        for micro in (None, 32) if cuda else ():
            limit = args.largest if micro else min(args.largest, 256)
            most, capped = largest_batch(setup, batch, bf16=bf16, micro_batch=micro, limit=limit)
            print("  " + largest_said(most, capped, micro_batch=micro))
    return 0 if (args.recipe or ratio >= LEAST_RATIO) and wait < MOST_WAIT else 1


if __name__ == "__main__":
    sys.exit(main())
