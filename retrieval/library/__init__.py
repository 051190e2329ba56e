"""The store on disk: SQLite and append-only frame vectors are the truth, both indexes derived."""

from retrieval.library.filesystem import filesystem_type
from retrieval.library.filters import VideoFilter
from retrieval.library.library import Library
from retrieval.library.rows import (
    ClipHit,
    Failure,
    GenerationStatus,
    IndexStatus,
    LibraryStatus,
    Problem,
    Removed,
    StoredClip,
    StoredEvidence,
    StoredLocation,
    StoredVideo,
    TextGenerationStatus,
    VectorRow,
    WordHit,
)
from retrieval.library.writing import evidence_fingerprint

__all__ = [
    "ClipHit",
    "Failure",
    "GenerationStatus",
    "IndexStatus",
    "Library",
    "LibraryStatus",
    "Problem",
    "Removed",
    "StoredClip",
    "StoredEvidence",
    "StoredLocation",
    "StoredVideo",
    "TextGenerationStatus",
    "VectorRow",
    "VideoFilter",
    "WordHit",
    "evidence_fingerprint",
    "filesystem_type",
]
