"""Building a segment out of the stored rows: a sample to train on, one pass over all rows, then sorted by list.

Rows stream out of SQLite in short reads, so a writer goes on meanwhile; memory is bounded by the training sample, 12
bytes and the product codes of each row. Nothing is visible before the one transaction that lists the finished file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.library.database import Database, Unchanged, select_in
from retrieval.library.digests import seal
from retrieval.library.segments import calibration, tables
from retrieval.library.segments.calibration import Neighbours
from retrieval.library.segments.files import FOLDER, Layout, SegmentWriter, delete_unlisted
from retrieval.library.segments.fresh import untyped_faiss
from retrieval.library.segments.segment import EXACT, INVERTED, Segment, eight_bit
from retrieval.library.segments.tables import StoredSegment
from retrieval.library.vector_kinds import VectorKind, kept_kinds
from retrieval.library.vectors import unpack

TRAINING_ROWS = 131_072
ROWS_A_LIST = 64                    # of the training sample, at least
_CHUNK = 8192


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """From how many rows on the lists are worth their loss."""

    inverted_from: int = 200_000


class _Rows(NamedTuple):
    numbers: NDArray[np.int64]
    videos: NDArray[np.int64]
    vectors: NDArray[np.float32]


class _Source(NamedTuple):
    """The rows of a generation up to `last`, whoever deletes or adds meanwhile."""

    database: Database
    kind: VectorKind
    generation: int
    dimension: int
    last: int
    tombstones: int
    go_on: Callable[[], None]


def build(
    database: Database, kind: VectorKind, generation: int, dimension: int, sizes: Sizes, *, go_on: Callable[[], None]
) -> StoredSegment | None:
    """Make and publish the segment of all rows of a generation; None when it has no rows.

    `go_on` is called between steps; what it raises ends the building, with nothing left of it.
    """
    with database.reading() as db:
        sql = f"SELECT count(*), coalesce(max(number), 0) FROM {kind.vectors} WHERE generation = ?"
        count, last = db.execute(sql, [generation]).fetchone()
        source = _Source(database, kind, generation, dimension, last, tables.last_tombstone(db, kind), go_on)
    if not count:
        return None
    inverted = count > sizes.inverted_from and dimension % 8 == 0
    with SegmentWriter(database.directory) as writer:
        segment = _inverted(source, writer, count) if inverted else _exact(source, writer)
        writer.publish(segment.name)
        with database.writing() as db:
            tables.list_segment(db, kind, segment, tombstones_before=source.tombstones)
    tidy(database)
    return segment


def tidy(database: Database) -> None:
    """Make missing tables, forget segments of generations that are gone, delete files that no row lists."""
    with database.writing() as db:
        for kind in kept_kinds(db):
            if not tables.have_tables(db, kind):
                tables.make_tables(db, kind)
                seal(db)
            tables.forget_unused(db, kind)
        db.execute("COMMIT")
        raise Unchanged         # of what a reader can see
    with database.reading() as db:
        names = {name for kind in kept_kinds(db) for (name,) in db.execute(f"SELECT name FROM {kind.segments}")}
    delete_unlisted(database.directory, names)


def _exact(source: _Source, writer: SegmentWriter) -> StoredSegment:
    import faiss

    index = faiss.IndexScalarQuantizer(source.dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    numbers, videos = [], []
    for rows in _stream(source):
        index.add(rows.vectors)
        numbers.append(rows.numbers)
        videos.append(rows.videos)
    all_numbers = np.concatenate(numbers)
    for name, values in (("numbers", all_numbers), ("videos", np.concatenate(videos))):
        writer.begin(name)
        writer.write(values)
    writer.begin("index")
    writer.write(faiss.serialize_index(index))
    name, layout = writer.finish(go_on=source.go_on)
    return _stored(source, name, layout, all_numbers, kind=EXACT, calibrated={})


def _inverted(source: _Source, writer: SegmentWriter, count: int) -> StoredSegment:
    index, quantizer, sample = _trained(source, count)
    queries = calibration.held_out(sample)
    near = {kind: Neighbours(of_kind) for kind, of_kind in queries.items()}
    with tempfile.TemporaryFile(dir=source.database.directory / FOLDER) as scratch:
        numbers, videos, lists = _encoded(source, index, quantizer, near, scratch)
        codes = np.memmap(scratch, np.uint8, "r", shape=(len(numbers), source.dimension))
        order = np.lexsort((numbers, lists))
        _write_codes(source, writer, index, quantizer, codes, order)
    _write_rows(writer, index, quantizer, numbers[order], videos[order], lists[order])
    name, layout = writer.finish(go_on=source.go_on)
    stored = _stored(source, name, layout, numbers, kind=INVERTED, calibrated={})
    exact = {kind: neighbours.numbers for kind, neighbours in near.items()}
    measured = _calibrated(source, stored, writer.draft, queries, exact, lists=index.nlist)
    return _stored(source, name, layout, numbers, kind=INVERTED, calibrated=measured)


def _trained(source: _Source, count: int) -> tuple[Any, Any, NDArray[np.float32]]:
    """The empty inverted index, the 8-bit quantizer, and a sample of rows, all from the same rows."""
    faiss = untyped_faiss()
    sample = _sample(source)
    nlist = int(max(1, min(2 * count**0.5, len(sample) / ROWS_A_LIST)))
    description = f"IVF{nlist},PQ{source.dimension // 8}x4fs"
    index = faiss.index_factory(source.dimension, description, faiss.METRIC_INNER_PRODUCT)
    index.quantizer.add(_centroids(index, sample, source.go_on))
    index.train(sample)
    source.go_on()
    quantizer = eight_bit(source.dimension)
    quantizer.train(sample)
    return index, quantizer, sample[:: max(1, len(sample) // 8192)]


def _centroids(index: Any, sample: NDArray[np.float32], go_on: Callable[[], None]) -> NDArray[np.float32]:
    """The centroids [nlist, D] that `index.train` would find, one iteration of k-means at a time.

    On the GPUs where FAISS was built for them; everything else is done on the CPU.
    """
    faiss = untyped_faiss()
    nearest = faiss.IndexFlatIP(index.d)
    if getattr(faiss, "get_num_gpus", int)() > 0:
        nearest = faiss.index_cpu_to_all_gpus(nearest)
    iterations, index.cp.niter = index.cp.niter, 1
    index.cp.max_points_per_centroid = -(-len(sample) // index.nlist)
    clustering = faiss.Clustering(index.d, index.nlist, index.cp)
    for _ in range(iterations):
        go_on()
        clustering.train(sample, nearest)       # begins at the centroids that it has
    return faiss.vector_to_array(clustering.centroids).reshape(index.nlist, index.d)


def _encoded(
    source: _Source, index: Any, quantizer: Any, near: dict[str, Neighbours], scratch: Any
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Numbers, videos and lists of all rows; their 8-bit codes go to `scratch` in the same order."""
    parts = []
    for rows in _stream(source):
        for neighbours in near.values():
            neighbours.see(rows.numbers, rows.vectors)
        codes = quantizer.sa_encode(rows.vectors)
        scratch.write(codes.data)
        # the lists are filled from the codes later, which must lead to the same ones
        lists_of = index.quantizer.search(quantizer.sa_decode(codes), 1)[1][:, 0]
        parts.append((rows.numbers, rows.videos, lists_of))
    scratch.flush()
    numbers, videos, lists = (np.concatenate(column) for column in zip(*parts, strict=True))
    return numbers, videos, lists


