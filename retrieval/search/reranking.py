"""Ranking what was recalled: each word of the query against each frame of the best clips."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders.protocols import TextVectors
from retrieval.errors import LibraryError
from retrieval.library import Library
from retrieval.model.scores import combined_score, token_wise_scores
from retrieval.model.settings import InteractionSettings
from retrieval.search.channels import ranked
from retrieval.search.results import Match

# A clip's number -> the times of its frames in ms and their vectors [n, D] of unit length.
Frames = Mapping[int, tuple[tuple[int, ...], NDArray[np.float32]]]

_STEP = 1e-6    # between the scores of rows that were not looked at
_CLIPS_AT_ONCE = 10     # between two looks at the clock


class StoredFrames:
    """The frames of a library's clips during one search, each read once; `damage` says why some could not be read."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._read: dict[int, tuple[tuple[int, ...], NDArray[np.float32]]] = {}
        self.damage: str | None = None

    def of(self, clips: Collection[int]) -> Frames:
        """The frames of these clips, all that are missing in one reading; a clip without frames is left out."""
        missing = set(clips) - self._read.keys()
        if missing and self.damage is None:
            try:
                self._read |= self._library.frame_vectors(missing)
            except LibraryError as error:
                self.damage = str(error)
        return {clip: self._read[clip] for clip in clips if clip in self._read}

    def within(self, clips: Sequence[int], *, milliseconds: float | None) -> tuple[Frames, int]:
        """The frames of the first of these clips, as many as can be read in that time but some at least, and how many clips
        that are; None = all. Reading is what takes long where frames are not in memory.
        """
        if milliseconds is None:
            return self.of(clips), len(clips)
        ends = time.perf_counter() + milliseconds / 1000
        looked_at = 0
        while looked_at < len(clips) and (not looked_at or time.perf_counter() < ends):
            self.of(clips[looked_at : looked_at + _CLIPS_AT_ONCE])
            looked_at = min(looked_at + _CLIPS_AT_ONCE, len(clips))
        return self.of(clips[:looked_at]), looked_at


def rerank(
    matches: Sequence[Match], query: TextVectors, frames: Frames, *, interaction: InteractionSettings
) -> tuple[Match, ...]:
    """The rows with the first of them, those whose frames are given, in a new order; the others stay behind.

    matches: rows of clips, best first, with the cosine of the pooled vectors as their score; query: one text. A clip is
    scored by a mean of that cosine and its token-wise score. Scores stay in descending order: a row that was not
    looked at ranks after all that were.
    """
    known = [match for match in matches if match.clip_id in frames]
    if not known:
        return tuple(matches)
    fine = combined_score(
        np.array([match.score for match in known], dtype=np.float32),
        _token_wise(query, [frames[_clip(match)][1] for match in known], interaction),
        interaction=interaction,
    )
    scores = fine.tolist()
    looked_at = {match.clip_id for match in known}
    others = [match for match in matches if match.clip_id not in looked_at]
    behind = [min(scores) - _STEP * place for place in range(1, len(others) + 1)]
    return tuple(ranked([*known, *others], [*scores, *behind]))


def _token_wise(
    query: TextVectors, clips: Sequence[NDArray[np.float32]], interaction: InteractionSettings
) -> NDArray[np.float32]:
    """The token-wise score of one text with each clip's frames [n, D]: [clips]."""
    counts = np.array([len(vectors) for vectors in clips])
    frame_mask = np.arange(counts.max())[None, :] < counts[:, None]
    padded = np.zeros((*frame_mask.shape, query.words.shape[2]), dtype=np.float32)
    padded[frame_mask] = np.concatenate(list(clips))
    return token_wise_scores(query, padded, frame_mask=frame_mask, interaction=interaction)[0]


def _clip(match: Match) -> int:
    assert match.clip_id is not None
    return match.clip_id

