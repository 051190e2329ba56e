"""Ranks of many channels into one score a video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from retrieval.search.results import Match

# What a rank in each channel is worth. Titles and speech are about the whole; a sign in the picture often is not. What
# is seen has a best row for any query at all, so it stands behind a text that holds the whole query. So has what is
# meant: it says again what the words of the same row say, and alone only guesses.
CHANNEL_WEIGHTS: dict[str, float] = {
    "title": 1.0, "tag": 1.0, "subtitle": 1.0, "asr": 1.0, "ocr": 0.7, "visual": 0.65, "meaning": 0.6,
}  # fmt: skip
RANK_OFFSET = 60


class FusedVideo(NamedTuple):
    """`best`: the strongest row of each channel; `matches`: every row of the video that was recalled."""

    video_id: str
    score: float
    best: tuple[Match, ...]
    matches: tuple[Match, ...]


def reciprocal_rank(match: Match, rank: int | None = None) -> float:
    """What one row is worth in the fused score: its channel's weight × its own worth / (60 + its rank)."""
    return CHANNEL_WEIGHTS[match.channel] * match.worth / (RANK_OFFSET + (match.rank if rank is None else rank))


def fuse(channels: Mapping[str, Sequence[Match]]) -> list[FusedVideo]:
    """Weighted reciprocal rank fusion over videos, best first.

    channels: name -> ranked rows. Within a channel a video stands where its best row stands among the videos, so a
    video with forty similar subtitle lines takes one place, not forty. A rank alone says nothing of how well its row
    answers, and the best row of a channel may share one character with the query: so each rank counts by its row's worth.
    Source: Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet" (SIGIR 2009), k = 60.
    """
    best: dict[str, list[Match]] = {}
    scores: dict[str, float] = {}
    matches: dict[str, list[Match]] = {}
    for rows in channels.values():
        for match in rows:
            matches.setdefault(match.video_id, []).append(match)
        for rank, match in _videos_in_order(rows):
            best.setdefault(match.video_id, []).append(match)
            scores[match.video_id] = scores.get(match.video_id, 0.0) + reciprocal_rank(match, rank)
    fused = [
        FusedVideo(video_id, score, tuple(sorted(best[video_id], key=lambda m: m.rank)), tuple(matches[video_id]))
        for video_id, score in scores.items()
    ]
    return sorted(fused, key=lambda video: (-video.score, video.video_id))


def _videos_in_order(rows: Sequence[Match]) -> list[tuple[int, Match]]:
    """(rank among videos, best row) of every video of one channel; rows with equal scores share a rank."""
    seen: set[str] = set()
    order: list[tuple[int, Match]] = []
    for match in rows:
        if match.video_id in seen:
            continue
        seen.add(match.video_id)
        tied = bool(order) and order[-1][1].score == match.score
        order.append((order[-1][0] if tied else len(order) + 1, match))
    return order
