"""Relevance judgements: which of many scenes satisfy each of many conditions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from data_pipeline.miniature.spec import Actor, SceneSpec, Shot
from data_pipeline.miniature.truth.condition import (
    ActorCondition,
    Condition,
    ShotCondition,
    motions_of,
    shots_satisfy,
)

Fact = tuple[str, object]


def relevant_sets(conditions: Sequence[Condition], specs: Sequence[SceneSpec]) -> list[set[int]]:
    """For each condition the indices of all scenes that satisfy it; the same answer as `satisfies` for every pair.

    Facts lead to the few scenes that can satisfy a condition; only those are checked.
    """
    shots = [spec.shots for spec in specs]
    index = _FactIndex(shots)
    return [{k for k in index.candidates(condition) if shots_satisfy(shots[k], condition)} for condition in conditions]


class _FactIndex:
    """From facts to the actors they are true of, and from scenes (backgrounds) to clips."""

    def __init__(self, clips: Sequence[tuple[Shot, ...]]) -> None:
        self._all = set(range(len(clips)))
        self._clip_of: list[int] = []
        self._actors: dict[Fact, set[int]] = defaultdict(set)
        self._scenes: dict[str, set[int]] = defaultdict(set)
        for k, shots in enumerate(clips):
            for shot in shots:
                self._scenes[shot.background].add(k)
                for actor in shot.actors:
                    self._add(actor, k)

    def _add(self, actor: Actor, clip: int) -> None:
        number = len(self._clip_of)
        self._clip_of.append(clip)
        for fact in _facts_of(actor):
            self._actors[fact].add(number)

    def candidates(self, condition: Condition) -> set[int]:
        """Clips that hold everything the condition names, though perhaps not together."""
        found = [part for shot in condition.shots for part in self._shot_candidates(shot)]
        return set.intersection(*sorted(found, key=len)) if found else set(self._all)

    def _shot_candidates(self, shot: ShotCondition) -> Iterator[set[int]]:
        if shot.scene is not None:
            yield self._scenes.get(shot.scene, set())
        for actor in shot.actors:
            facts = [self._actors.get(fact, set()) for fact in _facts_said(actor)]
            if facts:
                yield {self._clip_of[number] for number in set.intersection(*sorted(facts, key=len))}


def _facts_of(actor: Actor) -> Iterator[Fact]:
    yield from (("thing", actor.thing), ("colour", actor.colour), ("size", actor.size), ("count", actor.count))
    yield from (("motion", motion) for motion in motions_of(actor))


def _facts_said(actor: ActorCondition) -> Iterator[Fact]:
    plain = ("thing", "colour", "size", "count")
    yield from ((name, getattr(actor, name)) for name in plain if getattr(actor, name) is not None)
    yield from (("motion", motion) for motion in (actor.motion, actor.then) if motion is not None)
