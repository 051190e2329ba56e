"""Query -> recall -> fuse -> diversify -> moments."""

from retrieval.search.channels import CHANNELS
from retrieval.search.engine import SearchEngine, SearchSettings, title_of
from retrieval.search.query import Query
from retrieval.search.results import Copy, Hit, Match, Moment, SearchResult

__all__ = ["CHANNELS", "Copy", "Hit", "Match", "Moment", "Query", "SearchEngine", "SearchResult", "SearchSettings", "title_of"]
