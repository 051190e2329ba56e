"""The FastAPI application of one service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI

from serving.api import errors
from serving.api.middleware import Around
from serving.api.routes import examples, features, generations, jobs, library, media, page, saved, search, videos
from serving.api.schemas import Error
from serving.api.service import Service

API = "/api/v1"
_THREADS = 128      # more than may wait at the gates together, so that /healthz always finds one


def create_app(service: Service) -> FastAPI:
    """The application; it starts the service's jobs and closes the service when it ends."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = _THREADS
        app.openapi()       # kept from now on: made at the first request for it, all others would wait
        service.start()
        yield
        service.close()

    app = FastAPI(
        title="Wenshi 文视", version=version("wenshi"), lifespan=lifespan, docs_url=None, redoc_url=None,
        description="Find videos, and the moments inside them, by describing them.",
        responses={"4XX": {"model": Error}, "5XX": {"model": Error}},
    )
    app.add_middleware(
        Around, guard=service.guard, metrics=service.metrics, silence_seconds=service.settings.receive_seconds
    )
    errors.install(app, library=service.directory)
    for part in (search, examples, videos, jobs, saved, features, generations, library):
        app.include_router(part.routes(service), prefix=API)
    app.include_router(media.routes(service))
    app.include_router(library.health_routes(service))
    page.install(app, service)
    return app
