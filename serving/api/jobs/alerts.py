"""Saved queries: asked again of every new video; what answers is written down and sent to those who want to know.

Nothing of it is lost by a kill: how far the videos were asked about is on the disk, and so is each call until it was answered.
A hit may come twice, then with the same `id`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from retrieval.disk import sync_file
from retrieval.errors import InputError, WenshiError
from retrieval.library import Library, VideoFilter
from retrieval.library.schema import now
from retrieval.search import Hit, SearchSettings
from serving.api.answers import hit_json
from serving.api.jobs.store import Call, HandedOn, JobStore, SavedQuery
from serving.api.jobs.webhooks import post
from serving.api.models import Engines

log = logging.getLogger("wenshi.serve")
LOG_NAME = "saved-queries.jsonl"
_FEW = 50                   # new videos that are asked about at once
_WAITING = 10_000           # webhook calls; more are only written down
_TRIES = 20                 # of one call: over about eight hours, for the pause grows up to the longest
_LONGEST_PAUSE_SECONDS = 3600.0
_LOOK_SECONDS = 0.5         # between two looks for a call that is due
_REST_SECONDS = 10.0        # after videos could not be asked about

_Event = dict[str, Any]


class Alerts:
    """Used by the one process that does a library's jobs. `webhook_networks`: private networks that webhooks may reach."""

    def __init__(
        self, directory: Path, library: Library, engines: Engines, store: JobStore, *, webhook_networks: Sequence[str]
    ) -> None:
        self._path = directory / LOG_NAME
        self._library = library
        self._engines = engines
        self._store = store
        self._networks = webhook_networks
        self._closing = threading.Event()
        self._called = threading.Event()        # there are new calls
        self._not_before = 0.0
        self._thread = threading.Thread(target=self._send_all, name="wenshi-webhooks", daemon=True)

    def start(self) -> None:
        """Begin with the calls that are still to be made; a second time does nothing."""
        if not self._thread.is_alive() and not self._closing.is_set():
            self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._called.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def catch_up(self) -> None:
        """Ask every saved query of the videos that were added, by whomever, since it was last asked. Raises nothing: what
        could not be asked is asked again later."""
        if time.monotonic() < self._not_before:
            return
        try:
            while self._hand_on_some() and not self._closing.is_set():
                pass
        except Exception as error:      # whatever it is: the jobs go on
            self._not_before = time.monotonic() + _REST_SECONDS
            unforeseen = not isinstance(error, (WenshiError, OSError))
            log.warning("saved queries could not be asked of new videos, and will be: %s", error, exc_info=unforeseen)

    def _hand_on_some(self) -> bool:
        """Whether there were videos to ask about."""
        identity, _ = self._library.edition()
        last = HandedOn(identity, self._library.last_place())   # before the queries: one that is saved now asks about all behind
        reached = self._store.handed_on()
        saved = self._store.saved_queries()
        if reached is None or reached.library != identity or not saved:
            # Nobody asked about the videos until here; or a snapshot was put in their place, with numbers of its own.
            if last != reached:
                self._store.hand_on(last)
            return False
        new = self._library.videos_behind(reached.place, limit=_FEW)
        if not new:
            return False
        events = [(query.webhook, event) for query in saved for event in self._asked(query, [video for _, video in new])]
        self._write_down(event for _, event in events)
        calls = [(webhook, event) for webhook, event in events if webhook is not None]
        if calls and self._store.calls_waiting() + len(calls) > _WAITING:
            log.warning("too many webhook calls wait: %d are only written down", len(calls))
            calls = []
        self._store.hand_on(HandedOn(identity, new[-1][0]), calls)
        self._called.set()
        return True

    def _asked(self, saved: SavedQuery, video_ids: Sequence[str]) -> list[_Event]:
        """What a saved query finds among these videos alone."""
        # what only words answered would be handed on for good: a store of vectors that is away is waited for
        engine = self._engines.renewed().engine.with_settings(SearchSettings(words_suffice=False, collapse=False))
        try:
            result = engine.search(saved.q, count=len(video_ids), where=VideoFilter(videos=frozenset(video_ids)))
        except InputError as error:         # it will not be any other the next time
            log.warning("the saved query %s cannot be asked: %s", saved.id, error)
            return []
        hits = list(filter(_answers, result.hits))
        added = {video: stored.added_at for video, stored in self._library.videos([hit.video_id for hit in hits]).items()}
        return [
            {"id": _hit_id(saved.id, hit.video_id, added.get(hit.video_id, "")), "saved_query": saved.id, "q": saved.q,
             "at": now(), "hit": hit_json(hit)}
            for hit in hits
        ]  # fmt: skip

    def _write_down(self, events: Iterable[_Event]) -> None:
        lines = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events).encode()
        if not lines:
            return
        with self._path.open("a+b") as file:
            if file.tell():
                file.seek(-1, 2)
                if file.read(1) != b"\n":       # a kill left half a line
                    lines = b"\n" + lines
            file.write(lines)
            sync_file(file)

    # --- the thread that calls

    def _send_all(self) -> None:
        while not self._closing.is_set():
            try:
                call = self._store.next_call()
                if call is not None:
                    self._send(call)
                    continue
            except WenshiError as error:
                log.warning("the calls of webhooks cannot be read or noted: %s", error)
                self._closing.wait(_REST_SECONDS)
            self._called.wait(_LOOK_SECONDS)
            self._called.clear()

    def _send(self, call: Call) -> None:
        try:
            status = post(call.webhook, call.event, networks=self._networks)
        except InputError as error:
            log.warning("a webhook may not be called: %s", error)
        except Exception as error:      # whatever one address does: the others are still called
            self._later(call, str(error))
            return
        else:
            if status == 429 or status >= 500:
                self._later(call, f"it answered {status}")
                return
            if status >= 300:
                log.warning("a webhook answered %d to a hit and is not called for it again", status)
        self._store.call_ended(call)

    def _later(self, call: Call, reason: str) -> None:
        if call.tries + 1 >= _TRIES:
            log.warning("a webhook was called %d times in vain, the hit is only written down: %s", _TRIES, reason)
            self._store.call_ended(call)
            return
        if call.tries == 0:
            log.warning("a webhook could not be called, and will be again: %s", reason)
        self._store.call_again(call, seconds=min(2.0**call.tries, _LONGEST_PAUSE_SECONDS))


def _answers(hit: Hit) -> bool:
    """Some clip is always the nearest to a query: it counts where words answer too, or where it is far from chance."""
    return hit.confidence in ("high", "medium") or any(match.coverage is not None for match in hit.channels)


def _hit_id(saved_query: str, video_id: str, added_at: str) -> str:
    """The same whenever the same query finds the same video, until that is removed and added again."""
    return hashlib.sha256(f"{saved_query} {video_id} {added_at}".encode()).hexdigest()[:32]
