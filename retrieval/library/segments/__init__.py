"""The derived indexes over vectors: immutable files under `DIRECTORY/segments`, fresh rows in memory."""

from retrieval.library.segments.files import SegmentDamage
from retrieval.library.segments.index import Hits, State, VectorIndex, rescored, rows_after
from retrieval.library.segments.merging import Merger, problems, stored_segments
from retrieval.library.segments.tables import StoredSegment

__all__ = [
    "Hits", "Merger", "SegmentDamage", "State", "StoredSegment", "VectorIndex", "problems", "rescored", "rows_after",
    "stored_segments",
]  # fmt: skip
