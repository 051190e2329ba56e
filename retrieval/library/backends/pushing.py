"""Bringing the copy that a store holds up to date with the library."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import BackendError
from retrieval.library.backends.interface import Points, VectorStore
from retrieval.library.backends.payloads import payloads_of
from retrieval.library.backends.spaces import owner_mark, owner_marks, prefix_of, space_of
from retrieval.library.database import Database, select_in
from retrieval.library.vector_kinds import VectorKind, kept_kinds
from retrieval.library.vectors import unpack
from retrieval.records import Generation

BATCH = 512                         # rows a request, at most
_LEAST_DIMENSION = 2                # that every store takes
_NUMBERS = 1_000_000                # of a request: 20 MB as JSON, and a Qdrant takes 32 MB


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """What became of the copy of one generation: rows in it now of `rows` in the library, and what was changed for that."""

    kind: str
    generation: Generation
    space: str
    rows: int
    held: int
    written: int
    deleted: int


@dataclass(frozen=True, kw_only=True)
class _Source:
    kind: VectorKind
    number: int
    generation: Generation
    rows: int


def push(
    database: Database, store: VectorStore, *, name: str | None, replace: bool, progress: Callable[[int, int], None]
) -> list[Pushed]:
    """Send what is new or other, delete what is gone, drop the spaces of generations that the library no longer has.

    Rows go in the order of their numbers, each request is kept before the next is sent, and what the store holds is asked
    for first: so after a kill nothing is sent twice but one request. The library may be written meanwhile. A copy that has a
    name says of which library it is: BackendError when it is of another, unless this one is to `replace` it.
    """
    with database.reading() as db:
        prefix = prefix_of(db, name)
        mark = None if name is None else owner_mark(db, prefix)
        sources = [source for kind in kept_kinds(db) for source in _sources(db, kind)]
    spaces = {space_of(prefix, source.kind, source.generation): source for source in sources}
    there = {space for space in store.spaces() if space.startswith(prefix)}
    if mark is not None:
        there -= _own(store, mark, {space for space in there if space.startswith(owner_marks(prefix))}, replace=replace)
    for space in there - spaces.keys():
        store.drop(space)
    pushed, done, total = [], 0, sum(source.rows for source in sources)
    for space, source in spaces.items():
        store.make(space, dimension=source.generation.dimension)
        pushed.append(_push_space(database, store, space, source, partial(_add, progress, done, total)))
        done += source.rows
    return pushed


def _own(store: VectorStore, mark: str, marks: set[str], *, replace: bool) -> set[str]:
    """Note whose the copy is, before anything in it is changed; the marks that stood there. BackendError as `push` raises."""
    others = marks - {mark}
    if others and not replace:
        raise BackendError(
            f"{store.name} holds the copy of another library under this name, or of this one before it was restored: give "
            "another #NAME, or --replace to put this library in its place."
        )
    if mark not in marks:
        store.make(mark, dimension=_LEAST_DIMENSION)
    for other in others:
        store.drop(other)
    return marks


def _add(progress: Callable[[int, int], None], before: int, total: int, rows: int) -> None:
    progress(before + rows, total)


def _sources(db: sqlite3.Connection, kind: VectorKind) -> list[_Source]:
    sql = (
        "SELECT number, encoder, revision, preprocessing, dimension, "
        f"(SELECT count(*) FROM {kind.vectors} WHERE generation = g.number) FROM {kind.generations} g ORDER BY number"
    )
    return [
        _Source(
            kind=kind, number=number, rows=rows,
            generation=Generation(encoder=encoder, revision=revision, preprocessing=preprocessing, dimension=dimension),
        )
        for number, encoder, revision, preprocessing, dimension, rows in db.execute(sql)
        if rows
    ]  # fmt: skip


def _push_space(
    database: Database, store: VectorStore, space: str, source: _Source, progress: Callable[[int], None]
) -> Pushed:
    held, stamps = _held(store, space)
    seen = written = 0
    sent = [held]
    for points in _rows(database, source):
        seen += len(points.numbers)
        news = ~_same(held, stamps, points)
        if news.any():
            store.upsert(space, _only(points, news))
            written += int(news.sum())
            sent.append(points.numbers[news])
        progress(seen)
    deleted = 0
    for gone in _gone(database, source, np.unique(np.concatenate(sent))):
        store.delete(space, gone)
        deleted += len(gone)
    if written or deleted:
        store.flush(space)
    with database.reading() as db:
        sql = f"SELECT count(*) FROM {source.kind.vectors} WHERE generation = ?"
        rows = int(db.execute(sql, [source.number]).fetchone()[0])
    return Pushed(
        kind=source.kind.name, generation=source.generation, space=space, rows=rows, held=store.count(space),
        written=written, deleted=deleted,
    )  # fmt: skip


def _gone(database: Database, source: _Source, numbers: NDArray[np.int64]) -> Iterator[list[int]]:
    """Those of the rows that the library does not have now, in parts: all living numbers at once would fill the memory."""
    sql = f"SELECT number FROM {source.kind.vectors} WHERE generation = ? AND number IN {{in}}"
    for start in range(0, len(numbers), BATCH):
        part = numbers[start : start + BATCH].tolist()
        with database.reading() as db:
            living = {number for (number,) in select_in(db, sql, part, before=[source.number])}
        if gone := [number for number in part if number not in living]:
            yield gone


def _held(store: VectorStore, space: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers, ascending, and stamps of what a space holds."""
    parts = list(store.stamps(space))
    numbers = np.concatenate([part for part, _ in parts] or [np.zeros(0, np.int64)])
    stamps = np.concatenate([part for _, part in parts] or [np.zeros(0, np.int64)])
    order = np.argsort(numbers, kind="stable")
    return numbers[order], stamps[order]


def _rows(database: Database, source: _Source) -> Iterator[Points]:
    """All rows of a generation, each part as the library is when it is read."""
    last = 0
    most = max(1, min(BATCH, _NUMBERS // source.generation.dimension))
    sql = (
        f"SELECT x.number, o.video, x.vector FROM {source.kind.rows} "
        f"WHERE x.generation = ? AND x.number > ? ORDER BY x.number LIMIT {most}"
    )
    while True:
        with database.reading() as db:
            rows = db.execute(sql, [source.number, last]).fetchall()
            payloads = payloads_of(db, {video for _, video, _ in rows})
        if not rows:
            return
        last = rows[-1][0]
        yield Points(
            numbers=np.array([number for number, _, _ in rows], np.int64),
            vectors=unpack([blob for _, _, blob in rows], dimension=source.generation.dimension),
            payloads=[payloads[video] for _, video, _ in rows],
            stamps=np.array([payloads[video].stamp(blob) for _, video, blob in rows], np.int64),
        )


def _same(held: NDArray[np.int64], stamps: NDArray[np.int64], points: Points) -> NDArray[np.bool_]:
    """Which of these rows the store holds as they are."""
    if not len(held):
        return np.zeros(len(points.numbers), np.bool_)
    places = np.minimum(np.searchsorted(held, points.numbers), len(held) - 1)
    return (held[places] == points.numbers) & (stamps[places] == points.stamps)


def _only(points: Points, chosen: NDArray[np.bool_]) -> Points:
    payloads = [payload for payload, kept in zip(points.payloads, chosen.tolist(), strict=True) if kept]
    return Points(
        numbers=points.numbers[chosen], vectors=points.vectors[chosen], payloads=payloads, stamps=points.stamps[chosen]
    )
