"""What stands beside a trained model: its card for people, and the report of its run for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from retrieval.model import DualEncoder
from training.adapters import is_adapter
from training.setup import Setup
from training.states import Progress
from training.weights import trained

CARD_NAME = "README.md"
REPORT_NAME = "training.json"
RECIPE_NAME = "recipe.yaml"


@dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """How a run went so far: `finished` False = it was interrupted, and the same call goes on from its state."""

    finished: bool
    steps: int
    of_steps: int
    progress: Progress

    @property
    def bad_samples(self) -> int:
        return len(self.progress.bad)


def report_as_json(report: TrainingReport, setup: Setup) -> dict[str, Any]:
    """The report with what is needed to judge it: data, counts, the best validation, every bad sample by name."""
    progress = report.progress
    return {
        "name": setup.recipe.name,
        "finished": report.finished,
        "steps": report.steps,
        "of_steps": report.of_steps,
        "clips": progress.clips,
        "seconds": round(progress.seconds, 1),
        "parameters": parameter_count(setup.model),
        "trained_parameters": trained_count(setup.model),
        "train": {"samples": len(setup.data.samples), "fingerprint": setup.data.fingerprint},
        "best": {"step": progress.best_step, **progress.validation},
        "validation": {"clips": setup.validation_clips},
        "bad": {
            "samples": len(progress.bad),
            "visits": progress.bad_visits,
            "by_key": {key: {"kind": kind, "message": text} for key, (kind, text) in sorted(progress.bad.items())},
        },
    }


def model_card(setup: Setup, progress: Progress) -> str:
    """The model card of the best weights so far, as Markdown."""
    recipe, figures = setup.recipe, progress.validation
    start = recipe.model.start or "untrained weights"
    split = recipe.data.validation.split or "all samples"
    knows = recipe.description or (
        "It knows what its training clips and texts show, and nothing else; it was measured on no other data."
    )
    rows = "\n".join(f"| {name} | {value:.2f} |" for name, value in figures.items())
    return f"""---
library_name: wenshi
pipeline_tag: feature-extraction
---

# {recipe.name}

A dual encoder for video and text: pooled vectors to search with, words and frames to rank with.

{knows}

- Weights: {parameter_count(setup.model):,}, begun from {start}; {trained_count(setup.model):,} were trained; of
  {setup.steps:,} steps the best by validation, step {progress.best_step:,}.
- Training: {len(setup.data.samples):,} samples (fingerprint {setup.data.fingerprint}); seed {recipe.seed}; every setting is in
  `{RECIPE_NAME}`.
- Validation: {setup.validation_clips:,} clips ({split}), {_frames(setup)} frames each, one text a clip; clips with the very
  same text all count as right. These clips chose the best step, so the figures flatter it a little.

| figure | value |
|---|---|
{rows}

Recalls are in percent; `r_sum` is R@1 + R@5 + R@10, the mean of both directions.
"""


def parameter_count(model: DualEncoder) -> int:
    """Numbers of the finished model, in which adapters are merged."""
    return sum(weight.numel() for name, weight in model.named_parameters() if not is_adapter(name))


def trained_count(model: DualEncoder) -> int:
    """Numbers that training changes, those of adapters among them."""
    return sum(weight.numel() for weight in trained(model).values())


def _frames(setup: Setup) -> int:
    return setup.recipe.evaluation.frames or setup.recipe.data.frames.values[-1]
