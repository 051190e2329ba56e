"""Asking a library for what it does not hold, to know what an answer by chance looks like."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from random import Random

import numpy as np

from retrieval.encoders import SentenceModel, TextEncoder
from retrieval.errors import InputError
from retrieval.library import Library
from retrieval.search.channels import MEANING, VISUAL
from retrieval.search.confidence import Calibration, mark_of
from retrieval.search.engine import SearchEngine, SearchSettings
from retrieval.search.results import SearchResult
from retrieval.text import is_unspaced, normalise

MOST_QUERIES = 200
FEWEST = 20
_FIRST = 5      # videos that are looked at for the best one that is not the title's own
_LOST = 0.01    # of queries with an answer, that may be told to have none
_PIECE = (2, 4)     # characters, or words of a script with spaces
_RUN = re.compile(r"[^\W_]+")


def calibrate(
    library: Library, encoder: TextEncoder | None, sentences: SentenceModel | None = None, *, seed: int = 0,
    before_each: Callable[[], None] = lambda: None,
) -> Calibration:  # fmt: skip
    """Ask for titles of the library (at most 200, drawn at random) and a piece of each, and note the best score among the
    videos that are not the title's own, and what nearly all of these questions, which have an answer, reach.

    Scores are those of a search, re-ranked where the model does so. encoder, sentences: None = the channel is not asked,
    and then never speaks for a hit. before_each: called before every question, so that it can end all by raising. Raises
    InputError when fewer than 20 videos have a title that the model can read: that says nothing of what is left to chance.
    """
    best: dict[str, tuple[float, ...]] = {}
    reached: dict[str, float] = {}
    titles = list(questions(library, seed=seed))
    for channel, there in ((VISUAL, encoder and library.generation()), (MEANING, sentences and library.text_generation())):
        if there is None:
            continue
        settings = SearchSettings(channels=frozenset({channel}), diversity=0.0, collapse=False)
        engine = SearchEngine(library, encoder=encoder, sentences=sentences, settings=settings)
        scores, whole, pieces, random = [], [], [], Random(seed)
        for video_id, title in titles:
            before_each()
            found = engine.search(title, count=_FIRST)
            scores.append(_best(found, but_for=video_id))
            whole.append(_best(found))
            pieces.append(_best(engine.search(piece_of(title, random), count=1)))
        best[channel] = tuple(sorted(score for score in scores if score is not None))
        if len(best[channel]) < FEWEST:
            raise InputError(
                f"A calibration needs {FEWEST} videos with a title that the model can read, and {len(best[channel])} have "
                "one: add more videos first."
            )
        reached[channel] = min(_reached(best[channel], own) for own in (whole, pieces))
    return Calibration(made_with=mark_of(library), clips=library.status().clips, best=best, reached=reached)


def questions(library: Library, *, seed: int = 0) -> Iterator[tuple[str, str]]:
    """(video id, title) of at most 200 videos with a title, drawn at random."""
    ids = library.video_ids()
    drawn = Random(seed).sample(ids, min(MOST_QUERIES, len(ids)))
    for video_id, titles in library.titles(drawn).items():
        text = next((text for _, text in titles if normalise(text)), None)
        if text is not None:
            yield video_id, text


def piece_of(title: str, random: Random) -> str:
    """A few characters or words of a title as they stand there, as a short query of it; all of one that is no longer."""
    runs = _RUN.findall(normalise(title))
    unspaced = [run for run in runs if is_unspaced(run)]
    units, space = (list(random.choice(unspaced)), "") if unspaced else (runs, " ")
    count = random.randint(*_PIECE)
    start = random.randint(0, max(0, len(units) - count))
    return space.join(units[start : start + count]) or title


def _best(found: SearchResult, *, but_for: str | None = None) -> float | None:
    return max((match.score for hit in found.hits if hit.video_id != but_for for match in hit.channels), default=None)


def _reached(unrelated: Sequence[float], own: Sequence[float | None]) -> float:
    """The share of the unrelated scores, ascending, that all but a few of those of questions with an answer outdo."""
    scores = [score for score in own if score is not None]
    if not scores:      # of none of them the model has learned a word
        return 0.0
    return float(np.quantile(np.searchsorted(unrelated, scores) / len(unrelated), _LOST, method="lower"))
