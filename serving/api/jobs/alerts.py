"""Saved queries: asked again of every new video; what answers is written down and sent to those who want to know."""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retrieval.errors import WenshiError
from retrieval.library import VideoFilter
from retrieval.library.schema import now
from retrieval.search import Hit
from serving.api.answers import hit_json
from serving.api.jobs.store import JobStore, SavedQuery
from serving.api.jobs.webhooks import post
from serving.api.models import Engines

log = logging.getLogger("wenshi.serve")
LOG_NAME = "saved-queries.jsonl"
_WAITING = 1000             # webhook calls; more are only written down


class Alerts:
    """`webhook_networks`: private networks that webhooks may reach."""

    def __init__(self, directory: Path, engines: Engines, store: JobStore, *, webhook_networks: Sequence[str]) -> None:
        self._path = directory / LOG_NAME
        self._engines = engines
        self._store = store
        self._networks = webhook_networks
        self._calls: queue.Queue[tuple[str, dict[str, Any]] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._send, name="wenshi-webhooks", daemon=True)
        self._thread.start()

    def close(self) -> None:
        try:
            self._calls.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(timeout=5)

    def added(self, video_ids: Sequence[str]) -> None:
        """Ask every saved query of these videos alone."""
        for saved in self._store.saved_queries():
            try:
                self._ask(saved, video_ids)
            except (WenshiError, OSError) as error:
                log.warning("the saved query %s could not be asked: %s", saved.id, error)

    def _ask(self, saved: SavedQuery, video_ids: Sequence[str]) -> None:
        engine = self._engines.renewed().engine
        result = engine.search(saved.q, count=len(video_ids), where=VideoFilter(videos=frozenset(video_ids)))
        for hit in filter(_answers, result.hits):
            event = {"saved_query": saved.id, "q": saved.q, "at": now(), "hit": hit_json(hit)}
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(event, ensure_ascii=False) + "\n")
            if saved.webhook is not None:
                try:
                    self._calls.put_nowait((saved.webhook, event))
                except queue.Full:
                    log.warning("too many webhook calls wait: one of %s is only written down", saved.id)

    def _send(self) -> None:
        while (call := self._calls.get()) is not None:
            address, event = call
            try:
                post(address, event, networks=self._networks)
            except Exception as error:      # whatever one address does: the others are still called
                log.warning("a webhook could not be called: %s", error)


def _answers(hit: Hit) -> bool:
    """Some clip is always the nearest to a query: it counts where words answer too, or where it is far from chance."""
    return hit.confidence in ("high", "medium") or any(match.coverage is not None for match in hit.channels)
