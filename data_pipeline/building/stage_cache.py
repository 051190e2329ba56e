"""Results of stages, kept so that nothing is computed twice: one SQLite file a shard, with one writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.corpus.errors import CorpusError

CACHE = "cache"
_WAIT_SECONDS = 30.0        # for the process of a run that was killed: it ends within seconds
_LOOK_SECONDS = 1.0         # of who only looks: a page without a picture is better than one that is late
_SCHEMA = """
CREATE TABLE IF NOT EXISTS results (
    key TEXT PRIMARY KEY, content TEXT NOT NULL, stage TEXT NOT NULL, data BLOB NOT NULL, cpu_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS of_content ON results (content);
CREATE TABLE IF NOT EXISTS parts (
    key TEXT NOT NULL, position INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (key, position)
);
"""


@dataclass(frozen=True)
class Kept:
    """The result of a stage as bytes, and what it cost."""

    data: bytes
    cpu_ms: int
    wall_ms: int


class StageCache:
    """The results of one shard. A file that is damaged is begun anew: all it costs is time. Raises CorpusError (write).

    No write-ahead log and no shared memory, so that the file may lie on a disk of several machines.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._database = _opened(path)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                path.unlink()
                self._database = _opened(path)

    def close(self) -> None:
        self._database.close()

    def get(self, key: str) -> Kept | None:
        with _disk_errors(self.path):
            row = self._database.execute("SELECT data, cpu_ms, wall_ms FROM results WHERE key = ?", (key,)).fetchone()
        return row and Kept(*row)

    def parts(self, key: str) -> tuple[bytes, ...]:
        """The binary parts of a result, in order."""
        with _disk_errors(self.path):
            found = self._database.execute("SELECT data FROM parts WHERE key = ? ORDER BY position", (key,))
            return tuple(data for data, in found)

    def put(self, key: str, kept: Kept, *, content: str, stage: str, parts: Sequence[bytes] = ()) -> None:
        """Keep a result and its parts together, or neither."""
        with _disk_errors(self.path), self._database:
            self._database.execute("DELETE FROM parts WHERE key = ?", (key,))
            self._database.execute(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?)",
                (key, content, stage, kept.data, kept.cpu_ms, kept.wall_ms),
            )
            self._database.executemany(
                "INSERT INTO parts VALUES (?, ?, ?)", [(key, position, data) for position, data in enumerate(parts)]
            )

    def contents(self) -> list[str]:
        """Everything that results are kept of: ids of contents, and paths of files with their state."""
        with _disk_errors(self.path):
            return [content for content, in self._database.execute("SELECT DISTINCT content FROM results ORDER BY content")]

    def forget(self, *contents: str) -> None:
        """Delete everything that is known of some contents, from the disk too; the file is written anew once for all."""
        if not contents:
            return
        each = [(content,) for content in contents]
        with _disk_errors(self.path):
            with self._database:
                self._database.executemany(
                    "DELETE FROM parts WHERE key IN (SELECT key FROM results WHERE content = ?)", each
                )
                self._database.executemany("DELETE FROM results WHERE content = ?", each)
            self._database.execute("VACUUM")


def kept_pictures(path: Path, content: str) -> tuple[bytes, ...] | None:
    """The binary parts of the last result of a content that has any, for who only looks: nothing is made or changed.

    There are none where the file is not there or is damaged; None where it stays busy for a second.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_LOOK_SECONDS)) as database:
            last = (
                "SELECT results.key FROM results JOIN parts ON parts.key = results.key WHERE content = ? "
                "ORDER BY parts.rowid DESC LIMIT 1"
            )
            found = database.execute(f"SELECT data FROM parts WHERE key = ({last}) ORDER BY position", (content,))
            return tuple(data for data, in found)
    except sqlite3.Error as error:
        return None if _is_busy(error) else ()


def _is_busy(error: sqlite3.Error) -> bool:
    """By its words: its code is told by Python 3.11 and later only."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def examined_content(path: str, state: tuple[int, int] | None) -> str:
    """The content under which it is kept what a file in this state (`file_state`) holds."""
    return f"{path} {state}"


def cache_path(directory: Path, shard: str) -> Path:
    """Where a corpus has the results of a shard."""
    return directory / CACHE / f"{shard}.sqlite"


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_WAIT_SECONDS, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = TRUNCATE")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA secure_delete = ON")
        database.executescript(_SCHEMA)
        database.execute("SELECT count(*) FROM (SELECT key FROM results LIMIT 1)").fetchone()
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise CorpusError(
            "write",
            f"{path} cannot be used ({error}): make room, or delete this file if it is damaged, then run this again; what is "
            "finished stays.",
        ) from error
