"""How much two videos are copies of one another."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property, lru_cache

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
    clips of each, evenly spread, are looked at. suspects: the only ones whose pictures may be alike, None = all.
    """

    def __init__(
        self, videos: Sequence[FusedVideo], vectors: Mapping[str, NDArray[np.float32]], *,
        suspects: Collection[str] | None = None,
    ) -> None:  # fmt: skip
        self._videos = videos
        self._place = {video.video_id: place for place, video in enumerate(videos)}
        self._pictured = np.array([len(vectors.get(video.video_id, ())) > 0 for video in videos], np.bool_)
        compared = [
            video.video_id for video, pictured in zip(videos, self._pictured.tolist(), strict=True)
            if pictured and (suspects is None or video.video_id in suspects)
        ]  # fmt: skip
        self._compared = {video_id: number for number, video_id in enumerate(compared)}
        chosen = [_spread(len(vectors[video_id])) for video_id in compared]
        # [compared, 8, D]; a video with fewer clips has some of them more than once, which changes no best cosine
        self._clips = np.array([vectors[i][places] for i, places in zip(compared, chosen, strict=True)], np.float32)
        # [compared, 8]: what each clip weighs in the mean over its video
        self._weights = np.array([1 / np.bincount(places)[places] / len(set(places)) for places in chosen])
        self._rows: dict[str, NDArray[np.float64]] = {}

    def places(self, videos: Sequence[FusedVideo]) -> list[int]:
        """Where some of the candidates stand among all."""
        return [self._place[video.video_id] for video in videos]

    def likenesses(self, video: FusedVideo) -> NDArray[np.float64]:
        """How much each candidate is a copy of this one, [candidates]: 0 for different videos, towards 1 for copies."""
        row = self._rows.get(video.video_id)
        if row is None:
            row = np.zeros(len(self._videos))
            if video.video_id in self._compared:
                row[[self._place[video_id] for video_id in self._compared]] = self._by_pictures(video.video_id)
            by_text = ~self._pictured if self._pictured[self._place[video.video_id]] else np.ones_like(self._pictured)
            for place in np.flatnonzero(by_text).tolist():
                row[place] = self._by_text(self._videos[place].video_id, video.video_id)
            self._rows[video.video_id] = row
        return row

    def likeness(self, a: FusedVideo, b: FusedVideo) -> float:
        """Of two candidates, as of `likenesses`; those to the second one are kept."""
        return float(self.likenesses(b)[self._place[a.video_id]])

    def _by_pictures(self, video_id: str) -> NDArray[np.float64]:
        """The likeness of one video's pictures to those of every video that is compared by them, [compared].

        By the mean over clips of the cosine of the other video's best clip, both ways.
        """
        place = self._compared[video_id]
        # one small product a candidate: a large one would wait for the threads of the matrix library
        cosines = np.matmul(self._clips, self._clips[place].T)  # [compared, its clips, the video's clips]
        there = cosines.max(axis=1) @ self._weights[place]
        back = (cosines.max(axis=2) * self._weights).sum(axis=1)
        return np.maximum(((there + back) / 2 - _NEAR_DUPLICATE) / (1 - _NEAR_DUPLICATE), 0.0)

    def _by_text(self, a: str, b: str) -> float:
        mine, theirs = self._tokens[a], self._tokens[b]
        overlap = len(mine & theirs) / max(len(mine | theirs), 1)
        return max(0.0, (overlap - _NEAR_DUPLICATE_TEXT) / (1 - _NEAR_DUPLICATE_TEXT))

    @cached_property
    def _tokens(self) -> dict[str, frozenset[str]]:
        """What the rows of each candidate that match hold."""
        return {v.video_id: frozenset(token for m in v.best for token in ngrams(m.text or "")) for v in self._videos}


@lru_cache(maxsize=1024)
def _spread(count: int) -> NDArray[np.int64]:
    """8 places of `count`, evenly spread; every place at least once where there are no more than 8."""
    return np.linspace(0, count - 1, CLIPS_COMPARED).round().astype(np.int64)
