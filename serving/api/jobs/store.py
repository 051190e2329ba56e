"""The queue of jobs, uploads on their way into it, files that were dismissed, saved queries and calls of webhooks, in an SQLite
file of their own: none of it is the truth about any video."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from retrieval.errors import LibraryError
from retrieval.library.database import database_errors
from retrieval.library.schema import now
from retrieval.records import Location

State = Literal["waiting", "running", "done", "failed", "stopped"]
ENDED: tuple[State, ...] = ("done", "failed", "stopped")
STATES: tuple[State, ...] = ("waiting", "running", *ENDED)
JOBS_NAME = "jobs.sqlite"
_KEPT = 200                 # ended jobs
_MOST_FAILURES = 1000       # of one job that are named
_TABLES = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    job TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    work TEXT NOT NULL,
    state TEXT NOT NULL,
    cancelled INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0,
    failed TEXT NOT NULL DEFAULT '[]',
    current TEXT,
    message TEXT,
    created_at TEXT NOT NULL,
    finished_at TEXT
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, number);
CREATE TABLE IF NOT EXISTS saved_queries (
    id TEXT PRIMARY KEY, q TEXT NOT NULL, webhook TEXT, created_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS uploads (path TEXT PRIMARY KEY, begun REAL NOT NULL);
CREATE TABLE IF NOT EXISTS dismissed (path BLOB PRIMARY KEY, size_bytes INTEGER NOT NULL, modified_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS handed_on (only INTEGER PRIMARY KEY CHECK (only = 1), library TEXT NOT NULL, place INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS calls (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook TEXT NOT NULL,
    event TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS calls_by_due ON calls (due, number);
"""
_SHOWN = ("job", "kind", "state", "done", "total", "failed", "current", "message", "created_at", "finished_at")


@dataclass(frozen=True)
class Job:
    """What the worker needs; `work` is what was asked for, as JSON values."""

    id: str
    kind: str
    work: Mapping[str, Any]


@dataclass(frozen=True)
class SavedQuery:
    id: str
    q: str
    webhook: str | None
    created_at: str


@dataclass(frozen=True)
class HandedOn:
    """How far saved queries were asked of a library's videos: up to the place in the order in which they were added."""

    library: str
    place: int


@dataclass(frozen=True)
class Call:
    """A webhook that is still to be called; `tries`: how often it was in vain."""

    number: int
    webhook: str
    event: dict[str, Any]
    tries: int


