"""Search by text, by picture or clip, and by a video of the library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from retrieval.errors import InputError
from retrieval.library import VideoFilter
from retrieval.search import SearchResult, SearchSettings
from serving.api.answers import search_answer
from serving.api.schemas import SearchAnswer, SearchAnswers, SearchFilters, SearchRequest
from serving.api.service import Service
from serving.filters import video_filter


class SearchParameters(SearchRequest):
    """As the body, in the address; several queries at once need the body."""

    queries: None = None


def routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["search"])

    @router.get("/search", responses={200: {"model": SearchAnswer}})
    def search(request: Request, asked: Annotated[SearchParameters, Query()]) -> JSONResponse:
        """Videos and moments that answer a text."""
        return JSONResponse(_answer(service, asked, asked.q or "", request.state.request_id))

    @router.post("/search", responses={200: {"model": SearchAnswer | SearchAnswers}})
    def search_posted(request: Request, asked: SearchRequest) -> JSONResponse:
        """The same from a body; `queries` asks several at once."""
        if asked.queries is None:
            return JSONResponse(_answer(service, asked, asked.q or "", request.state.request_id))
        if asked.q is not None:
            raise InputError("Give either q or queries.")
        answers = [_answer(service, asked, text, request.state.request_id) for text in asked.queries]
        return JSONResponse({"answers": answers})

    return router


def _answer(service: Service, asked: SearchRequest, text: str, request_id: str) -> dict[str, Any]:
    settings = SearchSettings(
        channels=frozenset(asked.channel) if asked.channel else None, show_hidden=asked.hidden, moments=asked.moments,
        diversity=asked.diversity, collapse=asked.collapse, rank_ms=asked.rank_ms, vector_recall=asked.recall,
    )  # fmt: skip
    with service.searches.entered():
        loaded = service.engines.current()
        result = loaded.engine.with_settings(settings).search(text, count=asked.k, where=filter_of(asked, asked.video))
    return answered(service, result, loaded.notices, request_id)


def answered(service: Service, result: SearchResult, notices: tuple[str, ...], request_id: str) -> dict[str, Any]:
    service.metrics.searched(result.took_ms)
    return search_answer(result, notices=notices, request_id=request_id)


def filter_of(asked: SearchFilters, videos: Sequence[str] = ()) -> VideoFilter:
    """videos: the only ones that may answer, () = any. Raises as `video_filter`."""
    return video_filter(
        path=asked.path, tag=asked.tag, longer=asked.longer, shorter=asked.shorter, since=asked.since, until=asked.until,
        video=videos,
    )  # fmt: skip
