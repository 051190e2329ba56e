"""Random operations on a library, every answer compared with plain dictionaries.

    python -m benchmarks.operations --operations 20000 --seed 1

Videos, paths and texts come from small pools, so that everything is replaced, moved and removed many times. The library
is closed and opened again, compacted, rebuilt, copied and restored in between. Stops at the first difference and says
with which seed and at which operation it was found.
"""

from __future__ import annotations

import argparse
import copy
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.library_model import Model, Vectors, generation_status, holds
from benchmarks.random_videos import GENERATIONS, Made
from retrieval.errors import InputError
from retrieval.library import Library, snapshots, words
from retrieval.records import EVIDENCE_KINDS, Clip, Evidence

MOST_FRESH = 400                        # rows in the FTS5 table, so that segments of words come and go
SPAN = ("start_ms", "end_ms", "keyframe_ms", "frame_times_ms")


class Difference(AssertionError):
    """The library answered something else than the model."""


class Pair:
    """A library and its model, and what can be done to both."""

    def __init__(self, scratch: Path, *, seed: int, pool: int) -> None:
        self.scratch, self.chance = scratch, random.Random(seed)
        self.made = Made(self.chance, pool)
        self.model = Model()
        self.kept: tuple[snapshots.Snapshot, Model] | None = None
        self.library = Library.open(scratch / "library", write=True, create=True)

    def step(self) -> str:
        """Do one operation; returns its name."""
        operation = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        operation(self)
        return operation.__name__

    # --- writing

    def put(self) -> None:
        arguments = self.made.put()
        self._same(lambda of: of.put(*(arguments[name] for name in ("video", "location")), **{
            name: value for name, value in arguments.items() if name not in ("video", "location")
        }))  # fmt: skip

    def put_nonsense(self) -> None:
        arguments = self.made.put()
        arguments["clips"] = [Clip(start_ms=0, end_ms=1, keyframe_ms=0, frame_times_ms=(0,), vector=np.ones(8, np.float32))]
        arguments["generation"] = GENERATIONS[0]
        try:
            self.library.put(**arguments)
        except ValueError:
            return
        raise Difference("a vector that is not of unit length was taken")

    def put_location(self) -> None:
        video_id, location, evidence = self.made.video_id(), self.made.location(), self.made.evidence()
        known = self.model.locations.get(location.path)
        if known is not None and self.chance.random() < 0.5:        # nothing changed
            video_id, location, evidence = known.video_id, known.location, [e for _, e in known.evidence]
        self._same(lambda of: of.put_location(video_id, location, location_evidence=evidence))

    def remove(self) -> None:
        video_id = self.made.video_id()
        target = self.chance.choice([self.made.path(), self.made.path(), video_id, video_id[:12].upper(), video_id[:7]])
        self._same(lambda of: of.remove(target))

    def record_failure(self) -> None:
        path, message = self.made.path(), self.made.note()
        self._same(lambda of: of.record_failure(path, kind="corrupt", message=message, size_bytes=3, modified_ns=4))

    def activate(self) -> None:
        generation = self.chance.choice(GENERATIONS)
        self._same(lambda of: of.activate(generation))

    def set_setting(self) -> None:
        key, value = self.chance.choice("abc"), self.made.note()
        self._same(lambda of: of.set_setting(key, value))

    def compact(self) -> None:
        self.library.compact()

    def rebuild(self) -> None:
        self.library.rebuild()

    def reopen(self) -> None:
        self.library.close()
        self.library = Library.open(self.scratch / "library", write=True)
        self.compare_all()

    def snapshot(self) -> None:
        self.kept = (snapshots.take(self.scratch / "library", self.scratch / "snapshot"), copy.deepcopy(self.model))

    def restore(self) -> None:
        if self.kept is None:
            return
        self.library.close()
        snapshots.restore(self.kept[0], self.scratch / "library")
        self.model = copy.deepcopy(self.kept[1])
        self.library = Library.open(self.scratch / "library", write=True)
        self.compare_all()

    # --- reading

    def search_words(self) -> None:
        kind, query, where = self.chance.choice(EVIDENCE_KINDS), self.made.text(3), self.made.where()
        limit = self.chance.choice((1, 10, 1 << 20))
        hits = self.library.search_words(kind, query, limit=limit, where=where)
        allowed = self.model.selected(where)
        wanted = Counter(
            (video_id, e.text, e.start_ms, e.end_ms, e.source, e.confidence)
            for video_id, e in self.model.rows(kind) if video_id in allowed and holds(e.text, query)
        )  # fmt: skip
        found = Counter((h.video_id, h.text, h.start_ms, h.end_ms, h.source, h.confidence) for h in hits)
        about = f"search_words({kind!r}, {query!r}, limit={limit}, where={where})"
        equal(f"rows that {about} should not find", found - wanted, Counter())
        equal(f"rows of {about}", len(hits), min(limit, wanted.total()))
        equal(f"order of {about}", [h.score for h in hits], sorted((h.score for h in hits), reverse=True))

    def search_clips(self) -> None:
        active, where = self.model.active, self.made.where()
        limit = self.chance.choice((1, 10, 1 << 20))
        query = 3 * self.made.unit(1, active.dimension if active else 8)[0]
        hits = self.library.search_clips(query, limit=limit, where=where)
        scores = self.model.scores(query, self.model.selected(where)) if active else {}
        best = sorted(scores.values(), reverse=True)[:limit]
        about = f"search_clips(limit={limit}, where={where})"
        equal(f"clips of {about}", len({(h.video_id, h.start_ms) for h in hits}), len(best))
        for hit, score in zip(hits, best, strict=True):
            near(f"the score of {hit} in {about}", scores.get((hit.video_id, hit.start_ms), np.nan), hit.score)
            near(f"the rank of {hit} in {about}", score, hit.score)

    def look(self) -> None:
        video_id = self.chance.choice([*self.model.videos, ""]) if self.chance.random() < 0.8 else self.made.video_id()
        self.compare_video(video_id)

    def status(self) -> None:
        state, model = self.library.status(), self.model
        per_kind = {kind: len(model.rows(kind)) for kind in EVIDENCE_KINDS}
        clip_count = sum(len(video.clips) for video in model.videos.values())
        damaged = {video_id: v.facts.damage for video_id, v in model.videos.items() if v.facts.damage}
        equal("status", (state.videos, state.locations, state.clips, state.evidence, state.failures, state.damaged),
              (len(model.videos), len(model.locations), clip_count, per_kind, len(model.failures), damaged))  # fmt: skip
        generations = [(g.generation, g.active, g.clips) for g in state.generations]
        equal("generations", generations, generation_status(model))

    def compare_all(self) -> None:
        """Everything, and nothing else is there; `check` finds nothing."""
        self.status()
        equal("video ids", self.library.video_ids(), list(self.model.videos))
        for video_id in self.model.videos:
            self.compare_video(video_id)
        wanted = [
            {**asdict(held.location), "video_id": held.video_id, "evidence_fingerprint": held.fingerprint}
            for _, held in sorted(self.model.locations.items(), key=lambda item: item[0].encode())
        ]
        equal("locations", list(map(asdict, self.library.locations())), wanted)
        failures = {f.path: (f.kind, f.message, f.size_bytes, f.modified_ns) for f in self.library.failures()}
        equal("failures", failures, self.model.failures)
        equal("settings", {key: self.library.setting(key) for key in "abc"}, {k: self.model.settings.get(k) for k in "abc"})
        equal("problems", self.library.check(), [])

    def compare_video(self, video_id: str) -> None:
        """Facts, paths, evidence, clips and vectors of one video."""
        stored, model = self.library.video(video_id), self.model.videos.get(video_id)
        if stored is None or model is None:
            equal(f"video {video_id}", stored, model)
            return
        paths = sorted((p for p, h in self.model.locations.items() if h.video_id == video_id), key=str.encode)
        equal(f"video {video_id}", (stored.video, stored.examined, [at.path for at in stored.locations]),
              (model.facts, model.examined, paths))  # fmt: skip
        names = [f.name for f in fields(Evidence)]
        found = [(e.path, Evidence(**{n: getattr(e, n) for n in names})) for e in self.library.evidence(video_id)]
        equal(f"evidence of {video_id}", found, self.model.evidence_of(video_id))
        self._compare_clips(video_id)

    def _compare_clips(self, video_id: str) -> None:
        stored, wanted = self.library.clips(video_id), self.model.clips_of(video_id)
        equal(f"clips of {video_id}", [tuple(getattr(c, name) for name in SPAN) for c in stored], [s for s, _ in wanted])
        active = self.model.active
        frames = self.library.frame_vectors([clip.id for clip in stored])
        for clip, (span, held) in zip(stored, wanted, strict=True):
            equal(f"the number of the clip {span} of {video_id}", clip.id, clip.id if held.id is None else held.id)
            held.id = clip.id
            given = held.frames.get(active) if active else None
            equal(f"frame vectors of {span} of {video_id}", _bytes(frames.get(clip.id, (0, None))[1]), _bytes(given))
        vectors = self.library.clip_vectors([video_id]).get(video_id)
        expected = [held.vectors[active] for _, held in wanted if active in held.vectors]
        equal(f"vectors of {video_id}", _bytes(vectors), _bytes(np.stack(expected) if expected else None))

    def _same(self, call: Callable[[Any], Any]) -> None:
        equal("answer", *(_outcome(call, of) for of in (self.library, self.model)))


