"""How the library and the service are."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from retrieval.errors import LibraryError
from retrieval.search.confidence import stored_calibration
from serving.api.jobs.store import STATES
from serving.api.schemas import LibraryState
from serving.api.service import Service, caller_of
from serving.models import remembered_model


def routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["library"])

    @router.get("/library", response_model=LibraryState)
    def library(request: Request) -> dict[str, Any]:
        """What the library holds, and how much of it each model has seen."""
        caller = caller_of(request)
        return {**_state(service), "role": caller.role if caller else "read", "keys": bool(service.keys.all())}

    return router


def health_routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["service"])

    @router.get("/healthz")
    def healthy() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz", responses={503: {"description": "The library cannot be read at present."}})
    def ready() -> JSONResponse:
        """Searches can be answered."""
        try:
            service.library.generation()
        except LibraryError:
            return JSONResponse({"status": "library"}, status_code=503)
        return JSONResponse({"status": "ok"})

    @router.get("/metrics", response_class=Response)
    def metrics() -> Response:
        """For Prometheus."""
        status = service.counts.recent().status
        service.metrics.videos.set(status.videos)
        service.metrics.clips.set(status.clips)
        counts = service.store.counts()
        for state in STATES:
            service.metrics.jobs.labels(state).set(counts.get(state, 0))
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def _state(service: Service) -> dict[str, Any]:
    count = service.counts.current()
    status, (identity, revision) = count.status, count.edition
    calibration = stored_calibration(service.library)
    return {
        "videos": status.videos,
        "clips": status.clips,
        "evidence": status.evidence,
        "coverage": [
            *({"channel": "visual", "share": one.share} for one in status.generations if one.active),
            *({"channel": "meaning", "share": one.share} for one in status.text_generations if one.active),
        ],
        "generations": [asdict(one) for one in status.generations],
        "model": _name(remembered_model(service.library)),
        "calibrated": calibration is not None and calibration.fits(status.clips),
        "edition": f"{identity}:{revision}",
        "index": {
            "segments": [asdict(one) for one in status.indexes],
            "bytes_on_disk": status.bytes_on_disk,
            "stale_words": status.stale_words,
        },
        "failures": status.failures,
        "notices": list(service.engines.current().notices),
    }


def _name(model: str | None) -> str | None:
    """A hub name as it is, of a folder only its name."""
    return model.rstrip("/").rsplit("/", 1)[-1] if model and model.startswith("/") else model
