"""The shapes of the API. Times are integer milliseconds on the presentation timeline."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from retrieval.days import read_day
from retrieval.search import CHANNELS, SearchSettings
from serving.filters import MOST_SECONDS

MOST_HITS, MOST_QUERIES, MOST_LETTERS = 1000, 32, 2000
ID_LENGTH = 64
VideoId = Annotated[str, StringConstraints(pattern=rf"^[0-9a-f]{{{ID_LENGTH}}}$")]
VideoPlace = Annotated[str, StringConstraints(pattern=rf"^([0-9]{{1,18}}|[0-9a-f]{{{ID_LENGTH}}})$")]     # in the order added
QueryText = Annotated[str, StringConstraints(max_length=MOST_LETTERS)]
ChannelName = Literal[CHANNELS]  # type: ignore[valid-type]
Milliseconds = Annotated[int, Field(ge=0, le=2**53)]
Seconds = Annotated[float, Field(ge=0, le=MOST_SECONDS, allow_inf_nan=False)]
FilterText = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


def _as_day(given: Any) -> Any:
    """A day as people write it; anything else is left to pydantic."""
    return (read_day(given, whole=True) or given) if isinstance(given, str) else given


Day = Annotated[date, BeforeValidator(_as_day)]


class Asked(BaseModel):
    """A body of a request: an unknown key is refused."""

    model_config = ConfigDict(extra="forbid")


class SearchFilters(Asked):
    """Which videos may answer; `longer` and `shorter` in seconds, `since` and `until` days. hidden: also those below the
    threshold. collapse: copies of a video stand in `copies` of the best of them; false = each is a hit.
    """

    channel: list[ChannelName] = Field(default=[], max_length=16)
    path: list[FilterText] = Field(default=[], max_length=64)
    tag: list[FilterText] = Field(default=[], max_length=64)
    longer: Seconds | None = None
    shorter: Seconds | None = None
    since: Day | None = None
    until: Day | None = None
    hidden: bool = False
    collapse: bool = True


class SearchRequest(SearchFilters):
    """One query, or several at once in `queries`. moments: at most so many a video; diversity: 0 = in plain order; rank_ms:
    time for comparing clips word by word; recall: share of the nearest vectors that must be found, None = 0.97.
    """

    q: QueryText | None = None
    queries: list[QueryText] | None = Field(default=None, min_length=1, max_length=MOST_QUERIES)
    k: int = Field(default=20, ge=1, le=MOST_HITS)
    video: list[VideoId] = Field(default=[], max_length=1000)
    moments: int = Field(default=SearchSettings.moments, ge=1, le=100)
    diversity: float = Field(default=SearchSettings.diversity, ge=0, le=1)
    rank_ms: float | None = Field(default=None, ge=0, le=60_000)
    recall: float | None = Field(default=None, gt=0, le=1)


class ExampleFilters(SearchFilters):
    """What may be asked beside an example. Nothing that looks like one is below a threshold: `hidden` changes nothing."""

    k: int = Field(default=20, ge=1, le=MOST_HITS)


class ExampleRequest(ExampleFilters):
    """A span of a video to search with; the whole video without ends."""

    video: VideoId
    start_ms: Milliseconds = 0
    end_ms: Milliseconds | None = None


class EmbedRequest(Asked):
    texts: list[QueryText] = Field(min_length=1, max_length=256)


class AddRequest(Asked):
    paths: list[Annotated[str, StringConstraints(min_length=1, max_length=4096)]] = Field(min_length=1, max_length=1000)


class SavedQueryRequest(Asked):
    """`webhook`: an http or https address that is told of new clips; without one they are only written to the log."""

    q: Annotated[str, StringConstraints(min_length=1, max_length=MOST_LETTERS)]
    webhook: Annotated[str, StringConstraints(max_length=2000)] | None = None


class KeyRequest(Asked):
    key: Annotated[str, StringConstraints(max_length=200)]


class ErrorBody(BaseModel):
    kind: str
    message: str
    request_id: str


class Error(BaseModel):
    error: ErrorBody


class Match(BaseModel):
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


class Moment(BaseModel):
    start_ms: int
    end_ms: int
    best_ms: int
    score: float
    channels: list[Match]


class Copy(BaseModel):
    """A video that shows the same as a hit and has none of its own."""

    video: str
    name: str
    title: str


class Hit(BaseModel):
    video: str
    name: str
    title: str
    score: float
    confidence: Literal["high", "medium", "low"] | None
    below_threshold: bool = False
    start_ms: int
    end_ms: int
    duration_ms: int
    poster: str
    sprite: str
    source: str
    moments: list[Moment]
    channels: list[Match]
    copies: list[Copy]


class SearchAnswer(BaseModel):
    query: str
    answered: bool | None
    hits: list[Hit]
    hidden: int
    notices: list[str]
    notices_zh: list[str]       # the same in Chinese, but for causes that are known in English alone
    took_ms: dict[str, float]
    request_id: str


class SearchAnswers(BaseModel):
    """One answer a query, in the order asked."""

    answers: list[SearchAnswer]


class Span(BaseModel):
    start_ms: int
    end_ms: int
    keyframe_ms: int


class Video(BaseModel):
    video: str
    name: str
    title: str
    tags: list[str]
    date: str | None
    duration_ms: int
    width: int
    height: int
    has_audio: bool
    damage: str | None
    added_at: str
    poster: str
    sprite: str
    source: str
    clips: list[Span]


class VideoPage(BaseModel):
    """`next`: what to give as `after` for more, also when videos were removed meanwhile; null at the end."""

    videos: list[Video]
    next: str | None


class Moments(BaseModel):
    moments: list[Moment]
    saliency: list[tuple[int, float]]


class TranscriptLine(BaseModel):
    kind: str
    text: str
    start_ms: int
    end_ms: int
    source: str


class Transcript(BaseModel):
    lines: list[TranscriptLine]


class JobFailure(BaseModel):
    path: str
    message: str


class JobPosition(BaseModel):
    path: str
    position_ms: int
    duration_ms: int


class Job(BaseModel):
    job: str
    kind: str
    state: Literal["waiting", "running", "done", "failed", "stopped"]
    done: int
    total: int
    failed: list[JobFailure]
    current: JobPosition | None
    message: str | None
    created_at: str
    finished_at: str | None


class JobStarted(BaseModel):
    job: str


class Jobs(BaseModel):
    jobs: list[Job]


class Removed(BaseModel):
    videos: list[str]
    paths: int


class Vectors(BaseModel):
    """Unit vectors by text, of the generation that they belong to."""

    generation: dict[str, Any]
    vectors: list[list[float]]


class GenerationName(Asked):
    """What made vectors: vectors of two generations are never compared."""

    encoder: str = Field(max_length=500)
    revision: str = Field(max_length=500)
    preprocessing: str = Field(max_length=500)
    dimension: int = Field(ge=1, le=1 << 16)


class GenerationState(GenerationName):
    """`share`: of the clips (visual) or texts (meaning) that have such a vector."""

    channel: Literal["visual", "meaning"]
    share: float
    active: bool


class Generations(BaseModel):
    generations: list[GenerationState]


class ActivateRequest(Asked):
    """`model`: where its model is loaded from, null = from where it last was, if that is known. `partial`: also while some
    rows have no such vector."""

    generation: GenerationName
    model: str | None = Field(default=None, min_length=1, max_length=1000)
    partial: bool = False


class Activated(BaseModel):
    """`previous`, `previous_model`: ask for these to go back."""

    active: GenerationName
    previous: GenerationName | None
    previous_model: str | None


class BuildRequest(Asked):
    """`sentences`: the sentence model that reads texts; `model`: the model that reads clips. null for both = the library's
    own sentence model."""

    sentences: str | None = Field(default=None, min_length=1, max_length=1000)
    model: str | None = Field(default=None, min_length=1, max_length=1000)


class LibraryState(BaseModel):
    """`role`: of who asks; `keys`: whether the service asks for a key."""

    videos: int
    clips: int
    evidence: dict[str, int]
    coverage: list[dict[str, Any]]
    generations: list[dict[str, Any]]
    model: str | None
    calibrated: bool
    edition: str
    index: dict[str, Any]
    failures: int
    notices: list[str]
    role: str
    keys: bool


class SavedQuery(BaseModel):
    id: str
    q: str
    webhook: str | None
    created_at: str


class SavedQueries(BaseModel):
    saved_queries: list[SavedQuery]