WEIGHTS: dict[Callable[[Pair], None], float] = {
    Pair.put: 27, Pair.put_nonsense: 1, Pair.put_location: 8, Pair.remove: 18, Pair.record_failure: 4,
    Pair.activate: 2, Pair.set_setting: 2, Pair.search_words: 12, Pair.search_clips: 12, Pair.look: 11, Pair.status: 1,
    Pair.compact: 0.4, Pair.rebuild: 0.1, Pair.reopen: 0.1, Pair.snapshot: 0.06, Pair.restore: 0.04,
}  # fmt: skip


def equal(what: str, found: Any, wanted: Any) -> None:
    """Difference unless both are the same."""
    if found != wanted:
        raise Difference(f"{what}: {found!r:.2000}, not {wanted!r:.2000}")


def near(what: str, wanted: float, found: float) -> None:
    """Difference unless both are the same up to the rounding of fp32."""
    if not abs(wanted - found) <= 1e-5:
        raise Difference(f"{what}: {found}, not {wanted}")


def run(scratch: Path, *, operations: int, seed: int, pool: int) -> Counter[str]:
    """Do so many operations; how many of each. Difference, with the number of the operation, for the first wrong answer."""
    usual, words.MOST_FRESH = words.MOST_FRESH, MOST_FRESH
    done: Counter[str] = Counter()
    pair = Pair(scratch, seed=seed, pool=pool)
    try:
        for number in range(operations):
            try:
                done[pair.step()] += 1
            except Exception as error:
                raise Difference(f"seed {seed}, operation {number}: {type(error).__name__}: {error}") from error
        pair.reopen()
    finally:
        words.MOST_FRESH = usual
        pair.library.close()
    return done


def _outcome(call: Callable[[Any], Any], of: Any) -> Any:
    try:
        return call(of)
    except InputError:
        return InputError


def _bytes(vectors: Vectors | None) -> tuple[Any, ...] | None:
    return None if vectors is None else (vectors.shape, vectors.tobytes())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pool", type=int, default=1000, help="distinct videos")
    parser.add_argument("--directory", type=Path, help="where the library is made, on the disk that is to be tried")
    arguments = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(dir=arguments.directory))
    started = time.monotonic()
    try:
        done = run(scratch, operations=arguments.operations, seed=arguments.seed, pool=arguments.pool)
    except Difference as difference:
        print(difference)
        print(f"the library is in {scratch}")
        return 1
    seconds = time.monotonic() - started
    shutil.rmtree(scratch)
    print(", ".join(f"{count} {name}" for name, count in done.most_common()))
    print(f"{arguments.operations} operations, no difference, {arguments.operations / seconds:.0f}/s, {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
