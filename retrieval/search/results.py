"""What a search answers with. Times are integer milliseconds; every number can be traced to a channel and a rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Match(NamedTuple):
    """One row of one channel: a piece of evidence or a clip that answers the query. Made hundreds of times a search.

    `score` is the channel's own and only orders rows within it; `held` are the query's tokens that the row's text holds
    and `coverage` (0..1) the share of the query's information in them, None where that has no meaning (a picture).
    """

    channel: str
    video_id: str
    start_ms: int
    end_ms: int
    score: float
    rank: int = 0  # 1-based within the channel; equal scores share a rank
    worth: float = 1.0  # 0..1, how much its rank counts beside other channels
    coverage: float | None = None
    held: frozenset[str] = frozenset()
    text: str | None = None
    source: str | None = None
    clip_id: int | None = None
    best_ms: int | None = None  # the frame that answers best, where frames were scored

    def to_json(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "name": self.channel,
            "rank": self.rank,
            "score": round(self.score, 6),
            "worth": round(self.worth, 4),
        }
        row |= {"text": self.text, "start_ms": self.start_ms, "end_ms": self.end_ms}
        if self.source is not None:
            row["source"] = self.source
        if self.coverage is not None:
            row["coverage"] = round(self.coverage, 4)
        return row


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A span of a video that answers the query, with everything that speaks for it."""

    start_ms: int
    end_ms: int
    best_ms: int  # where to start looking, or the picture to show
    score: float
    matches: tuple[Match, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "best_ms": self.best_ms,
            "score": round(self.score, 6),
            "channels": [match.to_json() for match in self.matches],
        }


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A video that shows the same as the hit it belongs to."""

    video_id: str
    path: str
    title: str

    def to_json(self) -> dict[str, Any]:
        return {"video": self.video_id, "path": self.path, "title": self.title}


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A video that answers the query: one row a channel that matched, and the moments inside it, best first.

    copies: videos that answer too and are copies of this one, best first; they have no hits of their own.
    """

    video_id: str
    path: str
    title: str
    duration_ms: int
    score: float
    channels: tuple[Match, ...]  # the best row of each channel
    moments: tuple[Moment, ...]
    confidence: str | None = None  # "high" "medium" "low"; None without a calibration, and by example
    below_threshold: bool = False  # shares only incidental characters with the query; found where hidden ones were asked for
    copies: tuple[Copy, ...] = ()

    @property
    def start_ms(self) -> int:
        return self.moments[0].start_ms if self.moments else 0

    @property
    def end_ms(self) -> int:
        return self.moments[0].end_ms if self.moments else self.duration_ms

    def to_json(self) -> dict[str, Any]:
        return {
            "video": self.video_id,
            "path": self.path,
            "title": self.title,
            "score": round(self.score, 6),
            "confidence": self.confidence,
            **({"below_threshold": True} if self.below_threshold else {}),
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "duration_ms": self.duration_ms,
            "moments": [moment.to_json() for moment in self.moments],
            "channels": [match.to_json() for match in self.channels],
            "copies": [copy.to_json() for copy in self.copies],
        }


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """`hidden` counts the videos that shared only incidental characters with the query and are left out.

    took_ms: by stage of the search (`retrieval.search.stopwatch`), and in `total`. answered: whether words hold the query,
    None = that cannot be told (`retrieval.search.confidence`), as by example.
    """

    query: str
    hits: tuple[Hit, ...]
    hidden: int
    notices: tuple[str, ...] = ()
    took_ms: Mapping[str, float] = field(default_factory=dict)
    answered: bool | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "query": self.query,
            "answered": self.answered,
            "hits": [hit.to_json() for hit in self.hits],
            "hidden": self.hidden,
            "notices": list(self.notices),
        }
