"""The videos of the library: what they are, what is said in them, which moments answer, what looks alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from retrieval.library import StoredVideo, VideoFilter
from retrieval.records import EvidenceKind
from retrieval.search import SearchSettings, title_of
from serving.api.answers import moment_json, video_json
from serving.api.errors import ApiError, not_found
from serving.api.key_moments import key_moments_json
from serving.api.routes.search import answered
from serving.api.schemas import (
    ID_LENGTH,
    MOST_HITS,
    Moments,
    QueryText,
    SearchAnswer,
    Transcript,
    Video,
    VideoId,
    VideoPage,
    VideoPlace,
)
from serving.api.service import Service

_SPOKEN: tuple[EvidenceKind, ...] = ("subtitle", "asr", "ocr")
_MOST_MOMENTS = 200


def routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["videos"])

    @router.get("/videos", response_model=VideoPage)
    def videos(
        after: VideoPlace | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        order: Literal["newest", "oldest"] = "newest",
    ) -> dict[str, Any]:
        """The videos in the order they were added. after: what the page before said in `next`, or a video of the library."""
        place = None if after is None else _place(service, after)
        found = service.library.videos_behind(place, limit=limit + 1, newest=order == "newest")
        page = found[:limit]
        stored = list(service.library.videos([video_id for _, video_id in page]).values())
        return {"videos": _videos(service, stored), "next": str(page[-1][0]) if len(found) > limit else None}

    @router.get("/videos/{video_id}", response_model=Video)
    def video(video_id: VideoId) -> dict[str, Any]:
        (answer,) = _videos(service, [service.video(video_id)])
        return answer

    @router.get("/videos/{video_id}/moments", response_model=Moments)
    def moments(video_id: VideoId, q: QueryText) -> dict[str, Any]:
        """Every span of one video that answers, by time, and how much each of its frames looks like the query."""
        service.video(video_id)
        with service.searches.entered():
            engine = service.engine(SearchSettings(moments=_MOST_MOMENTS))
            result = engine.search(q, count=1, where=VideoFilter(videos=frozenset([video_id])))
            service.metrics.searched(result.took_ms)
            with service.metrics.timed("saliency"):
                saliency = engine.saliency(q, video_id)
        found = sorted((moment for hit in result.hits for moment in hit.moments), key=lambda one: one.start_ms)
        return {"moments": list(map(moment_json, found)), "saliency": saliency}

    @router.get("/videos/{video_id}/key-moments.jsonld", response_class=JSONResponse)
    def key_moments(request: Request, video_id: VideoId, q: QueryText) -> JSONResponse:
        """The same as structured data for search engines (schema.org VideoObject with Clips)."""
        (video,) = _videos(service, [service.video(video_id)])
        base = str(request.base_url).rstrip("/")
        answer = key_moments_json(video, moments(video_id, q)["moments"], q=q, base=base)
        return JSONResponse(answer, media_type="application/ld+json")

    @router.get("/videos/{video_id}/transcript", response_model=Transcript)
    def transcript(video_id: VideoId) -> dict[str, Any]:
        """What is said and shown as text, by time."""
        service.video(video_id)
        return {
            "lines": [
                {"kind": row.kind, "text": row.text, "start_ms": row.start_ms, "end_ms": row.end_ms, "source": row.source}
                for row in service.library.evidence(video_id)
                if row.kind in _SPOKEN
            ]
        }

    @router.get("/videos/{video_id}/similar", responses={200: {"model": SearchAnswer}})
    def similar(
        request: Request,
        video_id: VideoId,
        k: Annotated[int, Query(ge=1, le=MOST_HITS)] = 20,
        collapse: bool = True,
    ) -> JSONResponse:
        """Other videos with clips that look like this one's. collapse: as of a search."""
        service.video(video_id)
        with service.searches.entered():
            return JSONResponse(similar_to(
                service, video_id, count=k, collapse=collapse, request_id=request.state.request_id
            ))  # fmt: skip

    return router


def similar_to(
    service: Service, video_id: str, *, count: int, collapse: bool, request_id: str, start_ms: int | None = None,
    end_ms: int | None = None, where: VideoFilter | None = None,
) -> dict[str, Any]:
    """Videos that look like the clips of a video which meet a span of it, of those that pass the filter."""
    with service.library.snapshot():        # a swap of generations in between would compare vectors of two models
        vectors = service.library.clip_vectors([video_id]).get(video_id)
        if vectors is None:
            raise not_found("No model has seen this video: there is nothing to compare.")
        clips = service.library.clips(video_id)
        if len(clips) == len(vectors) and (start_ms, end_ms) != (None, None):
            end_ms = clips[-1].end_ms if end_ms is None else end_ms
            meets = [clip.end_ms > (start_ms or 0) and clip.start_ms < end_ms for clip in clips]
            if not any(meets):
                raise not_found("The video has no clip in this span.")
            vectors = vectors[meets]
        loaded = service.engines.current()
        engine = loaded.engine.with_settings(SearchSettings(collapse=collapse))
        result = engine.search_alike(_few(vectors), count=count, where=where, without=[video_id])
    return answered(service, result, loaded.notices, request_id)


def _place(service: Service, after: str) -> int:
    """The place behind which a page begins, of what a client said about it."""
    if len(after) < ID_LENGTH:
        return int(after)
    place = service.library.place_of(after)
    if place is None:
        raise ApiError(410, "gone", "The video behind which to go on is not here any more: go on with what `next` said.")
    return place


def _few(vectors: Any, most: int = 16) -> Any:
    """At most so many, evenly spread: a long video need not be compared scene by scene."""
    step = max(1, -(-len(vectors) // most))
    return vectors[::step]


def _videos(service: Service, stored: Sequence[StoredVideo]) -> list[dict[str, Any]]:
    ids = [one.video.id for one in stored]
    titles, tags = service.library.titles(ids), service.library.tags(ids)
    return [
        video_json(
            one, title=title_of(titles.get(one.video.id, [])), tags=tags.get(one.video.id, []),
            clips=service.library.clips(one.video.id),
        )
        for one in stored
    ]  # fmt: skip
