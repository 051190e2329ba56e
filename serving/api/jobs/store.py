"""The queue of jobs and the saved queries, in an SQLite file of their own: a job is not the truth about any video."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from retrieval.library.database import database_errors
from retrieval.library.schema import now

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


class JobStore:
    """Thread-safe, and several processes may use one file. Every call is durable when it returns."""

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
        """False when there was none with this id."""
        with self._writing() as db:
            return db.execute("DELETE FROM saved_queries WHERE id = ?", [query_id]).rowcount > 0

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
            yield self._db

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
