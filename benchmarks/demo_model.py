"""What the shipped model knows of the miniature world: unseen clips, unseen combinations, and searches as people type them.

    python -m benchmarks.demo_model [--model DIR] [--clips 1000] [--frames 8] [--directory DIR] [--output DIR]

Renders clips of the test and the composition split to video files, decodes them again, and prints for each split:
descriptions of full detail in Chinese and English both ways, pooled and re-ranked; short queries of one to three words
with at least ten right clips: P@10 and nDCG@10; and how far queries without any answer stay below the others.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_pipeline.corpus.video_clips import DECODER
from data_pipeline.miniature.render import render_all
from data_pipeline.miniature.spec import SceneSpec
from data_pipeline.miniature.world import Query, generate, queries
from data_pipeline.miniature.world.held_out import Split
from retrieval.encoders import load_encoder
from retrieval.encoders.transformers_encoder import TransformersEncoder
from retrieval.evaluation import RetrievalMetrics, Run, RunFacts, run_evaluation, write_run
from retrieval.evaluation.benchmarks import Benchmark, BenchmarkQuery, BenchmarkVideo
from retrieval.evaluation.scoring import Scores, VideoVectors, encode_videos, score_texts
from serving.demo.unseen import MODEL, SEED

_SHORT = 400        # short queries that are drawn; those with ten right clips are asked
_SPLITS: tuple[Split, ...] = ("test", "composition")


def benchmark_of(name: str, scenes: Sequence[SceneSpec], asked: Sequence[Query], clips: Path) -> Benchmark:
    """The scenes as videos, the queries with their exact judgements."""
    return Benchmark(
        protocol=name,
        videos=tuple(BenchmarkVideo(id=scene.name, path=clips / scene.file_name) for scene in scenes),
        queries=tuple(
            BenchmarkQuery(id=str(i), text=query.text, relevant={scenes[j].name: 1.0 for j in sorted(query.relevant)})
            for i, query in enumerate(asked)
        ),
    )


def print_full(run: Run) -> None:
    """The rows of a run with intervals."""
    for row in run.rows:
        if row.direction in ("text_to_video", "video_to_text"):
            m: RetrievalMetrics = row.metrics
            low, high = m.intervals["recall_at_1"]
            print(
                f"  {row.score:>8} {row.direction:<14} R@1 {m.recall_at_1:5.1f} [{low:.1f}, {high:.1f}]  "
                f"R@5 {m.recall_at_5:5.1f}  R@10 {m.recall_at_10:5.1f}  R@sum {m.r_sum:6.1f}  MdR {m.median_rank:.1f}"
            )
    print("  R@sum both ways: " + ", ".join(f"{score} {total:.1f}" for score, total in run.r_sum_both_ways().items()))


def precision_and_ndcg(scores: NDArray[np.float32], asked: Sequence[Query]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """P@10 and nDCG@10 of each query, in percent."""
    discounts = 1 / np.log2(np.arange(2, 12))
    precision, gain = [], []
    for row, query in zip(scores, asked, strict=True):
        right = np.array([i in query.relevant for i in np.argsort(-row, kind="stable")[:10]], dtype=np.float64)
        precision.append(right.mean() * 100)
        gain.append((right @ discounts) / discounts[: min(10, len(query.relevant))].sum() * 100)
    return np.array(precision), np.array(gain)


def print_short(scenes: Sequence[SceneSpec], videos: VideoVectors, encoder: TransformersEncoder) -> None:
    """Short Chinese queries."""
    drawn = queries(scenes, seed=SEED, count=_SHORT, detail="short")
    scores = score_texts([query.text for query in drawn], encoder, videos)
    many = [i for i, query in enumerate(drawn) if len(query.relevant) >= 10]
    for name, matrix in (("pooled", scores.pooled), ("reranked", scores.reranked)):
        precision, _ = precision_and_ndcg(matrix[many], [drawn[i] for i in many])
        _, gain = precision_and_ndcg(matrix, drawn)
        print(
            f"  {name:>8} short: P@10 {precision.mean():.1f} over {len(many)} queries with ten or more right clips; "
            f"nDCG@10 {gain.mean():.1f} over all {len(drawn)}"
        )
    precision, _ = precision_and_ndcg(scores.pooled, drawn)
    worst = sorted((precision[i], drawn[i].text, len(drawn[i].relevant)) for i in many)[:12]
    print("  hardest of them (P@10, text, right clips): " + "; ".join(f"{p:.0f} {text} {n}" for p, text, n in worst))
    print_unanswerable(scenes, scores, encoder, videos)


def print_unanswerable(
    scenes: Sequence[SceneSpec], answered: Scores, encoder: TransformersEncoder, videos: VideoVectors
) -> None:
    """How well the best score alone tells a query with an answer from one without."""
    nothing = queries(scenes, seed=SEED, count=200, detail="medium", answerable=False)
    something = queries(scenes, seed=SEED, count=200, detail="medium")
    best = [
        score_texts([query.text for query in asked], encoder, videos).reranked.max(axis=1) for asked in (something, nothing)
    ]
    above = (best[0][:, None] > best[1][None, :]).mean() * 100
    print(f"  queries with an answer score above those without in {above:.1f} % of pairs (50 = chance)")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--directory", type=Path, help="keep the clips here")
    parser.add_argument("--output", type=Path, help="keep the runs here, for `wenshi evaluate compare`")
    options = parser.parse_args()
    encoder = load_encoder(str(options.model))
    with tempfile.TemporaryDirectory() as temporary:
        for split in _SPLITS:
            clips = (options.directory or Path(temporary)) / split
            scenes = [clip.spec for clip in generate(options.clips, seed=SEED, split=split)]
            began = time.perf_counter()
            render_all(clips, specs=scenes, width=224, height=126, frames_per_second=8)
            rendered = time.perf_counter()
            asked = queries(scenes, seed=SEED, detail="full")
            benchmark = benchmark_of(f"miniature {split}, {len(scenes)} clips, zh, full detail", scenes, asked, clips)
            benchmark, videos = encode_videos(benchmark, encoder, frames=options.frames)
            print(
                f"{benchmark.protocol}: rendered in {rendered - began:.0f} s, decoded and encoded in "
                f"{time.perf_counter() - rendered:.0f} s"
            )
            facts = RunFacts(
                model=encoder.generation.encoder, model_revision=encoder.generation.revision, frames=options.frames,
                decoder=DECODER, seed=SEED,
            )
            scores = score_texts([query.text for query in asked], encoder, videos)
            run = run_evaluation(benchmark, pooled=scores.pooled, reranked=scores.reranked, facts=facts)
            print_full(run)
            if options.output:
                write_run(run, options.output / split)
            english = queries(scenes, seed=SEED, detail="full", language="en")
            named = benchmark_of(f"miniature {split}, {len(scenes)} clips, en, full detail", scenes, english, clips)
            scores = score_texts([query.text for query in english], encoder, videos)
            print(" English:")
            print_full(run_evaluation(named, pooled=scores.pooled, reranked=scores.reranked, facts=facts))
            print_short(scenes, videos, encoder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
