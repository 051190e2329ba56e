"""Clips of the miniature world that its model has never seen, and how well a library of them answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.miniature.spec import SceneSpec
from data_pipeline.miniature.truth import satisfies
from data_pipeline.miniature.world import Query, generate, queries
from retrieval.encoders import TextEncoder
from retrieval.evaluation import Run, RunFacts, run_evaluation
from retrieval.evaluation.benchmarks import Benchmark, BenchmarkQuery, BenchmarkVideo
from retrieval.library import Library
from retrieval.search import Hit
from serving.demo.measuring import library_scores

MODEL = Path(__file__).parents[2] / "data_pipeline" / "miniature" / "model"     # shipped, with its card
# A seed that no training set uses; even so, no scene of the test split can occur in another split.
SEED = 2024
_SHORT_QUERIES, _DESCRIPTIONS = 3, 4


def unseen_scenes(count: int) -> list[SceneSpec]:
    """Scenes of the test split."""
    return [clip.spec for clip in generate(count, seed=SEED, split="test")]


def short_queries(scenes: Sequence[SceneSpec]) -> list[Query]:
    """A few searches of one to three words, each with at least three answers among the scenes."""
    drawn = queries(scenes, seed=SEED, count=min(60, len(scenes)), detail="short")
    return [query for query in drawn if len(query.relevant) >= 3][:_SHORT_QUERIES]


def descriptions(scenes: Sequence[SceneSpec]) -> list[Query]:
    """A few scenes described in full; another scene of which the text is true answers as well."""
    return queries(scenes, seed=SEED, count=_DESCRIPTIONS, detail="full")


def answers(query: Query, hit: Hit, scenes: Mapping[str, SceneSpec]) -> bool:
    """Whether a hit is a scene of which the query is true; scenes by their file's stem."""
    return satisfies(scenes[Path(hit.path).stem], query.condition)


@dataclass(frozen=True, kw_only=True)
class StoredScenes:
    """Scenes that are in a library, with the ids of their videos in the same order."""

    scenes: tuple[SceneSpec, ...]
    video_ids: tuple[str, ...]

    @classmethod
    def of(cls, library: Library, scenes: Sequence[SceneSpec]) -> StoredScenes:
        """Those of the scenes that the library holds."""
        ids = {Path(location.path).stem: location.video_id for location in library.locations()}
        there = [scene for scene in scenes if scene.name in ids]
        return cls(scenes=tuple(there), video_ids=tuple(ids[scene.name] for scene in there))


def measure(library: Library, stored: StoredScenes, *, encoder: TextEncoder) -> Run:
    """Every scene asked for by a Chinese description of full detail, judged by what is true of the scenes."""
    asked = queries(stored.scenes, seed=SEED, detail="full")
    benchmark = Benchmark(
        protocol=f"miniature world, {len(stored.scenes)} unseen clips, Chinese, full detail",
        videos=tuple(BenchmarkVideo(id=video_id) for video_id in stored.video_ids),
        queries=tuple(
            BenchmarkQuery(
                id=str(number), text=query.text, relevant={stored.video_ids[i]: 1.0 for i in sorted(query.relevant)}
            )
            for number, query in enumerate(asked)
        ),
    )
    scores = library_scores(library, stored.video_ids, [query.text for query in asked], encoder=encoder)
    facts = RunFacts(
        model=encoder.generation.encoder, model_revision=encoder.generation.revision, decoder="library", seed=SEED
    )
    return run_evaluation(benchmark, pooled=scores.pooled, reranked=scores.reranked, facts=facts)
