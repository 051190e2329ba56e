"""Folders whose videos are added by themselves: looked through now and then, once a file has stopped growing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from data_pipeline.sources.files import find_videos, plain_path
from retrieval.errors import WenshiError
from retrieval.library import Library
from serving.api.jobs.store import ENDED, JobStore
from serving.ingest.analysis import file_state
from serving.ingest.sync import missing

log = logging.getLogger("wenshi.serve")
_State = tuple[int, int]

_LOOK_SECONDS = 3.0
_SHARE = 20                 # a look that takes long is followed by so many times its length of rest


class Watcher:
    """A thread that asks for an `add` of files that are new or changed, and for a `sync` when known ones are gone."""

    def __init__(
        self, folders: Sequence[Path], library: Library, store: JobStore, *, wake: Callable[[], None],
        seconds: float = _LOOK_SECONDS,
    ) -> None:
        self._folders = [plain_path(folder.expanduser()) for folder in folders]
        self._library = library
        self._store = store
        self._wake = wake
        self._seconds = seconds
        self._growing: dict[Path, _State] = {}
        self._has_looked = False
        self._settled: dict[Path, _State] = {}      # known to the library, refused by it or removed, in this state
        self._job: str | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="wenshi-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def look(self) -> None:
        """One look through the folders; a job that was asked for by an earlier one is waited for."""
        if self._job is not None:
            job = self._store.job(self._job)
            if job is not None and job["state"] not in ENDED:
                return
            self._job = None
        if not self._has_looked:
            self._settled = self._known()
            self._has_looked = True
        found = find_videos([folder for folder in self._folders if folder.is_dir()]).videos
        states = {path: state for path in found if (state := file_state(path)) is not None}
        ready = [path for path, state in states.items() if self._growing.get(path) == state]
        refused = {row.path: (row.size_bytes, row.modified_ns) for row in self._library.failures()}
        settled = {**self._dismissed(), **refused}     # what was dismissed may have become something that is refused
        self._growing = {path: state for path, state in states.items() if not self._is_settled(path, state, settled)}
        ready = [path for path in ready if path in self._growing]
        if ready:
            self._ask("add", {"paths": list(map(str, ready))})
        if self._lost(states, refused):
            self._ask("sync", {"paths": list(map(str, self._folders))})

    def _known(self) -> dict[Path, _State]:
        """What the library holds below the folders, also of files that are gone: nobody may have watched them go."""
        return {
            Path(path): state for folder in self._folders for path, state in self._library.file_states(str(folder)).items()
        }

    def _dismissed(self) -> dict[str, _State]:
        """Files whose video was removed over HTTP. One that was added again, or is gone, is dismissed no more."""
        dismissed = self._store.dismissed()
        gone, _ = missing(dismissed)
        over = {*gone, *(path for path in dismissed if self._library.location(path) is not None)}
        if over:
            self._store.forget_dismissed(over)
        return {path: state for path, state in dismissed.items() if path not in over}

    def _ask(self, kind: str, work: dict[str, list[str]]) -> None:
        """Ask for a job and wait for it: those that were asked for before are done by then."""
        self._job = self._store.put(kind, work)
        self._wake()

    def _is_settled(self, path: Path, state: _State, settled: Mapping[str, _State]) -> bool:
        if self._settled.get(path) == state:
            return True
        known = self._library.location(str(path))
        if (known is not None and (known.size_bytes, known.modified_ns) == state) or settled.get(str(path)) == state:
            self._settled[path] = state
            return True
        return False

    def _lost(self, states: Collection[Path], refused: Collection[str]) -> bool:
        """Whether the library still knows files that are gone; each is told of once. Files whose folder may be out of reach
        are looked for again."""
        gone, _ = missing(str(path) for path in self._settled.keys() - states)
        for path in gone:
            del self._settled[Path(path)]
        return any(path in refused or self._library.location(path) is not None for path in gone)

    def _watch(self) -> None:
        wait = 0.0
        while not self._closing.wait(wait):
            began = time.monotonic()
            try:
                self.look()
            except (WenshiError, OSError) as error:
                log.warning("the watched folders could not be looked through: %s", error)
            wait = max(self._seconds, _SHARE * (time.monotonic() - began))
