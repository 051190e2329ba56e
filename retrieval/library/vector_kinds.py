"""The two kinds of vectors that a library searches, and the tables of each: of clips, and of the texts of evidence."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from retrieval.library.remembering import once


@dataclass(frozen=True, kw_only=True)
class VectorKind:
    """Names of tables. A row of `vectors` has a number, a generation, and in the column `key` the row of `owner` it is of."""

    name: str
    vectors: str
    owner: str                      # has the columns id, video and start_ms
    key: str
    generations: str
    keepers: tuple[str, ...]        # while one of them has a row of a generation, that is not forgotten
    segments: str
    tombstones: str

    @property
    def rows(self) -> str:
        """What follows FROM: the vectors as x with their owners as o."""
        return f"{self.vectors} x JOIN {self.owner} o ON o.id = x.{self.key}"


CLIPS = VectorKind(
    name="clip", vectors="clip_vectors", owner="clips", key="clip", generations="generations",
    keepers=("clip_vectors", "frame_records"), segments="segments", tombstones="segment_tombstones",
)  # fmt: skip
TEXTS = VectorKind(
    name="text", vectors="text_vectors", owner="evidence", key="evidence", generations="text_generations",
    keepers=("text_vectors",), segments="text_segments", tombstones="text_tombstones",
)  # fmt: skip
_KINDS = (CLIPS, TEXTS)
DERIVED = tuple(table for kind in _KINDS for table in (kind.segments, kind.tombstones))


def is_kept(db: sqlite3.Connection, kind: VectorKind) -> bool:
    """Whether this library has the tables of a kind: those of texts are made with the first vector of a text."""
    sql = "SELECT 1 FROM sqlite_master WHERE name = ? AND type = 'table'"
    return once(db, (is_kept, kind.name), lambda: db.execute(sql, [kind.vectors]).fetchone() is not None)


def kept_kinds(db: sqlite3.Connection) -> list[VectorKind]:
    """The kinds whose tables this library has."""
    return [kind for kind in _KINDS if is_kept(db, kind)]
