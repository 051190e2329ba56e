"""An alarm when the two directions differ more than one symmetric score explains."""

from __future__ import annotations

from retrieval.evaluation.judgements import Judgements
from retrieval.evaluation.metrics import TwoWayMetrics

LARGEST_GAP = 10.0
FEWEST_QUERIES = 30  # resamples of fewer say too little about chance


def suspicious_gap(metrics: TwoWayMetrics, judgements: Judgements) -> str | None:
    """A notice when R@1 of the two directions is further apart than chance allows, else None.

    Only where each query has one item and each item one query: otherwise the directions answer different questions. The
    gap must pass 10 points, the bootstrap intervals must not meet, and there must be at least 30 queries.
    """
    if not judgements.one_to_one or judgements.query_count < FEWEST_QUERIES:
        return None
    forward, backward = metrics.text_to_video, metrics.video_to_text
    gap = abs(forward.recall_at_1 - backward.recall_at_1)
    if gap <= LARGEST_GAP:
        return None
    (low, high), (other_low, other_high) = forward.intervals["recall_at_1"], backward.intervals["recall_at_1"]
    if low <= other_high and other_low <= high:
        return None
    return (
        f"Text to video R@1 is {forward.recall_at_1:.1f} and video to text R@1 is {backward.recall_at_1:.1f}: on one-to-one "
        "judgements a plain score seldom differs so much; look for scores normalised along one axis, a video vector that "
        "depends on the text, or a bank built from the other queries."
    )
