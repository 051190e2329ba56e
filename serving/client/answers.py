"""What the service answers, as typed rows. Times are integer milliseconds; fields of newer services are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True)
class Match:
    """The best row of one channel (`name`) and its place there.

    worth: what it adds to the score. text: what it says, None = it was seen. marks: [start, end) in `text` of the words
    of the query. source: what wrote the text. coverage: the share of the query that the text holds, 0 to 1.
    """

    name: str
    rank: int
    score: float
    worth: float
    text: str | None
    marks: list[tuple[int, int]]
    start_ms: int
    end_ms: int
    source: str | None = None
    coverage: float | None = None


@dataclass(frozen=True)
class Moment:
    start_ms: int
    end_ms: int
    best_ms: int
    score: float
    channels: list[Match]


@dataclass(frozen=True)
class Copy:
    """A video that shows the same as a hit and has none of its own."""

    video: str
    name: str
    title: str


@dataclass(frozen=True)
class Hit:
    """`poster`, `sprite` and `source` are addresses on the service.

    copies: videos that answer too and show the same; an older service tells of none.

    below_threshold: it shares only incidental characters with the query; only where hidden ones are asked for.
    """

    video: str
    name: str
    title: str
    score: float
    confidence: str | None
    start_ms: int
    end_ms: int
    duration_ms: int
    poster: str
    sprite: str
    source: str
    moments: list[Moment]
    channels: list[Match]
    below_threshold: bool = False
    copies: list[Copy] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    """`answered`: False = nothing here seems to answer and the hits are only the nearest; None = that cannot be told."""

    query: str
    answered: bool | None
    hits: list[Hit]
    hidden: int
    notices: list[str]
    took_ms: dict[str, float]
    request_id: str
    notices_zh: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Job:
    job: str
    kind: str
    state: str
    done: int
    total: int
    failed: list[dict[str, str]]
    message: str | None

    @property
    def ended(self) -> bool:
        return self.state in ("done", "failed", "stopped")


@dataclass(frozen=True)
class Generation:
    """What made vectors: those of two generations are never compared."""

    encoder: str
    revision: str
    preprocessing: str
    dimension: int


@dataclass(frozen=True)
class GenerationState(Generation):
    """channel: "visual" (of clips) or "meaning" (of texts). share: of these that have such a vector, 0 to 1."""

    channel: str
    share: float
    active: bool


@dataclass(frozen=True)
class Activated:
    """`previous` and `previous_model` are what `Client.activate` goes back with."""

    active: Generation
    previous: Generation | None
    previous_model: str | None


@dataclass(frozen=True)
class SavedQuery:
    id: str
    q: str
    webhook: str | None
    created_at: str


def row(kind: type[_T], told: Mapping[str, Any]) -> _T:
    """A dataclass from JSON; KeyError for a field that is missing and has no default."""
    return kind(**{one.name: told[one.name] for one in fields(kind) if one.name in told or one.default is MISSING})  # type: ignore[arg-type]


def answer(told: Mapping[str, Any]) -> Answer:
    return row(Answer, {**told, "hits": [_hit(one) for one in told["hits"]]})


def moment(told: Mapping[str, Any]) -> Moment:
    return row(Moment, {**told, "channels": _matches(told)})


def activated(told: Mapping[str, Any]) -> Activated:
    previous = told["previous"]
    return Activated(
        active=row(Generation, told["active"]), previous=None if previous is None else row(Generation, previous),
        previous_model=told["previous_model"],
    )  # fmt: skip


def _hit(told: Mapping[str, Any]) -> Hit:
    copies = [row(Copy, one) for one in told.get("copies", [])]
    return row(Hit, {**told, "moments": list(map(moment, told["moments"])), "channels": _matches(told), "copies": copies})


def _matches(told: Mapping[str, Any]) -> list[Match]:
    return [row(Match, {**one, "marks": [(start, end) for start, end in one["marks"]]}) for one in told["channels"]]
