"""What a store calls the vectors of one generation of a library, and how old its copy may be."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection
from hashlib import sha256

from retrieval.errors import BackendError
from retrieval.library.schema import edition
from retrieval.library.vector_kinds import VectorKind
from retrieval.records import Generation

_NAME = re.compile(r"[A-Za-z0-9]{1,64}")


def prefix_of(db: sqlite3.Connection, name: str | None) -> str:
    """What the names of all spaces of a library begin with; name: what its copy is called, None = by its identity.

    BackendError for a name that not every store would take, and for a library that has no identity yet.
    """
    if name is None:
        name = _identity(db)
    check_name(name)
    return f"wenshi_{name}_"


def check_name(name: str) -> None:
    """BackendError for a name of a copy that not every store would take."""
    if not _NAME.fullmatch(name):
        raise BackendError(
            f"{name!r} cannot name the copy of a library in a store: use 1 to 64 letters and digits, as in qdrant:URL#films"
        )


def owner_mark(db: sqlite3.Connection, prefix: str) -> str:
    """The name of an empty space, which says that the copy with this prefix is of this library."""
    return f"{owner_marks(prefix)}{_identity(db)}"


def owner_marks(prefix: str) -> str:
    """What such names begin with, whichever the library."""
    return f"{prefix}of_"


def is_of_another(marks: Collection[str], mark: str | None) -> bool:
    """Whether a copy with these marks is of another library than `mark` names; one without marks is taken on trust."""
    return mark is not None and bool(marks) and mark not in marks


def space_of(prefix: str, kind: VectorKind, generation: Generation) -> str:
    """The space of one generation: the same in every copy of a library."""
    key = (generation.revision, generation.preprocessing, generation.dimension, generation.encoder)
    return f"{prefix}{kind.name}_{sha256(repr(key).encode()).hexdigest()[:16]}"


def _identity(db: sqlite3.Connection) -> str:
    return edition(db)[0][:16]
