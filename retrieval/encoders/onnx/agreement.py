"""How far two text encoders of one space give the same answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders.protocols import TextEncoder
from retrieval.errors import InputError
from retrieval.library import Library

_DEPTH = 10


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Over `queries` texts: the mean cosine of the two vectors of a text and the lowest one, and what share of the first
    ten answers (0..1) both encoders have in common. among: what the answers are, "clips" of a library or other "queries".
    """

    queries: int
    cosine: float
    lowest_cosine: float
    overlap: float
    among: str

    def __str__(self) -> str:
        return (
            f"cosine {self.cosine:.4f}, lowest {self.lowest_cosine:.4f}, top-{_DEPTH} overlap {self.overlap:.1%} among "
            f"{self.among}, over {self.queries} queries"
        )


def compare(
    teacher: TextEncoder, other: TextEncoder, queries: Sequence[str], *, library: Library | None = None
) -> Agreement:
    """Ask both encoders the same. library: whose clips are asked for, None = the queries are, each for the others.

    Raises InputError for fewer than two queries, and for a library whose vectors the teacher did not make.
    """
    if len(queries) < 2:
        raise InputError("Two encoders are compared over two queries or more.")
    if library is not None and not _made(teacher, library):
        raise InputError(f"The clips of {library.directory} were not embedded by this model: compare over another library.")
    one, two = teacher.encode_texts(queries).pooled, other.encode_texts(queries).pooled
    cosines = (one.astype(np.float64) * two).sum(axis=1)
    answers = [_of_library(vectors, library) if library is not None else _of_others(vectors, one) for vectors in (one, two)]
    shared = [len(a & b) / max(len(a), 1) for a, b in zip(*answers, strict=True)]
    return Agreement(
        queries=len(queries), cosine=float(cosines.mean()), lowest_cosine=float(cosines.min()),
        overlap=float(np.mean(shared)), among="queries" if library is None else "clips",
    )  # fmt: skip


def _made(encoder: TextEncoder, library: Library) -> bool:
    generation = library.generation()
    return generation is not None and encoder.generation.same_vectors(generation)


def _of_library(vectors: NDArray[np.float32], library: Library) -> list[set[int]]:
    return [{hit.clip_id for hit in library.search_clips(vector, limit=_DEPTH)} for vector in vectors]


def _of_others(vectors: NDArray[np.float32], among: NDArray[np.float32]) -> list[set[int]]:
    similarity = vectors @ among.T
    np.fill_diagonal(similarity, -np.inf)
    depth = min(_DEPTH, len(among) - 1)
    return [set(np.argsort(-row, kind="stable")[:depth].tolist()) for row in similarity]
