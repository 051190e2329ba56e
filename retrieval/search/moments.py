"""Rows of one video into the spans a person should look at."""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.search.fusion import reciprocal_rank
from retrieval.search.results import Match, Moment

# Rows that speak of the same span belong together when the shorter of the two is mostly inside the other.
_OVERLAP = 0.5
# A row that stands longer than this and over half the video, such as a watermark, says nothing of where to look.
_BROAD_MS = 30_000
# The strongest rows of a video are grouped; one of thousands of lines needs no more for its few best moments.
_MOST_ROWS = 500


def find_moments(matches: Sequence[Match], *, duration_ms: int, most: int) -> list[Moment]:
    """The best spans of a video, best first, at most `most`.

    The strongest row sets a moment's span, the shorter of equal ones; rows of any channel that overlap it add to its
    score and its reasons, one row a channel counting. A row that spans the whole video (a title) names no moment. One
    that spans most of it, and a clip that is the whole video, does so only where no row is more precise.
    """
    timed = [m for m in matches if m.end_ms > m.start_ms and (m.clip_id is not None or not _is_whole(m, duration_ms))]
    precise = [m for m in timed if not _is_whole(m, duration_ms) and not _is_broad(m, duration_ms)]
    moments = [_moment(group) for group in _groups(precise or timed)]
    return sorted(moments, key=lambda m: (-m.score, m.start_ms))[:most]


def _is_whole(match: Match, duration_ms: int) -> bool:
    return match.start_ms <= 0 and match.end_ms >= duration_ms


def _is_broad(match: Match, duration_ms: int) -> bool:
    length = match.end_ms - match.start_ms
    return length > _BROAD_MS and 2 * length > duration_ms


def _groups(matches: Sequence[Match]) -> list[list[Match]]:
    """Rows that overlap the first row of their group, which is its strongest."""
    strongest = sorted(matches, key=lambda m: (-reciprocal_rank(m), m.end_ms - m.start_ms, m.start_ms))
    groups: list[list[Match]] = []
    for match in strongest[:_MOST_ROWS]:
        home = next((group for group in groups if _same_span(group[0], match)), None)
        if home is None:
            groups.append([match])
        else:
            home.append(match)
    return groups


def _moment(group: Sequence[Match]) -> Moment:
    strongest: dict[str, Match] = {}
    for match in group:
        strongest.setdefault(match.channel, match)
    anchor = group[0]
    seen = next((m.best_ms for m in strongest.values() if m.best_ms is not None), anchor.start_ms)
    return Moment(
        start_ms=anchor.start_ms,
        end_ms=anchor.end_ms,
        best_ms=seen if anchor.start_ms <= seen <= anchor.end_ms else anchor.start_ms,
        score=sum(reciprocal_rank(match) for match in strongest.values()),
        matches=tuple(strongest.values()),
    )


def _same_span(anchor: Match, match: Match) -> bool:
    overlap = min(anchor.end_ms, match.end_ms) - max(anchor.start_ms, match.start_ms)
    shorter = min(anchor.end_ms - anchor.start_ms, match.end_ms - match.start_ms)
    return overlap >= _OVERLAP * shorter
