"""How much two videos are copies of one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from retrieval.search.fusion import FusedVideo
from retrieval.text import ngrams

# Clips of different videos of one subject stay below this cosine; those of copies and re-encodings stand above it.
_NEAR_DUPLICATE = 0.95
_NEAR_DUPLICATE_TEXT = 0.9
_MAYBE = 0.9    # below, no re-encoding changes a clip so much
CLIPS_COMPARED = 8  # of a video, evenly spread
_ROWS_AT_ONCE = 1024    # of the cosines of all with all, which of many videos would fill the memory


def may_be_copies(glimpses: Mapping[str, NDArray[np.float32]]) -> set[str]:
    """The videos one of whose vectors is much like one of another's: only these need be compared clip by clip.

    glimpses: video id -> a few clip vectors [n, D] of unit length.
    """
    owner = np.repeat(np.arange(len(glimpses)), [len(rows) for rows in glimpses.values()])
    vectors = np.concatenate(list(glimpses.values())) if glimpses else np.zeros((0, 1), np.float32)
    ids = list(glimpses)
    found: set[str] = set()
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        alike = (vectors[rows] @ vectors.T >= _MAYBE) & (owner[rows, None] != owner)
        found.update(ids[place] for place in np.unique(owner[rows][alike.any(axis=1)]))
    return found


class CopyDetector:
    """Compares the candidates of one search: by their pictures where both have vectors, else by their matching text.

    videos: the candidates; vectors: video id -> clip vectors [n, D] of unit length, in the order of time. At most 8
    clips of each, evenly spread, are looked at.
    """

    def __init__(self, videos: Sequence[FusedVideo], vectors: Mapping[str, NDArray[np.float32]]) -> None:
        self._texts = {v.video_id: frozenset(t for m in v.best for t in ngrams(m.text or "")) for v in videos}
        pictured = [v.video_id for v in videos if len(vectors.get(v.video_id, ()))]
        self._place = {video_id: place for place, video_id in enumerate(pictured)}
        chosen = [_spread(len(vectors[video_id])) for video_id in pictured]
        # [candidates, 8, D]; a video with fewer clips has some of them more than once, which changes no best cosine
        self._clips = np.array([vectors[i][places] for i, places in zip(pictured, chosen, strict=True)], np.float32)
        # [candidates, 8]: what each clip weighs in the mean over its video
        self._weights = np.array([1 / np.bincount(places)[places] / len(set(places)) for places in chosen])
        self._rows: dict[str, list[float]] = {}

    def likeness(self, a: FusedVideo, b: FusedVideo) -> float:
        """0 for different videos, towards 1 for copies."""
        if a.video_id in self._place and b.video_id in self._place:
            return self._likenesses(b.video_id)[self._place[a.video_id]]
        mine, theirs = self._texts[a.video_id], self._texts[b.video_id]
        overlap = len(mine & theirs) / max(len(mine | theirs), 1)
        return max(0.0, (overlap - _NEAR_DUPLICATE_TEXT) / (1 - _NEAR_DUPLICATE_TEXT))

    def _likenesses(self, video_id: str) -> list[float]:
        """The likeness of one video's pictures to those of every candidate that has some, [candidates].

        By the mean over clips of the cosine of the other video's best clip, both ways.
        """
        if video_id not in self._rows:
            place = self._place[video_id]
            # one small product a candidate: a large one would wait for the threads of the matrix library
            cosines = np.matmul(self._clips, self._clips[place].T)  # [candidates, its clips, the video's clips]
            there = cosines.max(axis=1) @ self._weights[place]
            back = (cosines.max(axis=2) * self._weights).sum(axis=1)
            alike = ((there + back) / 2 - _NEAR_DUPLICATE) / (1 - _NEAR_DUPLICATE)
            self._rows[video_id] = np.maximum(alike, 0.0).tolist()
        return self._rows[video_id]


@lru_cache(maxsize=1024)
def _spread(count: int) -> NDArray[np.int64]:
    """8 places of `count`, evenly spread; every place at least once where there are no more than 8."""
    return np.linspace(0, count - 1, CLIPS_COMPARED).round().astype(np.int64)
