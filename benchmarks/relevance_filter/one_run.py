"""One run of one arm: learn from its corpus, ask, learn from a few clean clips, ask again."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.relevance_filter.arms import WORLD, Arm, arm, first_recipe, tuning_recipe, world_specs
from data_pipeline.corpus.shard_reader import ShardDataset, decode
from data_pipeline.miniature.world import queries
from retrieval.encoders import load_encoder
from retrieval.evaluation.metrics import two_way_metrics
from retrieval.evaluation.scoring import VideoVectors, score_texts
from training.batches.choosing import choose_frames
from training.recipe import Recipe
from training.trainer import train

_FRAMES = 4


def run(asked: Arm, *, seed: int, work: Path, keep: Path | None = None) -> dict[str, float]:
    """Figures by name: `zero.` before the clean clips, `tuned.` after. keep: where the model of the corpus is to stay."""
    with tempfile.TemporaryDirectory() as folder:
        first, began, figures = None, time.process_time(), dict[str, float]()
        if asked.selection is not None:
            first = _trained(first_recipe(asked, seed=seed, work=work), Path(folder) / "first")
            figures = _figures(first, work, "zero")
            if keep is not None:
                shutil.copytree(first, keep, dirs_exist_ok=True)
        tuned = _trained(tuning_recipe(first, seed=seed, work=work), Path(folder) / "tuned")
        return {**figures, **_figures(tuned, work, "tuned"), "cpu_seconds": time.process_time() - began}


def _trained(recipe: Recipe, folder: Path) -> Path:
    if not train(recipe, folder, device="cpu").finished:
        raise KeyboardInterrupt
    return folder / "model"


def _figures(model: Path, work: Path, when: str) -> dict[str, float]:
    """Recall of clean unseen clips by their descriptions of full detail, in percent."""
    stored = ShardDataset(work / WORLD, split="test")
    encoder, mask = load_encoder(str(model), device="cpu"), np.ones((1, _FRAMES), np.bool_)
    read = [
        encoder.encode_clips(decode(sample, choose_frames(len(sample.jpegs), _FRAMES, None))[None], frame_mask=mask)
        for sample in map(stored.__getitem__, range(len(stored)))
    ]
    videos = VideoVectors(
        pooled=np.stack([clip.pooled[0] for clip in read]), frames=np.stack([clip.frames[0] for clip in read]),
        mask=np.repeat(mask, len(read), axis=0), thumbnails=(),
    )  # fmt: skip
    asked = queries(world_specs("test"), seed=0, detail="full")
    scores = score_texts([query.text for query in asked], encoder, videos)
    found = two_way_metrics(scores.pooled, [set(query.relevant) for query in asked])
    return {
        f"{when}.r_sum": found.r_sum, f"{when}.text_to_video.r1": found.text_to_video.recall_at_1,
        f"{when}.text_to_video.r10": found.text_to_video.recall_at_10,
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arm", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--keep", type=Path, help="where the model that the corpus taught is to stay")
    options = parser.parse_args()
    torch.set_num_threads(1)
    figures = run(arm(options.arm), seed=options.seed, work=options.work, keep=options.keep)
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
