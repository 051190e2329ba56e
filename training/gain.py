"""What a training was worth: the same validation clips asked of two models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from retrieval.evaluation import TwoWayMetrics
from retrieval.evaluation.comparison import PairedTest, paired_test

CUTOFFS = (1, 5, 10)
WAYS = ("text_to_video", "video_to_text")
FEW_CLIPS = 500         # with fewer, an interval of R@1 is wider than about 8 points


@dataclass(frozen=True, kw_only=True)
class Recall:
    """A recall before and after, in percent, with the 95 % interval of each, and their paired difference."""

    way: str
    cutoff: int
    before: tuple[float, float]         # interval
    after: tuple[float, float]
    change: PairedTest


@dataclass(frozen=True, kw_only=True)
class Gain:
    """The recalls of both directions by the pooled score over `clips` validation clips."""

    clips: int
    recalls: tuple[Recall, ...]

    def sentences(self) -> list[str]:
        """A line for each recall, and what to make of them."""
        lines = [
            f"{recall.way.replace('_', ' ')} R@{recall.cutoff}: {recall.change.a:.1f} [{recall.before[0]:.1f}, "
            f"{recall.before[1]:.1f}] before, {recall.change.b:.1f} [{recall.after[0]:.1f}, {recall.after[1]:.1f}] after, "
            f"difference {recall.change.difference:+.1f} [{recall.change.low:+.1f}, {recall.change.high:+.1f}]"
            for recall in self.recalls
        ]
        few = "; these are few clips, so the intervals are wide" if self.clips < FEW_CLIPS else ""
        lines.append(
            f"Percent of {self.clips:,} validation clips, with 95 % intervals over clips{few}. The best step was chosen by the "
            "same clips, which flatters it a little."
        )
        return lines

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"clips": self.clips, **{
            f"{recall.way}.r{recall.cutoff}": {
                "before": recall.change.a, "before_interval": list(recall.before), "after": recall.change.b,
                "after_interval": list(recall.after), "difference": recall.change.difference,
                "difference_interval": [recall.change.low, recall.change.high], "p_value": recall.change.p_value,
            }
            for recall in self.recalls
        }}  # fmt: skip


def gain(before: TwoWayMetrics, after: TwoWayMetrics) -> Gain:
    """Compare two models on the same clips. Raises ValueError when they were not asked the same number of texts."""
    recalls = []
    for way in WAYS:
        one, other = getattr(before, way), getattr(after, way)
        for cutoff in CUTOFFS:
            name = f"recall_at_{cutoff}"
            recalls.append(Recall(
                way=way, cutoff=cutoff, before=one.intervals[name], after=other.intervals[name],
                change=paired_test(100 * one.ranks.hit_probability(cutoff), 100 * other.ranks.hit_probability(cutoff)),
            ))  # fmt: skip
    return Gain(clips=before.text_to_video.queries, recalls=tuple(recalls))
