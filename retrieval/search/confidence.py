"""How sure a hit is: what its words hold of the query, and how its vectors stand among answers to unrelated queries."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Literal

from retrieval.encoders import TextVectors
from retrieval.library import Library
from retrieval.search.admission import TELLING
from retrieval.search.channels import VISUAL
from retrieval.search.query import language_information
from retrieval.search.results import Hit, Match
from retrieval.text import fold

Band = Literal["high", "medium", "low"]

SETTING = "calibration"
# Of the share of the query's information that a row holds, and of the share of unrelated queries that it outdoes.
_HIGH_WORDS, _MEDIUM_WORDS = 0.8, 0.5
_MEDIUM_OUTDONE = 0.5


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What unrelated queries reach in one library: `best` are the scores of their best rows, ascending, by channel.

    made_with: a mark of the vectors that were asked (`mark_of`); clips: how many there were, for the best of more clips
    is better. reached: what share (0..1) of the unrelated queries nearly all of the library's own titles, and of pieces of
    them, outdo, by channel: a model that tells little apart reaches little.
    """

    made_with: str
    clips: int
    best: Mapping[str, tuple[float, ...]]
    reached: Mapping[str, float] = field(default_factory=dict)

    def outdone(self, match: Match) -> float:
        """The share (0..1) of unrelated queries whose best row of that channel scores below this one."""
        best = self.best.get(match.channel, ())
        return bisect_left(best, match.score) / len(best) if best else 0.0

    def fits(self, clips: int) -> bool:
        """Whether it still says what chance gives: a library of twice or half as many clips wants another."""
        return self.clips <= 2 * clips and clips <= 2 * self.clips

    def save(self, library: Library) -> None:
        library.set_setting(SETTING, json.dumps(asdict(self)))


def mark_of(library: Library) -> str:
    """What tells the vectors that a library is searched by from those of other models."""
    found = [("" if one is None else f"{one.revision} {one.preprocessing} {one.dimension}")
             for one in (library.generation(), library.text_generation())]  # fmt: skip
    return " | ".join(found)


def stored_calibration(library: Library) -> Calibration | None:
    """The library's calibration, None when it has none or its vectors are searched by another model since."""
    stored = library.setting(SETTING)
    if stored is None:
        return None
    found = _parsed(stored)
    return found if found.made_with == mark_of(library) else None


@lru_cache(maxsize=4)
def _parsed(stored: str) -> Calibration:
    """Read once and not at every search: hundreds of scores a channel."""
    content = json.loads(stored)
    best = {channel: tuple(scores) for channel, scores in content["best"].items()}
    return Calibration(
        made_with=content["made_with"], clips=content["clips"], best=best, reached=content.get("reached", {})
    )


def unreadable_words(read: TextVectors) -> tuple[str, ...]:
    """The words and characters of one text, those that say something, that the model has not learned."""
    return _telling(read.unknown[0] if read.unknown else ())


def reads_nothing(read: TextVectors) -> bool:
    """Whether the model has learned no word of a text that says something, and one that it has not learned."""
    unreadable = frozenset(unreadable_words(read))
    return bool(unreadable) and unreadable.issuperset(_telling(read.pieces[0]))


def _telling(pieces: Sequence[str]) -> tuple[str, ...]:
    distinct = {fold(piece): piece for piece in pieces if any(map(str.isalnum, piece))}
    says = language_information(distinct)
    return tuple(piece for folded, piece in distinct.items() if says[folded] >= TELLING)


def band_of(best: Sequence[Match], calibration: Calibration, *, blind: bool = False, guessed: bool = False) -> Band:
    """The band of a video by the best row of each of its channels: the strongest of them decides.

    A vector alone is never high: near misses score as the truth does. blind: the model cannot read all of the query, and
    pictures say nothing. guessed: the words are not those of the query, which are only taken for slips; nothing is high.
    """
    words = _words_held(best)
    vectors = (match for match in best if match.channel in calibration.best and not (blind and match.channel == VISUAL))
    if words >= _HIGH_WORDS and not guessed:
        return "high"
    outdone = max(map(calibration.outdone, vectors), default=0.0)
    return "medium" if words >= _MEDIUM_WORDS or outdone >= _MEDIUM_OUTDONE else "low"


def answered(
    hits: Sequence[Hit], calibration: Calibration | None, *, blind: bool = False, guessed: bool = False
) -> bool | None:
    """Whether the words of a hit hold the query; False: no hit is more than chance; None: that cannot be told.

    None where nothing but pictures or vectors of texts answer, without a calibration, and where the vectors are no better
    than chance but those of queries with an answer often are not either. blind, guessed: as in `band_of`.
    """
    if not hits:
        return False
    if calibration is None:
        return None
    likely = [hit for hit in hits if hit.confidence != "low"]
    if not guessed and any(_words_held(hit.channels) >= _MEDIUM_WORDS for hit in likely):
        return True
    in_doubt = any(
        calibration.outdone(match) >= calibration.reached.get(match.channel, _MEDIUM_OUTDONE)
        for hit in hits for match in hit.channels
        if match.channel in calibration.best and not (blind and match.channel == VISUAL)
    )
    return None if likely or in_doubt else False


def _words_held(best: Sequence[Match]) -> float:
    return max((match.coverage for match in best if match.coverage is not None), default=0.0)