def _write_codes(
    source: _Source,
    writer: SegmentWriter,
    index: Any,
    quantizer: Any,
    codes: NDArray[np.uint8],
    order: NDArray[np.int64],
) -> None:
    """Write the codes in their final order and fill the lists with the positions."""
    writer.begin("codes")
    for start in range(0, len(order), _CHUNK):
        source.go_on()
        part = order[start : start + _CHUNK]
        rows = codes[part]
        writer.write(rows)
        index.add_with_ids(quantizer.sa_decode(rows), np.arange(start, start + len(part), dtype=np.int64))


def _write_rows(
    writer: SegmentWriter,
    index: Any,
    quantizer: Any,
    numbers: NDArray[np.int64],
    videos: NDArray[np.int64],
    lists: NDArray[np.int64],
) -> None:
    """Everything of the file but the codes."""
    import faiss

    sections: dict[str, NDArray[Any]] = {
        "numbers": numbers.astype("<i8"),
        "videos": videos.astype("<i8"),
        "by_number": np.argsort(numbers).astype("<i4"),
        "starts": np.searchsorted(lists, np.arange(index.nlist + 1)).astype("<i8"),
        "scale": faiss.vector_to_array(quantizer.sq.trained).astype("<f4"),
        "index": faiss.serialize_index(index),
    }
    for name, values in sections.items():
        writer.begin(name)
        writer.write(values)


