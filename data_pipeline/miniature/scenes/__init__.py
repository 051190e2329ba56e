"""The scenes of the miniature world.

Title, on-screen text and spoken lines say different things on purpose: each channel finds what the others cannot.
"""

from __future__ import annotations

from data_pipeline.miniature.scenes.home import HOME
from data_pipeline.miniature.scenes.nature import NATURE
from data_pipeline.miniature.scenes.travel import TRAVEL
from data_pipeline.miniature.spec import Actor, SceneSpec, Shot

SCENES: tuple[SceneSpec, ...] = (*NATURE, *TRAVEL, *HOME)

__all__ = ["SCENES", "Actor", "SceneSpec", "Shot"]
