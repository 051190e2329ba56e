"""Everything that can appear in a scene, by name."""

from __future__ import annotations

from data_pipeline.miniature.things.animals import ANIMALS
from data_pipeline.miniature.things.kind import Thing
from data_pipeline.miniature.things.objects import OBJECTS
from data_pipeline.miniature.things.vehicles import VEHICLES

THINGS: dict[str, Thing] = {thing.name: thing for thing in (*ANIMALS, *VEHICLES, *OBJECTS)}

__all__ = ["THINGS", "Thing"]
