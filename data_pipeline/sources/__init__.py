"""Ways into a corpus: which files there are, and what their owners say about them."""

from data_pipeline.sources.reading import read_sources
from data_pipeline.sources.rows import Rejected, Sources

__all__ = ["Rejected", "Sources", "read_sources"]
