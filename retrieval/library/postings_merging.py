"""Small segments of the word index made into large ones: a search asks each segment for each of its tokens.

A merge goes on from step to step, each a short transaction, and is searched from its last step on; what it has written
before is in no one's way, and a kill leaves it to be gone on with. Rows deleted meanwhile are told from those deleted
before by a copy of what was deleted at the beginning, kept under the negative number of each source.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.library import postings
from retrieval.library.database import Database, Unchanged
from retrieval.library.posting_lists import decode_together
from retrieval.library.postings import ROWS_OF_SEGMENT
from retrieval.records import EVIDENCE_KINDS, EvidenceKind

MOST_SMALL = 4      # neighbours of about one size are left apart until there are more
STEP = 8_000        # keys of a source that one step copies
_GROWTH = 4         # a segment is of about the size of those next to it when it is not so many times as large
_MOST_DEAD = 0.3    # share of a segment


def merge_step(database: Database, *, most_small: int | None = None) -> bool:
    """`merge_some` as a transaction of its own, so that other writing calls get their turn between two."""
    with database.writing() as db:
        if not merge_some(db, most_small=MOST_SMALL if most_small is None else most_small):
            raise Unchanged
        return True
    return False


def due(db: sqlite3.Connection) -> bool:
    """Whether `merge_some` would find something."""
    if not postings.exist(db):
        return False
    begun = "SELECT 1 FROM word_merges UNION ALL SELECT 1 FROM word_dropped LIMIT 1"
    return db.execute(begun).fetchone() is not None or next(_groups(db, MOST_SMALL), None) is not None


def merge_some(db: sqlite3.Connection, *, most_small: int) -> bool:
    """One step of making one segment of several, in the caller's transaction; False when there is nothing to do.

    most_small: so many neighbours are left as they are; 1 = all that fit into one segment are merged, whatever their size.
    Rows keep their numbers and stay findable: nothing is read anew.
    """
    if postings.sweep(db, most=STEP):
        return True
    if not postings.exist(db):
        return False
    begun = db.execute("SELECT number, kind, sources, last FROM word_merges").fetchone()
    if begun is not None:
        number, kind, sources, last = begun
        _go_on(db, number, kind, list(map(int, sources.split())), last)
        return True
    for kind, sources in _groups(db, most_small):
        _begin(db, kind, sources)
        return True
    return False


def _groups(db: sqlite3.Connection, most_small: int) -> Iterator[tuple[EvidenceKind, list[int]]]:
    """Neighbours to make one segment of, and single segments that are dead to a large part."""
    for kind in EVIDENCE_KINDS:
        sizes = postings.sizes(db, kind)
        for group in _neighbours([(number, rows) for number, _, rows in sizes], alike=most_small > 1):
            if len(group) > most_small:
                yield kind, group
        yield from ((kind, [number]) for number, places, rows in sizes if places - rows > _MOST_DEAD * places)


def _neighbours(sizes: Sequence[tuple[int, int]], *, alike: bool) -> Iterator[list[int]]:
    """Neighbouring segments, as many as fit into one, of (number, rows); alike: of about one size."""
    group: list[int] = []
    total = 0
    for number, rows in sizes:
        if group and (total + rows > ROWS_OF_SEGMENT or (alike and _GROWTH * rows * len(group) <= total)):
            yield group
            group, total = [], 0
        group.append(number)
        total += rows
    if group:
        yield group


def _begin(db: sqlite3.Connection, kind: EvidenceKind, sources: Sequence[int]) -> None:
    number = postings.next_number(db)
    db.execute("INSERT INTO word_merges VALUES (?, ?, ?, '')", [number, kind, " ".join(map(str, sources))])
    for source in sources:
        db.execute("INSERT INTO word_dead SELECT -segment, chunk, bits FROM word_dead WHERE segment = ?", [source])
        db.execute("INSERT INTO word_gone SELECT -segment, token, rows FROM word_gone WHERE segment = ?", [source])


def _go_on(db: sqlite3.Connection, number: int, kind: EvidenceKind, sources: Sequence[int], last: str) -> None:
    """Write the next keys, or publish the segment when there are none left."""
    places = {source: size for source, size, _ in postings.sizes(db, kind) if source in sources}
    new_places, total = _new_places(db, {source: places[source] for source in sources})
    bounds = [postings.key_after(db, source, after=last, keys_=STEP) for source in sources]
    bound = min((bound for bound in bounds if bound is not None), default=None)
    keys: list[str] = []
    moved = [np.zeros(0, np.int64)]
    for source, of_source in new_places.items():
        rows = postings.raw_lists(db, source, after=last, up_to=postings.LAST if bound is None else bound)
        if rows:
            names, counts, blobs = zip(*rows, strict=True)
            listed, old = decode_together(blobs, counts, of=len(of_source))
            new = of_source[old]
            keys += [names[n] for n in listed[new >= 0].tolist()]
            moved.append(new[new >= 0])
    if keys:
        postings.write_lists(db, number, keys, np.concatenate(moved), of=total)
    if bound is None:
        _publish(db, number, kind, new_places, total)
    else:
        db.execute("UPDATE word_merges SET last = ? WHERE number = ?", [bound, number])


def _new_places(db: sqlite3.Connection, places: dict[int, int]) -> tuple[dict[int, NDArray[np.int64]], int]:
    """For each source the new place of each of its places, -1 for a dead one; and how many new places there are."""
    new: dict[int, NDArray[np.int64]] = {}
    total = 0
    for source, size in places.items():
        alive = ~postings.dead_places(db, -source, places=size)
        new[source] = np.where(alive, np.cumsum(alive) - 1 + total, -1)
        total += int(alive.sum())
    return new, total


def _publish(
    db: sqlite3.Connection, number: int, kind: EvidenceKind, new_places: dict[int, NDArray[np.int64]], total: int
) -> None:
    parts, dead = [], np.zeros(total, np.bool_)
    for source, new in new_places.items():
        arrays, alive = postings.stored(db, source), new >= 0
        parts.append((arrays.ids[alive], arrays.videos[alive], arrays.lengths[alive]))
        died = postings.dead_places(db, source, places=len(new)) & alive
        dead[new[died]] = True
    marks = ", ".join("?" * len(new_places))
    lost = (
        "INSERT INTO word_gone SELECT ?, token, sum(CASE WHEN segment > 0 THEN rows ELSE -rows END) AS lost FROM word_gone "
        f"WHERE abs(segment) IN ({marks}) GROUP BY token HAVING lost > 0"
    )
    db.execute(lost, [number, *new_places])
    if total:
        ids, videos, lengths = (np.concatenate(of_all) for of_all in zip(*parts, strict=True))
        arrays = postings.Stored(ids=ids, videos=videos, lengths=lengths)
        postings.publish(db, kind, number=number, rows=total, arrays=arrays)
        if dead.any():
            postings.write_dead(db, number, dead)
    postings.drop(db, new_places)
    for table in ("word_dead", "word_gone"):
        db.execute(f"DELETE FROM {table} WHERE segment IN ({marks})", [-source for source in new_places])
    db.execute("DELETE FROM word_merges WHERE number = ?", [number])
