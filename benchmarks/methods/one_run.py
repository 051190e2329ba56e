"""One run of one row: train, then ask the model about clips that it has never seen."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import numpy as np
import torch

from benchmarks.methods.rows import Row, recipe, row
from benchmarks.methods.world import specs_of
from data_pipeline.corpus.shard_reader import ShardDataset, decode
from data_pipeline.miniature.world import queries, swaps
from data_pipeline.miniature.world.held_out import Split
from retrieval.encoders import load_encoder
from retrieval.encoders.protocols import VideoTextEncoder
from retrieval.evaluation.metrics import two_way_metrics
from retrieval.evaluation.scoring import VideoVectors, score_texts
from training.batches.choosing import choose_frames
from training.recipe import Recipe
from training.trainer import train

_SPLITS: tuple[Split, ...] = ("test", "composition")


def run(asked: Row, *, seed: int, world: Path) -> dict[str, float]:
    """Train the row from this seed and give its figures by name, with the seconds that training took."""
    settings = recipe(asked, seed=seed, world=world)
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        if not train(settings, Path(folder), device="cpu").finished:
            raise KeyboardInterrupt
        figures = {"cpu_seconds": time.process_time() - began}
        encoder = load_encoder(str(Path(folder) / "model"), device="cpu")
        for split in _SPLITS:
            found = _figures(encoder, asked, split, world, fine=_compares_words(settings), seed=seed)
            figures |= {f"{split}.{name}": value for name, value in found.items()}
        return figures


def _compares_words(settings: Recipe) -> bool:
    """Whether the row trains the token-wise score, so that it may take part in ranking."""
    return any(weight > 0 for _, weight in settings.objective.token_wise)


def _figures(
    encoder: VideoTextEncoder, asked: Row, split: Split, world: Path, *, fine: bool, seed: int
) -> dict[str, float]:
    specs, videos = specs_of(split), _videos(encoder, asked, split, world, seed=seed)
    full = queries(specs, seed=0, detail="full")
    scores = score_texts([query.text for query in full], encoder, videos)
    found = two_way_metrics(scores.reranked if fine else scores.pooled, [set(query.relevant) for query in full])
    figures = {
        "r_sum": found.r_sum, "pooled.r_sum": two_way_metrics(scores.pooled, [set(q.relevant) for q in full]).r_sum,
        "text_to_video.r1": found.text_to_video.recall_at_1, "video_to_text.r1": found.video_to_text.recall_at_1,
    }  # fmt: skip
    asked_swaps = swaps(specs, seed=0)
    texts = [text for swap in asked_swaps for text in (swap.true, swap.false)]
    both = score_texts(texts, encoder, videos)
    values = (both.reranked if fine else both.pooled)[np.arange(len(texts)), np.repeat([s.scene for s in asked_swaps], 2)]
    for fact in ("attribute", "verb", "relation"):
        rows = np.array([swap.fact == fact for swap in asked_swaps])
        pairs = values.reshape(-1, 2)[rows]
        figures[f"swap.{fact}"] = float(((pairs[:, 0] > pairs[:, 1]) + (pairs[:, 0] == pairs[:, 1]) / 2).mean() * 100)
    return figures


def _videos(encoder: VideoTextEncoder, asked: Row, split: Split, world: Path, *, seed: int) -> VideoVectors:
    """The clips of a split as the row sees them."""
    pooled, frames = [], []
    mask = np.ones((1, asked.frames), np.bool_)
    for sample in ShardDataset(world, split=split):
        numbers = choose_frames(len(sample.jpegs), asked.frames, None)
        if asked.shuffled:
            Random(f"{seed} {sample.key}").shuffle(numbers)
        clip = encoder.encode_clips(decode(sample, numbers)[None], frame_mask=mask)
        pooled.append(clip.pooled[0])
        frames.append(clip.frames[0])
    return VideoVectors(
        pooled=np.stack(pooled), frames=np.stack(frames), mask=np.repeat(mask, len(pooled), axis=0), thumbnails=()
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--world", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    figures = run(row(options.row), seed=options.seed, world=options.world)
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
