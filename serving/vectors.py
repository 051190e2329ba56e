"""A library that asks a store outside for the nearest vectors, where a setting says so."""

from __future__ import annotations

from retrieval.library import Library
from retrieval.library.backends import open_store


def search_in(library: Library, address: str | None) -> None:
    """Ask the store of this address (`open_store`) from now on, None = the library itself. BackendError for none."""
    if address is not None:
        store, name = open_store(address)
        library.search_vectors_in(store, name=name)
