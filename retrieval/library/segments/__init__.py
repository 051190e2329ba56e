"""The derived index over clip vectors: immutable files under `DIRECTORY/segments`, fresh rows in memory."""

from retrieval.library.segments.files import SegmentDamage
from retrieval.library.segments.index import ClipIndex
from retrieval.library.segments.merging import Merger, problems, stored_segments
from retrieval.library.segments.tables import StoredSegment

__all__ = ["ClipIndex", "Merger", "SegmentDamage", "StoredSegment", "problems", "stored_segments"]
