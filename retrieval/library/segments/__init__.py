"""The derived indexes over vectors: immutable files under `DIRECTORY/segments`, fresh rows in memory."""

from retrieval.library.segments.files import SegmentDamage
from retrieval.library.segments.index import Hits, VectorIndex
from retrieval.library.segments.merging import Merger, problems, stored_segments
from retrieval.library.segments.tables import StoredSegment

__all__ = ["Hits", "Merger", "SegmentDamage", "StoredSegment", "VectorIndex", "problems", "stored_segments"]
