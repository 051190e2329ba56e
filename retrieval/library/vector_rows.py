"""The vectors of one generation with what each is of: a clip, or a text of the evidence."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import LibraryError
from retrieval.library.database import select_in
from retrieval.library.generations import find_generation
from retrieval.library.rows import VectorRow
from retrieval.library.vector_kinds import VectorKind, is_kept
from retrieval.library.vectors import unpack
from retrieval.records import Generation

_COLUMNS = {"clip": "o.keyframe_ms, NULL, NULL", "text": "NULL, o.kind, o.text"}


def vector_rows(
    db: sqlite3.Connection, generation: Generation, ids: Collection[str], *, kind: VectorKind
) -> tuple[list[VectorRow], NDArray[np.float32]]:
    """What has a vector, and the vectors [n, D], of these videos, by video as added and by time.

    LibraryError when the library has no such generation.
    """
    number = find_generation(db, generation, kind=kind) if is_kept(db, kind) else None
    if number is None:
        raise LibraryError(f"The library holds no vectors of {generation.encoder} {generation.revision}.")
    sql = (         # in this order: by the few videos, not by the many rows of the generation
        f"SELECT v.id, o.start_ms, o.end_ms, {_COLUMNS[kind.name]}, x.vector FROM videos v "
        f"CROSS JOIN {kind.owner} o ON o.video = v.number CROSS JOIN {kind.vectors} x ON x.{kind.key} = o.id "
        "WHERE x.generation = ? AND v.id IN {in} ORDER BY v.number, o.start_ms, o.id"
    )
    found = list(select_in(db, sql, ids, before=[number]))
    return [VectorRow(*row) for *row, _ in found], unpack([blob for *_, blob in found], dimension=generation.dimension)