def _calibrated(
    source: _Source,
    stored: StoredSegment,
    draft: Path,
    queries: dict[str, NDArray[np.float32]],
    exact: dict[str, NDArray[np.int64]],
    *,
    lists: int,
) -> dict[str, Any]:
    segment = Segment(source.database.directory, stored, path=draft)

    def search(query: NDArray[np.float32], nprobe: int, k_factor: int) -> NDArray[np.int64]:
        source.go_on()
        return segment.search_at(query, limit=calibration.DEPTHS[-1][0], nprobe=nprobe, k_factor=k_factor)[0]

    return calibration.calibrated(search, queries, exact, lists=lists)


def _stored(
    source: _Source,
    name: str,
    layout: Layout,
    numbers: NDArray[np.int64],
    *,
    kind: str,
    calibrated: dict[str, Any],
) -> StoredSegment:
    size = max(start + length for start, length in layout.sections.values())
    return StoredSegment(
        generation=source.generation, name=name, kind=kind, dimension=source.dimension, rows=len(numbers),
        first=int(numbers.min()), last=source.last, bytes=size, layout=layout, calibration=calibrated,
    )  # fmt: skip


def _sample(source: _Source) -> NDArray[np.float32]:
    """At most TRAINING_ROWS rows, drawn without regard to their order."""
    with source.database.reading() as db:
        sql = f"SELECT number FROM {source.kind.vectors} WHERE generation = ? AND number <= ?"
        numbers = np.fromiter((n for (n,) in db.execute(sql, [source.generation, source.last])), np.int64)
    chosen = np.sort(np.random.default_rng(0).permutation(numbers)[:TRAINING_ROWS]).tolist()
    wanted = f"SELECT vector FROM {source.kind.vectors} WHERE number IN {{in}}"
    parts = []
    for start in range(0, len(chosen), _CHUNK):
        source.go_on()
        with source.database.reading() as db:
            rows = select_in(db, wanted, chosen[start : start + _CHUNK])
            parts.append(unpack([blob for (blob,) in rows], dimension=source.dimension))
    sample = np.concatenate(parts)
    return sample[np.random.default_rng(1).permutation(len(sample))]


def _stream(source: _Source) -> Iterator[_Rows]:
    """All rows in the order of their numbers, each chunk a short read of its own."""
    sql = (
        f"SELECT x.number, o.video, x.vector FROM {source.kind.rows} "
        "WHERE x.generation = ? AND x.number > ? AND x.number <= ? ORDER BY x.number LIMIT ?"
    )
    after = 0
    while True:
        source.go_on()
        with source.database.reading() as db:
            part = db.execute(sql, [source.generation, after, source.last, _CHUNK]).fetchall()
        if not part:
            return
        after = part[-1][0]
        numbers, videos = (np.array([row[i] for row in part], np.int64) for i in (0, 1))
        yield _Rows(numbers, videos, unpack([row[2] for row in part], dimension=source.dimension))
