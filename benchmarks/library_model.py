"""What a library should hold after any operations, in plain dictionaries: the reference that `operations` compares with."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import InputError
from retrieval.library import Removed, VideoFilter, evidence_fingerprint
from retrieval.records import Clip, Evidence, Generation, Location, Video
from retrieval.text import fold, is_pair, ngrams

Vectors = NDArray[np.float32]
Span = tuple[int, int, int, tuple[int, ...]]
Numbered = tuple[int, Evidence]         # with the order in which it was put


@dataclass(kw_only=True)
class ModelClip:
    """The vectors of a clip by generation; `id` is its number in the library once that was seen."""

    id: int | None = None
    vectors: dict[Generation, Vectors] = field(default_factory=dict)
    frames: dict[Generation, Vectors] = field(default_factory=dict)


@dataclass(kw_only=True)
class ModelVideo:
    facts: Video
    examined: dict[str, str]
    evidence: list[Numbered] = field(default_factory=list)
    clips: dict[Span, ModelClip] = field(default_factory=dict)


@dataclass(kw_only=True)
class ModelLocation:
    location: Location
    video_id: str
    evidence: list[Numbered]
    fingerprint: str                # of the evidence as it was given


class Model:
    """Takes the writing calls of a library, and holds what its reading calls should answer."""

    def __init__(self) -> None:
        self.videos: dict[str, ModelVideo] = {}
        self.locations: dict[str, ModelLocation] = {}
        self.failures: dict[str, tuple[str, str, int, int]] = {}
        self.settings: dict[str, str] = {}
        self.generations: list[Generation] = []         # in the order they were made
        self.active: Generation | None = None
        self._count = 0

    # --- writing

    def put(
        self, video: Video, location: Location, *, evidence: Sequence[Evidence], location_evidence: Sequence[Evidence],
        clips: Sequence[Clip], generation: Generation | None, examined: Mapping[str, str],
    ) -> None:  # fmt: skip
        before = self.videos.get(video.id)
        held = before.clips if before else {}
        stored = ModelVideo(facts=video, examined=dict(examined), evidence=self._numbered(evidence))
        stored.clips = {_span(clip): held.get(_span(clip), ModelClip()) for clip in clips}
        self.videos[video.id] = stored
        self._place(video.id, location, location_evidence)
        if generation is not None:
            self._put_vectors(stored, clips, generation)
        self._drop_unused()

    def put_location(self, video_id: str, location: Location, *, location_evidence: Sequence[Evidence]) -> bool:
        if video_id not in self.videos:
            raise InputError("unknown video")
        known = self.locations.get(location.path)
        new = (video_id, location, evidence_fingerprint(location_evidence))
        same = known is not None and (known.video_id, known.location, known.fingerprint) == new
        if same and location.path not in self.failures:
            return False
        self._place(video_id, location, location_evidence)
        self._drop_unused()
        return True

    def remove(self, target: str) -> Removed:
        failed = self.failures.pop(target, None)
        known = self.locations.pop(target, None)
        if known is not None:
            dropped = self._dropped_if_nowhere(known.video_id)
            self._drop_unused()
            return Removed(paths=(target,), video_ids=(known.video_id,) if dropped else ())
        if failed:
            return Removed(paths=(target,), video_ids=())
        video_id = self._by_prefix(target)
        paths = sorted(path for path, held in self.locations.items() if held.video_id == video_id)
        for path in paths:
            del self.locations[path]
        del self.videos[video_id]
        self._drop_unused()
        return Removed(paths=tuple(paths), video_ids=(video_id,))

    def record_failure(self, path: str, *, kind: str, message: str, size_bytes: int, modified_ns: int) -> None:
        self.failures[path] = (kind, message, size_bytes, modified_ns)

    def activate(self, generation: Generation) -> None:
        if generation not in self.generations:
            raise InputError("unknown generation")
        self.active = generation

    def set_setting(self, key: str, value: str) -> None:
        self.settings[key] = value

    # --- reading

    def evidence_of(self, video_id: str) -> list[tuple[str | None, Evidence]]:
        """The evidence of a video with its path, by start and then in the order it was put."""
        rows: list[tuple[int, str | None, Evidence]] = [(n, None, e) for n, e in self.videos[video_id].evidence]
        for path, held in self.locations.items():
            if held.video_id == video_id:
                rows += [(n, path, e) for n, e in held.evidence]
        return [(path, e) for _, path, e in sorted(rows, key=lambda row: (row[2].start_ms, row[0]))]

    def rows(self, kind: str) -> list[tuple[str, Evidence]]:
        """Every piece of evidence of a kind with its video."""
        found = [(video_id, e) for video_id, v in self.videos.items() for _, e in v.evidence if e.kind == kind]
        return found + [(h.video_id, e) for h in self.locations.values() for _, e in h.evidence if e.kind == kind]

    def clips_of(self, video_id: str) -> list[tuple[Span, ModelClip]]:
        """The clips of a video in the order of time."""
        return sorted(self.videos[video_id].clips.items(), key=lambda item: item[0][:1])

    def selected(self, wanted: VideoFilter | None) -> set[str]:
        """The videos that a filter lets pass."""
        return {video_id for video_id in self.videos if wanted is None or self._passes(video_id, wanted)}

    def scores(self, query: Vectors, allowed: set[str]) -> dict[tuple[str, int], float]:
        """Video and start of every clip with a vector in the active generation, and its cosine."""
        unit = query.astype(np.float64) / np.linalg.norm(query.astype(np.float64))
        return {
            (video_id, span[0]): float(np.clip(clip.vectors[self.active].astype(np.float64) @ unit, -1, 1))
            for video_id in allowed for span, clip in self.videos[video_id].clips.items() if self.active in clip.vectors
        }  # fmt: skip

    # --- inside

    def _numbered(self, evidence: Iterable[Evidence]) -> list[Numbered]:
        rows = []
        for e in evidence:
            self._count += 1
            rows.append((self._count, replace(e, text=e.text.encode("utf-8", "replace").decode())))
        return rows

    def _place(self, video_id: str, location: Location, evidence: Sequence[Evidence]) -> None:
        before = self.locations.get(location.path)
        plain = replace(location, details=json.loads(json.dumps(location.details)))
        held = ModelLocation(
            location=plain, video_id=video_id, evidence=self._numbered(evidence),
            fingerprint=evidence_fingerprint(evidence),
        )  # fmt: skip
        self.locations[location.path] = held
        self.failures.pop(location.path, None)
        if before is not None:
            self._dropped_if_nowhere(before.video_id)

    def _dropped_if_nowhere(self, video_id: str) -> bool:
        if any(held.video_id == video_id for held in self.locations.values()):
            return False
        del self.videos[video_id]
        return True

    def _put_vectors(self, video: ModelVideo, clips: Sequence[Clip], generation: Generation) -> None:
        if generation not in self.generations:
            self.generations.append(generation)
        if self.active is None or not self.vectors_of(self.active):
            self.active = generation
        for clip in clips:
            held = video.clips[_span(clip)]
            for kept, given in ((held.vectors, clip.vector), (held.frames, clip.frame_vectors)):
                kept.pop(generation, None)
                if given is not None and len(given):
                    kept[generation] = np.asarray(given).astype("<f2").astype(np.float32)

    def vectors_of(self, generation: Generation) -> int:
        """How many clips have a vector in a generation."""
        return sum(generation in clip.vectors for video in self.videos.values() for clip in video.clips.values())

    def _drop_unused(self) -> None:
        used = {g for v in self.videos.values() for c in v.clips.values() for g in (*c.vectors, *c.frames)}
        self.generations = [generation for generation in self.generations if generation in used]
        if self.active not in used:
            order = {generation: place for place, generation in enumerate(self.generations)}
            self.active = max(order, key=lambda g: (self.vectors_of(g), order[g]), default=None)

    def _by_prefix(self, target: str) -> str:
        if target in self.videos:
            return target
        found = [i for i in self.videos if len(target) >= 8 and i.startswith(target.lower())]
        if len(found) != 1:
            raise InputError("no or several videos")
        return found[0]

    def _passes(self, video_id: str, wanted: VideoFilter) -> bool:
        facts = self.videos[video_id].facts
        paths = [path for path, held in self.locations.items() if held.video_id == video_id]
        tags = {fold(e.text) for _, e in self.evidence_of(video_id) if e.kind == "tag"} if wanted.tags else set()
        return (
            (wanted.videos is None or video_id in wanted.videos)
            and (wanted.shortest_ms is None or facts.duration_ms >= wanted.shortest_ms)
            and (wanted.longest_ms is None or facts.duration_ms <= wanted.longest_ms)
            and (not wanted.paths or any(_below(path, place) for path in paths for place in wanted.paths))
            and all(fold(tag) in tags for tag in wanted.tags)
        )


def holds(text: str, query: str) -> bool:
    """Whether a text shares a token with a query, or has a word that begins with a word of it."""
    tokens = ngrams(text)
    distinct = set(tokens)
    return any(
        token in distinct or (len(token) >= 2 and not is_pair(token) and any(t.startswith(token) for t in distinct))
        for token in ngrams(query)
    )


def generation_status(model: Model) -> list[tuple[Any, ...]]:
    """(generation, is active, clips with a vector) in the order they were made."""
    return [(g, g == model.active, model.vectors_of(g)) for g in model.generations]


def _span(clip: Clip) -> Span:
    return clip.start_ms, clip.end_ms, clip.keyframe_ms, tuple(clip.frame_times_ms)


def _below(path: str, place: str) -> bool:
    if any(sign in place for sign in "*?["):
        return fnmatch.fnmatchcase(path, place)
    return path == place or path.startswith(place.rstrip("/") + "/")