class JobStore:
    """Thread-safe, and several processes may use one file. Every call is durable when it returns.

    Where the library was moved away, or a copy put in its place, each raises LibraryError: nobody would look there for what
    was noted, and a copy may still be on its way.
    """

    def __init__(self, library: Path) -> None:
        self._directory = library
        self._lock = threading.Lock()
        with database_errors(library):
            self._db = sqlite3.connect(
                library / JOBS_NAME, timeout=30, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_TABLES)
            self._file = (library / JOBS_NAME).stat()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # --- those who ask

    def put(self, kind: str, work: Mapping[str, Any]) -> str:
        """Ask for a job; its id."""
        job = secrets.token_hex(8)
        with self._writing() as db:
            db.execute(
                "INSERT INTO jobs (job, kind, work, state, created_at) VALUES (?, ?, ?, 'waiting', ?)",
                [job, kind, json.dumps(work), now()],
            )
            db.execute(
                "DELETE FROM jobs WHERE state IN ('done', 'failed', 'stopped') AND number <= "
                "(SELECT coalesce(max(number), 0) - ? FROM jobs)", [_KEPT],
            )  # fmt: skip
        return job

    def all(self) -> list[dict[str, Any]]:
        """Every job as the API shows it, the latest first."""
        return self._shown("ORDER BY number DESC")

    def job(self, job: str) -> dict[str, Any] | None:
        return next(iter(self._shown("WHERE job = ?", job)), None)

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state that some are in."""
        with self._reading() as db:
            return dict(db.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall())

    def cancel(self, job: str) -> None:
        """A waiting job is stopped at once, a running one soon; one that has ended stays as it is."""
        with self._writing() as db:
            db.execute("UPDATE jobs SET cancelled = 1 WHERE job = ? AND state IN ('waiting', 'running')", [job])
            db.execute(
                "UPDATE jobs SET state = 'stopped', finished_at = ? WHERE job = ? AND state = 'waiting'", [now(), job]
            )

    # --- uploads, from their first byte until a job with them has ended

    def expect_upload(self, path: str) -> None:
        """Note a file before it is written, so that it can be found if nobody asks for a job with it."""
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO uploads (path, begun) VALUES (?, ?)", [path, time.time()])

    def abandoned_uploads(self, *, seconds: float) -> list[str]:
        """Noted files that no open job names and that began so long ago."""
        with self._reading() as db:
            works = db.execute("SELECT work FROM jobs WHERE state IN ('waiting', 'running')").fetchall()
            noted = db.execute("SELECT path FROM uploads WHERE begun <= ?", [time.time() - seconds]).fetchall()
        named = {path for (work,) in works for path in json.loads(work).get("uploaded", ())}
        return [path for (path,) in noted if path not in named]

    def forget_uploads(self, paths: Iterable[str]) -> None:
        with self._writing() as db:
            db.executemany("DELETE FROM uploads WHERE path = ?", [(path,) for path in paths])

    def uploaded(self, job: str) -> list[str]:
        """The uploads that a job is to add."""
        with self._reading() as db:
            row = db.execute("SELECT work FROM jobs WHERE job = ?", [job]).fetchone()
        return json.loads(row[0]).get("uploaded", []) if row else []

    # --- the worker

    def take_up(self) -> None:
        """What another worker was at when it was killed waits again."""
        with self._writing() as db:
            db.execute("UPDATE jobs SET state = 'waiting', current = NULL WHERE state = 'running'")

    def claim(self) -> Job | None:
        """The job that waited longest, running from now on; None when none waits."""
        with self._writing() as db:
            row = db.execute("SELECT job, kind, work FROM jobs WHERE state = 'waiting' ORDER BY number LIMIT 1").fetchone()
            if row is None:
                return None
            sql = "UPDATE jobs SET state = 'running', done = 0, total = 0, failed = '[]', message = NULL WHERE job = ?"
            db.execute(sql, [row[0]])
        return Job(row[0], row[1], json.loads(row[2]))

    def progress(
        self, job: str, *, done: int, total: int, failed: list[dict[str, str]], current: Mapping[str, Any] | None
    ) -> None:
        with self._writing() as db:
            db.execute(
                "UPDATE jobs SET done = ?, total = ?, failed = ?, current = ? WHERE job = ?",
                [done, total, json.dumps(failed[:_MOST_FAILURES]), json.dumps(current) if current else None, job],
            )

    def is_cancelled(self, job: str) -> bool:
        with self._reading() as db:
            row = db.execute("SELECT cancelled FROM jobs WHERE job = ?", [job]).fetchone()
        return bool(row and row[0])

    def wait_again(self, job: str, message: str | None) -> None:
        """Put a running job back to the place that it had."""
        with self._writing() as db:
            db.execute("UPDATE jobs SET state = 'waiting', current = NULL, message = ? WHERE job = ?", [message, job])

    def end(self, job: str, state: State, message: str | None = None) -> None:
        with self._writing() as db:
            db.execute(
                "UPDATE jobs SET state = ?, current = NULL, message = ?, finished_at = ? WHERE job = ?",
                [state, message, now(), job],
            )

    # --- files whose video was removed over HTTP: nobody adds them by themselves

    def dismiss(self, files: Iterable[Location]) -> None:
        with self._writing() as db:
            rows = [(os.fsencode(file.path), file.size_bytes, file.modified_ns) for file in files]
            db.executemany("INSERT OR REPLACE INTO dismissed VALUES (?, ?, ?)", rows)

    def dismissed(self) -> dict[str, tuple[int, int]]:
        """(size in bytes, time of change in ns) of each file when it was known, by path: one that has changed since is new."""
        with self._reading() as db:
            rows = db.execute("SELECT path, size_bytes, modified_ns FROM dismissed").fetchall()
        return {os.fsdecode(path): (size_bytes, modified_ns) for path, size_bytes, modified_ns in rows}

    def forget_dismissed(self, paths: Iterable[str]) -> None:
        with self._writing() as db:
            db.executemany("DELETE FROM dismissed WHERE path = ?", [(os.fsencode(path),) for path in paths])

    # --- saved queries

    def saved_queries(self) -> list[SavedQuery]:
        with self._reading() as db:
            rows = db.execute("SELECT id, q, webhook, created_at FROM saved_queries ORDER BY created_at, id").fetchall()
        return [SavedQuery(*row) for row in rows]

    def save_query(self, q: str, webhook: str | None) -> SavedQuery:
        saved = SavedQuery(secrets.token_hex(8), q, webhook, now())
        with self._writing() as db:
            db.execute("INSERT INTO saved_queries VALUES (?, ?, ?, ?)", [saved.id, saved.q, saved.webhook, saved.created_at])
        return saved

    def forget_query(self, query_id: str) -> bool:
        """End a saved query, and with it the calls that were still to be made; False when there was none with this id."""
        with self._writing() as db:
            db.execute("DELETE FROM calls WHERE json_extract(event, '$.saved_query') = ?", [query_id])
            return db.execute("DELETE FROM saved_queries WHERE id = ?", [query_id]).rowcount > 0

    # --- what saved queries found

    def handed_on(self) -> HandedOn | None:
        """None before anything was."""
        with self._reading() as db:
            row = db.execute("SELECT library, place FROM handed_on").fetchone()
        return HandedOn(*row) if row else None

    def hand_on(self, reached: HandedOn, calls: Collection[tuple[str, Mapping[str, Any]]] = ()) -> None:
        """Videos up to there were asked about; `calls`: (webhook, event) that follow from it. Both or neither.

        An event names its `saved_query`: one that is gone by now is told nothing.
        """
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO handed_on VALUES (1, ?, ?)", [reached.library, reached.place])
            rows = [(webhook, json.dumps(event, ensure_ascii=False), event["saved_query"]) for webhook, event in calls]
            sql = "INSERT INTO calls (webhook, event) SELECT ?, ? WHERE EXISTS (SELECT 1 FROM saved_queries WHERE id = ?)"
            db.executemany(sql, rows)

    def calls_waiting(self) -> int:
        with self._reading() as db:
            return int(db.execute("SELECT count(*) FROM calls").fetchone()[0])

    def next_call(self) -> Call | None:
        """The call that is due for longest; None when none is."""
        with self._reading() as db:
            sql = "SELECT number, webhook, event, tries FROM calls WHERE due <= ? ORDER BY due, number LIMIT 1"
            row = db.execute(sql, [time.time()]).fetchone()
        return Call(row[0], row[1], json.loads(row[2]), row[3]) if row else None

    def call_again(self, call: Call, *, seconds: float) -> None:
        with self._writing() as db:
            db.execute("UPDATE calls SET tries = tries + 1, due = ? WHERE number = ?", [time.time() + seconds, call.number])

    def call_ended(self, call: Call) -> None:
        with self._writing() as db:
            db.execute("DELETE FROM calls WHERE number = ?", [call.number])

    # --- inside

    def _shown(self, where: str, *values: str) -> list[dict[str, Any]]:
        with self._reading() as db:
            rows = db.execute(f"SELECT {', '.join(_SHOWN)} FROM jobs {where}", values).fetchall()
        jobs = [dict(zip(_SHOWN, row, strict=True)) for row in rows]
        for job in jobs:
            job["failed"] = json.loads(job["failed"])
            job["current"] = json.loads(job["current"]) if job["current"] else None
        return jobs

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, database_errors(self._directory):
            self._refuse_another()
            yield self._db

    def _refuse_another(self) -> None:
        path = self._directory / JOBS_NAME
        with suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), self._file):
                return
        raise LibraryError(f"{path} was moved or replaced while the service ran: start the service again.")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                db.execute("ROLLBACK")
                raise
