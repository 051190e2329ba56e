"""Rows of one video into the spans a person should look at."""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.search.fusion import reciprocal_rank
from retrieval.search.results import Match, Moment

# Rows that speak of the same span belong together when the shorter of the two is mostly inside the other.
_OVERLAP = 0.5


def find_moments(matches: Sequence[Match], *, duration_ms: int, most: int) -> list[Moment]:
    """The best spans of a video, best first, at most `most`.

    The strongest row sets a moment's span; rows of any channel that overlap it add to its score and its reasons, one
    row a channel counting. A row that spans the whole video (a title) names no moment.
    """
    timed = [m for m in matches if m.end_ms > m.start_ms and not (m.start_ms <= 0 and m.end_ms >= duration_ms)]
    groups: list[list[Match]] = []
    for match in sorted(timed, key=lambda m: (-reciprocal_rank(m), m.start_ms)):
        home = next((group for group in groups if _same_span(group[0], match)), None)
        if home is None:
            groups.append([match])
        else:
            home.append(match)
    moments = [_moment(group) for group in groups]
    return sorted(moments, key=lambda m: (-m.score, m.start_ms))[:most]


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
