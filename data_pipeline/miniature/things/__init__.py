"""Everything that can appear in a scene, by name."""

from __future__ import annotations

from data_pipeline.miniature.things.animals import ANIMALS
from data_pipeline.miniature.things.belongings import BELONGINGS
from data_pipeline.miniature.things.farm_animals import FARM_ANIMALS
from data_pipeline.miniature.things.garden import GARDEN
from data_pipeline.miniature.things.heavy_vehicles import HEAVY_VEHICLES
from data_pipeline.miniature.things.kind import Thing
from data_pipeline.miniature.things.objects import OBJECTS
from data_pipeline.miniature.things.vehicles import VEHICLES
from data_pipeline.miniature.things.wild_animals import WILD_ANIMALS

THINGS: dict[str, Thing] = {
    thing.name: thing
    for thing in (
        *ANIMALS, *FARM_ANIMALS, *WILD_ANIMALS, *VEHICLES, *HEAVY_VEHICLES, *OBJECTS, *GARDEN, *BELONGINGS
    )
}

__all__ = ["THINGS", "Thing"]
