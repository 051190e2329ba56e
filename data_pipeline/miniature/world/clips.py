"""One clip of the world from its seed, split and number: the same however many clips are asked for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from random import Random
from typing import Literal

from data_pipeline.miniature.captions import Caption, Detail, Language, captions
from data_pipeline.miniature.language import chatter
from data_pipeline.miniature.spec import Container, SceneSpec, Shot
from data_pipeline.miniature.world.held_out import Split, split_of
from data_pipeline.miniature.world.shots import Palette, Plan, painted, random_plan

Dirt = Literal["weak", "lyrics", "mismatched", "near_duplicate", "static"]

_CAPTIONS: tuple[tuple[Language, Detail, int], ...] = (
    ("zh", "full", 2), ("zh", "medium", 2), ("zh", "short", 2), ("en", "full", 1), ("en", "medium", 1),
    ("en", "short", 1),
)
_SPOKEN, _SIDECAR, _ON_SCREEN = 0.25, 0.2, 0.08     # the second is a share of the clips with spoken lines
_CONTAINERS: tuple[Container, ...] = ("mp4", "mkv", "webm")
_CONTAINER_WEIGHTS = (92, 6, 2)


@dataclass(frozen=True, kw_only=True)
class WorldClip:
    """A clip and the texts that come with it.

    `spec` is always the exact truth. `captions` are true unless `dirt` says otherwise; `origin` names the clip that a
    mismatched text or a near-duplicate picture was taken from.
    """

    spec: SceneSpec
    split: Split
    captions: tuple[Caption, ...]
    dirt: Dirt | None = None
    origin: str | None = None


def clip_name(seed: int, split: Split, index: int) -> str:
    """The name of a clip: unique over seeds, splits and numbers."""
    return f"{split}-{seed}-{index:06}"


def clean_clip(
    seed: int, split: Split, index: int, *, plan: Plan | None = None, palette: Palette | None = None
) -> WorldClip:
    """The clip with true captions. `plan` draws what is seen, by default a random one, until it belongs to the split."""
    random = Random(f"clip|{seed}|{split}|{index}")
    plan = painted(plan or random_plan(random), palette)
    drawn = plan(random)
    while split_of(drawn) != split:
        drawn = plan(random)
    return with_captions(_spec(clip_name(seed, split, index), drawn, random), split, random)


def with_captions(spec: SceneSpec, split: Split, random: Random) -> WorldClip:
    """The clip of a scene, with fresh true captions of every level in both languages."""
    texts = tuple(
        caption
        for language, detail, count in _CAPTIONS
        for caption in captions(spec, random, count=count, language=language, detail=detail)
    )
    return WorldClip(spec=dataclasses.replace(spec, caption=texts[0].text), split=split, captions=texts)


def _spec(name: str, shots: tuple[Shot, ...], random: Random) -> SceneSpec:
    first, *parts = shots
    spec = SceneSpec(
        name=name, background=first.background, actors=first.actors, seconds=first.seconds, relation=first.relation,
        variant=first.variant, parts=tuple(parts), title=chatter.title(shots, random), caption="",
        tags=chatter.tags(shots, random), date=chatter.day(random),
        container=random.choices(_CONTAINERS, weights=_CONTAINER_WEIGHTS)[0],
    )
    spoken = chatter.spoken_lines(spec.duration_ms, random) if random.random() < _SPOKEN else ()
    shown = chatter.screen_lines(spec.duration_ms, random) if random.random() < _ON_SCREEN else ()
    sidecar = bool(spoken) and random.random() < _SIDECAR
    return dataclasses.replace(spec, spoken=spoken, on_screen=shown, sidecar=sidecar)
