"""The thread that does the jobs, one after the other. What it was at when the process was killed begins anew."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from retrieval.encoders import SentenceModel, TextEncoder
from retrieval.errors import LibraryError, WenshiError
from retrieval.library import Library
from serving.api.jobs.alerts import Alerts
from serving.api.jobs.store import Job, JobStore
from serving.api.jobs.uploads import Uploads
from serving.api.jobs.writer import SharedWriter
from serving.api.models import Engines
from serving.ingest.building import build_vectors
from serving.ingest.calibrating import calibrate_grown
from serving.ingest.meanings import embed_in
from serving.ingest.report import AddReport, FileOutcome
from serving.ingest.run import AddOptions, add_to_library
from serving.ingest.sync import sync_library

log = logging.getLogger("wenshi.serve")

_IDLE_SECONDS = 0.5         # between two looks at the queue: another process may put jobs into it
_LOCKED_SECONDS = 2.0       # between two tries while another process writes the library
_NOTE_SECONDS = 0.5         # between two notes of where a job stands


class JobWorker:
    """One of the processes that serve a library does its jobs; when that one ends, another takes over."""

    def __init__(
        self, store: JobStore, writer: SharedWriter, library: Path, options: AddOptions, *, engines: Engines,
        alerts: Alerts, uploads: Uploads,
    ) -> None:
        self._store = store
        self._writer = writer
        self._options = options
        self._engines = engines
        self._alerts = alerts
        self._uploads = uploads
        self._right = FileLock(library / "jobs.lock", timeout=0, thread_local=False)
        self._closing = threading.Event()
        self._asked = threading.Event()
        self._thread = threading.Thread(target=self._work, name="wenshi-jobs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something to do."""
        self._asked.set()

    def close(self) -> None:
        """Stop at the next chance; the job that runs waits for the next worker."""
        self._closing.set()
        self._asked.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)
        self._right.release()

    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                if self._may_work():
                    if self._do_next():
                        continue
                    self._alerts.catch_up()     # also about what a `wenshi add` beside this service added
            except LibraryError as error:
                log.warning("the queue of jobs waits: %s", error)
                self._closing.wait(_LOCKED_SECONDS)
            except Exception:       # whatever it is: the worker must not end before the service does
                log.exception("the queue of jobs cannot be worked on")
                self._closing.wait(_LOCKED_SECONDS)
            self._asked.wait(_IDLE_SECONDS)
            self._asked.clear()

    def _may_work(self) -> bool:
        if self._right.is_locked:
            return True
        with suppress(Timeout):
            self._right.acquire()
            try:
                self._take_over()
            except BaseException:
                self._right.release()       # so that it is tried again
                raise
            return True
        return False

    def _take_over(self) -> None:
        """Go on with what another worker left when it ended or was killed."""
        self._alerts.catch_up()     # before any job: what it adds is new
        self._store.take_up()
        self._uploads.settle_abandoned()
        self._alerts.start()

    def _do_next(self) -> bool:
        """Whether there was a job that could be done."""
        job = self._store.claim()
        if job is None:
            return False
        try:
            with self._writer.opened() as library:
                report = self._do(job, library)
        except LibraryError as error:
            log.warning("job %s waits: %s", job.id, error)
            self._store.wait_again(job.id, str(error))
            self._closing.wait(_LOCKED_SECONDS)
            return True
        except WenshiError as error:
            self._store.end(job.id, "failed", str(error))
        except Exception as error:
            log.exception("job %s failed", job.id)
            self._store.end(job.id, "failed", f"Something unexpected went wrong: {type(error).__name__}.")
        else:
            if not self._ended(job, report):
                return True
        self._uploads.settle(job.work.get("uploaded", ()))
        return True

    def _do(self, job: Job, library: Library) -> AddReport:
        notes = _Notes(job, self._store, self._alerts)
        paths = [Path(path) for path in job.work.get("paths", ())]

        def stopping() -> bool:
            return self._closing.is_set() or notes.cancelled()

        try:
            if job.kind == "embed":
                embedded = embed_in(library, job.work["sentences"], progress=notes.counted, stopping=stopping)
                return AddReport(files=0, interrupted=not embedded.finished)
            if job.kind == "build":
                return build_vectors(library, job.work["model"], self._options, progress=notes, stopping=stopping).report
            add = partial(sync_library, dismissed=self._store.dismissed()) if job.kind == "sync" else add_to_library
            report = add(library, paths, self._options, progress=notes, stopping=stopping)
            calibrate_grown(library, report, self._models, stopping=stopping)
            return report
        finally:
            notes.write()

    def _models(self) -> tuple[TextEncoder | None, SentenceModel | None]:
        loaded = self._engines.renewed()
        return loaded.encoder, loaded.sentences

    def _ended(self, job: Job, report: AddReport) -> bool:
        """Note how a job ended; False when it waits for the next worker."""
        if report.stopped:
            self._store.end(job.id, "failed", report.stopped)
        elif not report.interrupted:
            self._store.end(job.id, "done", " ".join(report.notices) or None)
        elif self._store.is_cancelled(job.id):
            self._store.end(job.id, "stopped")
        else:
            self._store.wait_again(job.id, None)
            return False
        return True


class _Notes:
    """Where a job stands, written now and then; saved queries are then asked of its new videos."""

    def __init__(self, job: Job, store: JobStore, alerts: Alerts) -> None:
        self._job = job
        self._store = store
        self._alerts = alerts
        self._done = self._total = 0
        self._failed: list[dict[str, str]] = []
        self._current: dict[str, Any] | None = None
        self._written = self._asked = 0.0
        self._cancelled = False

    def begin(self, files: int) -> None:
        self._total = files
        self.write()

    def position(self, path: Path, position_ms: int, duration_ms: int) -> None:
        self._current = {"path": path.name, "position_ms": position_ms, "duration_ms": duration_ms}
        self._write_now_and_then()

    def counted(self, done: int, total: int) -> None:
        self._done, self._total = done, total
        self._write_now_and_then()

    def finished(self, outcome: FileOutcome) -> None:
        self._done += 1
        if outcome.outcome == "failed":
            self._failed.append({"path": outcome.path, "message": outcome.message or ""})
        self._write_now_and_then()

    def cancelled(self) -> bool:
        if time.monotonic() - self._asked > _NOTE_SECONDS:
            self._asked, self._cancelled = time.monotonic(), self._store.is_cancelled(self._job.id)
        return self._cancelled

    def write(self) -> None:
        self._store.progress(
            self._job.id, done=self._done, total=self._total, failed=self._failed, current=self._current
        )
        self._alerts.catch_up()
        self._written = time.monotonic()

    def _write_now_and_then(self) -> None:
        if time.monotonic() - self._written > _NOTE_SECONDS:
            self.write()
