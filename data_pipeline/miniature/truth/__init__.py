"""What a text asserts about a scene, as data, and which scenes make it true."""

from __future__ import annotations

from data_pipeline.miniature.truth.condition import (
    ActorCondition,
    Condition,
    ShotCondition,
    condition_of,
    satisfies,
)
from data_pipeline.miniature.truth.relevance import relevant_sets

__all__ = ["ActorCondition", "Condition", "ShotCondition", "condition_of", "relevant_sets", "satisfies"]
