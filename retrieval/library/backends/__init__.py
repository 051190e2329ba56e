"""Who searches the vectors of a library: the library itself, or a store outside that holds a copy of them."""

from retrieval.library.backends.addresses import Named, open_store
from retrieval.library.backends.embedded import EmbeddedVectors
from retrieval.library.backends.interface import Points, VectorSearch, VectorStore
from retrieval.library.backends.pushing import Pushed, push
from retrieval.library.backends.stored import StoredVectors

__all__ = [
    "EmbeddedVectors", "Named", "Points", "Pushed", "StoredVectors", "VectorSearch", "VectorStore", "open_store", "push",
]  # fmt: skip
