"""Small segments of the word index made into large ones: a search asks each segment for each of its tokens."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.library import postings
from retrieval.library.database import Database, Unchanged
from retrieval.library.postings import ROWS_OF_SEGMENT
from retrieval.records import EVIDENCE_KINDS, EvidenceKind

MOST_SMALL = 8      # neighbours of a kind that fit into one segment are left apart until there are so many


def merge_step(database: Database, *, most_small: int | None = None) -> bool:
    """`merge_some` as a transaction of its own, so that other writing calls get their turn between two."""
    with database.writing() as db:
        if not merge_some(db, most_small=MOST_SMALL if most_small is None else most_small):
            raise Unchanged
        return True
    return False


def due(db: sqlite3.Connection) -> bool:
    """Whether `merge_some` would find something."""
    return any(len(group) > MOST_SMALL for kind in EVIDENCE_KINDS for group in _groups(postings.sizes(db, kind)))


def merge_some(db: sqlite3.Connection, *, most_small: int) -> bool:
    """Make one segment of neighbours that fit into one, in the caller's transaction; False when there are none to merge.

    most_small: so many neighbours are left as they are. Rows keep their numbers and stay findable: nothing is read anew.
    """
    for kind in EVIDENCE_KINDS:
        for group in _groups(postings.sizes(db, kind)):
            if len(group) > most_small:
                _merge(db, kind, group)
                return True
    return False


def _groups(sizes: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Neighbouring segments, as many as fit into one, of (number, places)."""
    group: list[int] = []
    total = 0
    for number, places in sizes:
        if group and total + places > ROWS_OF_SEGMENT:
            yield group
            group, total = [], 0
        group.append(number)
        total += places
    if group:
        yield group


def _merge(db: sqlite3.Connection, kind: EvidenceKind, numbers: Sequence[int]) -> None:
    segments = [postings.stored(db, number) for number in numbers]
    lists: dict[str, list[NDArray[np.int64]]] = defaultdict(list)
    offset = 0
    for number, segment in zip(numbers, segments, strict=True):
        for key, places in postings.lists_of(db, number):
            lists[key].append(places.astype(np.int64) + offset)
        offset += len(segment.ids)
    postings.drop(db, numbers)
    postings.write_segment(
        db, kind, ids=np.concatenate([segment.ids for segment in segments]),
        videos=np.concatenate([segment.videos for segment in segments]),
        lengths=np.concatenate([segment.lengths for segment in segments]),
        rows=sum(segment.rows for segment in segments),
        lists={key: np.concatenate(parts).astype("<u2") for key, parts in lists.items()},
    )  # fmt: skip
