"""The vectors of texts: one for each row of evidence that says something, of whichever sentence models were given."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.library import words
from retrieval.library.connections import storable
from retrieval.library.database import select_in
from retrieval.library.digests import add_digests
from retrieval.library.generations import find_generation, generation_number
from retrieval.library.rows import TextGenerationStatus, WordHit
from retrieval.library.segments import tables as segment_tables
from retrieval.library.vector_kinds import TEXTS, is_kept
from retrieval.library.vectors import check_unit, pack
from retrieval.library.video_names import VideoNames
from retrieval.records import MEANINGFUL_KINDS, Generation, Meanings

Kept = dict[int, dict[str, bytes]]      # generation -> text -> its vector as it is stored

_TABLES = (
    "CREATE TABLE text_generations (number INTEGER PRIMARY KEY AUTOINCREMENT, encoder TEXT NOT NULL, "
    "revision TEXT NOT NULL, preprocessing TEXT NOT NULL, dimension INTEGER NOT NULL, active INTEGER NOT NULL, "
    "UNIQUE (encoder, revision, preprocessing, dimension))",
    "CREATE UNIQUE INDEX one_active_text_generation ON text_generations (active) WHERE active = 1",
    "CREATE TABLE text_vectors (number INTEGER PRIMARY KEY AUTOINCREMENT, "
    "evidence INTEGER NOT NULL REFERENCES evidence(id) ON DELETE CASCADE, "
    "generation INTEGER NOT NULL REFERENCES text_generations(number) ON DELETE CASCADE, vector BLOB NOT NULL, "
    "UNIQUE (evidence, generation))",
    "CREATE INDEX text_vectors_of_generation ON text_vectors (generation)",
)
_KINDS = ", ".join(f"'{kind}'" for kind in MEANINGFUL_KINDS)
_SPACES = "".join(character for character in map(chr, range(0x3001)) if character.isspace())
_SAYS_SOMETHING = f"e.kind IN ({_KINDS}) AND trim(e.text, ?) != ''"


def check_meanings(meanings: Meanings | None) -> None:
    """ValueError for a vector that is not finite, of unit length and of the generation's dimension."""
    if meanings is None:
        return
    for text, vector in meanings.vectors.items():
        check_unit(vector, shape=(meanings.generation.dimension,), what=f"the vector of the text {text[:40]!r}")


def vectors_of_video(db: sqlite3.Connection, video: int | None) -> Kept:
    """The vectors of the texts of a video before these are written anew: the same text keeps its vector."""
    kept: Kept = {}
    if video is not None and is_kept(db, TEXTS):
        rows = db.execute(f"SELECT x.generation, o.text, x.vector FROM {TEXTS.rows} WHERE o.video = ?", [video])
        for generation, text, vector in rows:
            kept.setdefault(generation, {})[text] = vector
    return kept


def complete(db: sqlite3.Connection, video: int, kept: Kept, meanings: Meanings | None) -> None:
    """Give each text of a video that has no vector yet the one it had before, or that it has in `meanings`."""
    for generation, vectors in kept.items():
        _insert(db, video, generation, vectors)
    if meanings is not None and meanings.vectors:
        _make_tables(db)
        vectors = {storable(text): pack(vector) for text, vector in meanings.vectors.items()}
        _insert(db, video, generation_number(db, meanings.generation, kind=TEXTS), vectors)


def put(db: sqlite3.Connection, generation: Generation, vectors: Mapping[int, NDArray[np.float32]]) -> None:
    """Store vectors [D] by the numbers of rows of evidence; a row that is gone, or has one, is left out."""
    _make_tables(db)
    number = generation_number(db, generation, kind=TEXTS)
    db.executemany(
        "INSERT OR IGNORE INTO text_vectors (evidence, generation, vector) SELECT id, ?, ? FROM evidence WHERE id = ?",
        [(number, pack(vector), row) for row, vector in vectors.items()],
    )


def lacking(db: sqlite3.Connection, generation: Generation, *, after: int, limit: int) -> list[tuple[int, str]]:
    """Rows of evidence, their number and text, that have no vector of this generation, by number."""
    number = find_generation(db, generation, kind=TEXTS) if is_kept(db, TEXTS) else None
    without = "" if number is None else f"AND {_has_no_vector(number)}"
    sql = f"SELECT e.id, e.text FROM evidence e WHERE e.id > ? AND {_SAYS_SOMETHING} {without} ORDER BY e.id LIMIT ?"
    return db.execute(sql, [after, _SPACES, limit]).fetchall()


def hits(db: sqlite3.Connection, found: Sequence[tuple[int, float]], *, names: VideoNames) -> list[WordHit]:
    """The rows of evidence of these vectors and scores, in their order."""
    rows = dict(select_in(db, "SELECT number, evidence FROM text_vectors WHERE number IN {in}", [n for n, _ in found]))
    return words.hits(db, [(rows[number], score) for number, score in found], names=names)


def status(db: sqlite3.Connection) -> Sequence[TextGenerationStatus]:
    """Each generation of the vectors of texts, and the share of the texts that has one in it."""
    if not is_kept(db, TEXTS):
        return ()
    total = db.execute(f"SELECT count(*) FROM evidence e WHERE {_SAYS_SOMETHING}", [_SPACES]).fetchone()[0]
    rows = db.execute(
        "SELECT active, (SELECT count(*) FROM text_vectors WHERE generation = g.number), "
        "encoder, revision, preprocessing, dimension FROM text_generations g ORDER BY number"
    )
    return tuple(
        TextGenerationStatus(
            generation=Generation(encoder=encoder, revision=revision, preprocessing=preprocessing, dimension=dimension),
            active=bool(active), texts=covered, share=covered / total if total else 0.0,
        )
        for active, covered, encoder, revision, preprocessing, dimension in rows
    )  # fmt: skip


def _insert(db: sqlite3.Connection, video: int, generation: int, vectors: Mapping[str, bytes]) -> None:
    sql = f"SELECT e.id, e.text FROM evidence e WHERE e.video = ? AND e.kind IN ({_KINDS}) AND {_has_no_vector(generation)}"
    rows = db.execute(sql, [video]).fetchall()
    db.executemany(
        "INSERT INTO text_vectors (evidence, generation, vector) VALUES (?, ?, ?)",
        [(number, generation, vectors[text]) for number, text in rows if text in vectors],
    )


def _has_no_vector(generation: int) -> str:
    return f"NOT EXISTS (SELECT 1 FROM text_vectors WHERE evidence = e.id AND generation = {generation})"


def _make_tables(db: sqlite3.Connection) -> None:
    """Make the tables where there are none; a library without such vectors has none of them."""
    if is_kept(db, TEXTS):
        return
    for statement in _TABLES:
        db.execute(statement)
    add_digests(db, (TEXTS.generations, TEXTS.vectors))
    segment_tables.make_tables(db, TEXTS)
