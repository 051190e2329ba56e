"""Everything that the routes of one running service share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request

from data_pipeline.sources.files import plain_path
from retrieval.library import Library, StoredVideo
from retrieval.search import SearchEngine, SearchSettings
from serving.api.counting import Counts
from serving.api.errors import ApiError, not_found
from serving.api.guard import Caller, Guard
from serving.api.jobs.alerts import Alerts
from serving.api.jobs.store import JobStore
from serving.api.jobs.uploads import Uploads
from serving.api.jobs.watching import Watcher
from serving.api.jobs.worker import JobWorker
from serving.api.jobs.writer import SharedWriter
from serving.api.keys import Keys
from serving.api.limits import Gate
from serving.api.metrics import Metrics
from serving.api.models import Engines
from serving.api.settings import ServeSettings
from serving.ingest.run import AddOptions
from serving.media.cache import DiskCache
from serving.media.maker import MediaMaker
from serving.media.sandbox import Sandbox
from serving.vectors import search_in

_STORE_SECONDS = 1.5        # that requests under way still wait for a store of vectors when the service is told to end


class Service:
    """A library open for reading, its engine, and what makes pictures. LibraryError when the library cannot be opened."""

    def __init__(self, settings: ServeSettings) -> None:
        self.settings = settings
        self.directory = plain_path(settings.library)      # an upload is known by its path
        self.library = Library.open(self.directory)
        search_in(self.library, settings.vectors)
        self.counts = Counts(self.library)
        self.engines = Engines(
            self.library, model=settings.model, sentences=settings.sentences, text_encoder=settings.text_encoder
        )
        self.keys = Keys(self.directory)
        self.guard = Guard(settings, self.keys)
        self.metrics = Metrics()
        self.searches = Gate(
            at_once=settings.searches_at_once, waiting=settings.searches_waiting, seconds=settings.wait_seconds
        )
        self.making = Gate(at_once=settings.media_at_once, waiting=settings.media_waiting, seconds=settings.wait_seconds)
        self.sandbox = Sandbox(
            children=settings.media_at_once, seconds=settings.media_seconds, memory_bytes=settings.media_memory_bytes
        )
        self.media = MediaMaker(
            self.sandbox, DiskCache(settings.media_cache, most_bytes=settings.media_cache_bytes), admitted=self.making.entered
        )

        self.store = JobStore(self.directory)
        self.writer = SharedWriter(self.directory)
        self.uploads = Uploads(self.directory, self.library, self.store, settings, self.sandbox)
        self._alerts = Alerts(
            self.directory, self.library, self.engines, self.store, webhook_networks=settings.webhook_networks
        )
        options = AddOptions(
            model=settings.model, sentences=settings.sentences, on_screen_text=settings.on_screen_text, speech=settings.speech,
            stall_seconds=settings.stall_seconds, memory_bytes=settings.memory_bytes,
        )  # fmt: skip
        self._worker = JobWorker(
            self.store, self.writer, self.directory, options, engines=self.engines, alerts=self._alerts, uploads=self.uploads
        )
        self._watcher = Watcher(settings.watch, self.library, self.store, wake=self._worker.wake)

    def start(self) -> None:
        """Begin to work on jobs and to watch folders, as far as the settings say so."""
        if self.settings.jobs:
            self._worker.start()
            if self.settings.watch:
                self._watcher.start()

    def hurry(self) -> None:
        """The end is near: nothing waits any longer for a store of vectors that may be away."""
        self.library.hurry(_STORE_SECONDS)

    def close(self) -> None:
        self.hurry()
        self._watcher.close()
        self._alerts.close()        # first: the worker may be asking about very many new videos
        self._worker.close()
        self.sandbox.close()
        self.store.close()
        self.library.close()

    def ask_job(self, kind: str, work: Mapping[str, Any]) -> str:
        """Put a job into the queue; its id."""
        job = self.store.put(kind, work)
        self._worker.wake()
        return job

    def video(self, video_id: str) -> StoredVideo:
        """ApiError 404 when the library has no such video."""
        stored = self.library.video(video_id)
        if stored is None:
            raise not_found("The library has no such video.")
        return stored

    def engine(self, settings: SearchSettings) -> SearchEngine:
        return self.engines.current().engine.with_settings(settings)


def caller_of(request: Request) -> Caller | None:
    """Who asks, as the guard found; None on an open address without a key."""
    caller: Caller | None = request.state.caller
    return caller


def only_admin(request: Request) -> None:
    """A second look at what the guard decided by the address alone. ApiError 403."""
    caller = caller_of(request)
    if caller is None or caller.role != "admin":
        raise ApiError(403, "admin_needed", "This needs the key of an administrator.")
