"""What the answers of a person say about all pairs: precision with its interval, above every threshold."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.errors import InputError

_Z95 = 1.959963984540054
FEWEST = 10             # answers that an estimate above a threshold must stand on


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A judged pair: fits is None where the person could not say. stratum_rows: pairs of the corpus in its stratum.

    score_name: which score it is, None in a sheet that does not say so.
    """

    score: float
    kept: bool
    stratum: int
    stratum_rows: int
    fits: bool | None
    score_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Of the pairs with a score of at least `threshold` (None: all): the share that fits, 0..1, with its 95 % interval.

    answered: judged pairs it stands on; effective: how many equally weighted ones they are worth; share: of all pairs that
    the score decides about, those above the threshold.
    """

    threshold: float | None
    precision: float
    low: float
    high: float
    answered: int
    effective: float
    share: float


@dataclass(frozen=True, kw_only=True)
class Findings:
    """kept: of the pairs that are kept now, None without an answer among them; above: for rising thresholds.

    reached: the lowest threshold whose estimate is at least the wanted precision; sure: whose interval is.
    score: the name of the score that the thresholds are of, None where the answers do not say so.
    """

    everything: Estimate
    kept: Estimate | None
    above: tuple[Estimate, ...]
    undecided: int
    reached: Estimate | None
    sure: Estimate | None
    score: str | None = None


def wilson(share: float, count: float, *, z: float = _Z95) -> tuple[float, float]:
    """The interval of a share seen in `count` trials, (0, 1) for none. Source: Wilson 1927."""
    if count <= 0:
        return 0.0, 1.0
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def findings(answers: Sequence[Answer], *, wanted: float) -> Findings:
    """Estimates for all pairs, for those that are kept, and above the score of every answer (at least 10 answers each).

    Each answer stands for as many pairs as its stratum has for each of its answers; those that could not be decided count
    as not asked. Raises InputError when nothing is decided, or the scores are not of one name.
    """
    judged = [answer for answer in answers if answer.fits is not None]
    if not judged:
        raise InputError("No pair has been judged: fill the column `verdict` with y, n or ?.")
    names = list(dict.fromkeys(answer.score_name for answer in judged))
    if len(names) > 1:
        raise InputError(f"The pairs are judged by several scores ({', '.join(map(str, names))}): read one sheet at a time.")
    weights = _weights(judged)
    pairs = list(zip(judged, weights, strict=True))
    everything = _estimate(pairs, None, total=sum(weights))
    thresholds = sorted({answer.score for answer in judged})
    above = tuple(
        _estimate(part, threshold, total=sum(weights)) for threshold in thresholds
        if len(part := [pair for pair in pairs if pair[0].score >= threshold]) >= FEWEST
    )
    kept = [pair for pair in pairs if pair[0].kept]
    return Findings(
        everything=everything, kept=_estimate(kept, None, total=sum(weights)) if kept else None, above=above,
        undecided=len(answers) - len(judged),
        reached=next((one for one in above if one.precision >= wanted), None),
        sure=next((one for one in above if one.low >= wanted), None),
        score=names[0],
    )


def _weights(judged: Sequence[Answer]) -> list[float]:
    """How many pairs each answer stands for."""
    answered = Counter(answer.stratum for answer in judged)
    return [answer.stratum_rows / answered[answer.stratum] for answer in judged]


def _estimate(pairs: Sequence[tuple[Answer, float]], threshold: float | None, *, total: float) -> Estimate:
    """The weighted share with Wilson's interval at the effective number of answers. Source of that number: Kish 1965."""
    weight = math.fsum(w for _, w in pairs)
    share = math.fsum(w for answer, w in pairs if answer.fits) / weight
    effective = weight * weight / math.fsum(w * w for _, w in pairs)
    low, high = wilson(share, effective)
    return Estimate(
        threshold=threshold, precision=share, low=low, high=high, answered=len(pairs), effective=effective, share=weight / total,
    )
