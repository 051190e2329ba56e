"""Which pairs a person should look at: as many from every stretch of the scores, the same ones each time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_pipeline.building.measured_tables import read_measured
from data_pipeline.corpus.measured import CandidateRow, DecisionRow
from data_pipeline.corpus.tables import read_table
from data_pipeline.selection.select import DECISIONS
from data_pipeline.selection.settings import SCORES
from retrieval.errors import InputError

STRATA = 10
_RELEVANCE = "relevance"        # the reason of a pair that a lower threshold would keep


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A pair to look at; `score` is its value of the score `score_name`.

    Stratum 0 has the lowest scores; `stratum_rows`: how many pairs of the corpus it stands for.
    """

    candidate: CandidateRow
    score: float
    score_name: str
    kept: bool
    stratum: int
    stratum_rows: int


def draw(corpus: Path, count: int, *, score: str, seed: int = 0) -> list[Drawn]:
    """A sample of `count` pairs that a threshold decides about: those that are kept, and those rejected by their score alone.

    Equal parts of the pairs in order of the score are strata, and each gives as many; which, is decided by a hash of the
    pair's id and the seed. Without decisions every pair with a score is drawn from.
    Raises InputError when there is no such score or no pair has one, CorpusError (unreadable).
    """
    if score not in SCORES:
        raise InputError(f"There is no score {score!r}: use one of {', '.join(SCORES)}.")
    kept = _kept(corpus)
    ids, values = _population(corpus, score, kept)
    if not ids:
        raise InputError(f"No pair of {corpus} has the score {score}: build it with a relevance model, or draw by another score.")
    chosen = _chosen(ids, np.asarray(values), count, seed)
    found = {row.pair_id: row for row in read_measured(corpus, CandidateRow) if row.pair_id in chosen}
    drawn = [
        Drawn(
            candidate=row, score=float(getattr(row, score)), score_name=score,
            kept=kept is None or kept[row.pair_id],
            stratum=chosen[row.pair_id][0], stratum_rows=chosen[row.pair_id][1],
        )
        for row in found.values()
    ]  # fmt: skip
    return sorted(drawn, key=lambda one: _rank(one.candidate.pair_id, seed))


def _kept(corpus: Path) -> dict[str, bool] | None:
    """Whether a pair is kept, of those that the score decides about; None where nothing is decided so far."""
    if not (corpus / DECISIONS).exists():
        return None
    rows = read_table(corpus / DECISIONS, DecisionRow)
    return {row.pair_id: row.keep for row in rows if row.keep or row.reason == _RELEVANCE}


def _population(corpus: Path, score: str, kept: dict[str, bool] | None) -> tuple[list[str], list[float]]:
    ids, values = [], []
    for row in read_measured(corpus, CandidateRow):
        value = getattr(row, score)
        if value is not None and (kept is None or row.pair_id in kept):
            ids.append(row.pair_id)
            values.append(value)
    return ids, values


def _chosen(ids: Sequence[str], values: np.ndarray, count: int, seed: int) -> dict[str, tuple[int, int]]:
    """Pair -> (stratum, its rows). values: [N]. Equal scores are told apart by the ids, so that the order is one."""
    order = sorted(range(len(ids)), key=lambda i: (values[i], ids[i]))
    strata = [part for part in np.array_split(np.asarray(order), min(STRATA, len(order), max(count, 1))) if len(part)]
    sizes = _shares([len(part) for part in strata], count)
    return {
        pair: (stratum, len(part))
        for stratum, (part, size) in enumerate(zip(strata, sizes, strict=True))
        for pair in sorted((ids[i] for i in part), key=lambda pair: _rank(pair, seed))[:size]
    }


def _shares(available: Sequence[int], count: int) -> list[int]:
    """`count` spread evenly over strata, none asked for more than it has; the first get what does not divide."""
    sizes = [0] * len(available)
    for stratum in _rounds(available, count):
        sizes[stratum] += 1
    return sizes


def _rounds(available: Iterable[int], count: int) -> Iterator[int]:
    left = list(available)
    while count > 0 and any(left):
        for stratum in range(len(left)):
            if left[stratum] and count > 0:
                left[stratum] -= 1
                count -= 1
                yield stratum


def _rank(pair_id: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {pair_id}".encode()).digest()
