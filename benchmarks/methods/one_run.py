"""One run of one row: train, then ask the model about clips that it has never seen."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from benchmarks.methods.rows import SMALL, Row, Scale, recipe
from benchmarks.methods.world import specs_of
from data_pipeline.corpus.shard_reader import ShardDataset, ShardSample, decode
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
_CLIPS_AT_ONCE = 64


def run(asked: Row, *, seed: int, world: Path, scale: Scale = SMALL, device: str = "cpu") -> dict[str, float]:
    """Train the row from this seed and give its figures by name, with the seconds that training took."""
    settings = recipe(asked, seed=seed, world=world, scale=scale)
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        if not train(settings, Path(folder), device=device).finished:
            raise KeyboardInterrupt
        figures = {"cpu_seconds": time.process_time() - began}
        encoder = load_encoder(str(Path(folder) / "model"), device=device)
        for split in _SPLITS:
            videos = _videos(encoder, asked, ShardDataset(world, split=split), frames=asked.frames(scale), seed=seed)
            found = _figures(encoder, videos, split, fine=_compares_words(settings))
            figures |= {f"{split}.{name}": value for name, value in found.items()}
        return figures


def _compares_words(settings: Recipe) -> bool:
    """Whether the row trains the token-wise score, so that it may take part in ranking."""
    return any(weight > 0 for _, weight in settings.objective.token_wise)


def _figures(encoder: VideoTextEncoder, videos: VideoVectors, split: Split, *, fine: bool) -> dict[str, float]:
    specs = specs_of(split)
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


def _videos(encoder: VideoTextEncoder, asked: Row, clips: ShardDataset, *, frames: int, seed: int) -> VideoVectors:
    """The clips of a split as the row sees them."""
    encoded = []
    for start in range(0, len(clips), _CLIPS_AT_ONCE):
        numbers = range(start, min(start + _CLIPS_AT_ONCE, len(clips)))
        pictures = np.stack([_shown(clips[number], asked, frames=frames, seed=seed) for number in numbers])
        encoded.append(encoder.encode_clips(pictures, frame_mask=np.ones(pictures.shape[:2], np.bool_)))
    tokens = np.concatenate([part.frames for part in encoded])
    pooled, mask = np.concatenate([part.pooled for part in encoded]), np.ones(tokens.shape[:2], np.bool_)
    return VideoVectors(pooled=pooled, frames=tokens, mask=mask, thumbnails=())


def _shown(sample: ShardSample, asked: Row, *, frames: int, seed: int) -> NDArray[np.uint8]:
    numbers = choose_frames(len(sample.jpegs), frames, None)
    if asked.shuffled:
        Random(f"{seed} {sample.key}").shuffle(numbers)
    return decode(sample, numbers)
