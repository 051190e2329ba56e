"""The generated world: clips drawn at random from a seed, with true captions, queries and, on demand, dirt."""

from __future__ import annotations

from data_pipeline.miniature.world.clips import Dirt, WorldClip
from data_pipeline.miniature.world.generator import generate
from data_pipeline.miniature.world.held_out import Split
from data_pipeline.miniature.world.queries import Query, queries
from data_pipeline.miniature.world.shots import Palette
from data_pipeline.miniature.world.swaps import Swap, swaps

__all__ = ["Dirt", "Palette", "Query", "Split", "Swap", "WorldClip", "generate", "queries", "swaps"]
