"""Stores by their names on the command line: `qdrant:http://host:6333`, `milvus:/data/vectors.db#films`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from retrieval.errors import BackendError
from retrieval.library.backends.interface import VectorStore
from retrieval.library.backends.milvus import MilvusStore
from retrieval.library.backends.qdrant import QdrantStore
from retrieval.library.backends.spaces import check_name

KEY_VARIABLE = "WENSHI_VECTORS_KEY"
_HOST = re.compile(r"[\w.-]+:\d+/?")      # a server without its http://, not a folder to be made


class Named(NamedTuple):
    """A store, and what the copy of the library is called there, None = by the library's identity."""

    store: VectorStore
    name: str | None


def open_store(address: str, *, create: bool = False) -> Named:
    """The store of an address: `qdrant:` or `milvus:`, then a URL, or a folder (Qdrant) or file (Milvus Lite) of this machine.

    `#NAME` at the end says what the copy is called. The key or token of a server comes from WENSHI_VECTORS_KEY, so that no
    list of processes shows it. create: make a folder or file that is not there. Raises BackendError.
    """
    kind, _, place = address.partition(":")
    place, _, name = place.partition("#")
    if kind not in ("qdrant", "milvus") or not place or _HOST.fullmatch(place):
        raise BackendError(
            f"{address!r} names no vector store: write qdrant:http://HOST:6333, qdrant:FOLDER, milvus:http://HOST:19530 "
            "or milvus:FILE.db."
        )
    if name:
        check_name(name)
    key = os.environ.get(KEY_VARIABLE)
    url = place if place.startswith(("http://", "https://")) else None
    path = None if url else Path(place).expanduser().absolute()
    if path is not None and not create and not path.exists():
        raise BackendError(f"There is no {path}: `wenshi library push --to` makes it.")
    store: VectorStore = (
        QdrantStore(url=url, key=key, folder=path) if kind == "qdrant" else MilvusStore(url=url, token=key, file=path)
    )
    return Named(store, name or None)
