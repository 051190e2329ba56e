"""Asking a library for what it does not hold, to know what an answer by chance looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from retrieval.encoders import SentenceModel, TextEncoder
from retrieval.errors import InputError
from retrieval.library import Library
from retrieval.search.channels import MEANING, VISUAL
from retrieval.search.confidence import Calibration, mark_of
from retrieval.search.engine import SearchEngine, SearchSettings
from retrieval.text import normalise

MOST_QUERIES = 200
FEWEST = 20
_FIRST = 5      # videos that are looked at for the best one that is not the title's own


def calibrate(
    library: Library, encoder: TextEncoder | None, sentences: SentenceModel | None = None, *, seed: int = 0,
    before_each: Callable[[], None] = lambda: None,
) -> Calibration:  # fmt: skip
    """Ask for titles of the library (at most 200, drawn at random), and note the best score among the other videos.

    Scores are those of a search, re-ranked where the model does so. encoder, sentences: None = the channel is not asked,
    and then never speaks for a hit. before_each: called before every question, so that it can end all by raising. Raises
    InputError when fewer than 20 videos have a title: that says nothing of what is left to chance.
    """
    best: dict[str, tuple[float, ...]] = {}
    titles = list(questions(library, seed=seed))
    for channel, there in ((VISUAL, encoder and library.generation()), (MEANING, sentences and library.text_generation())):
        if there is None:
            continue
        settings = SearchSettings(channels=frozenset({channel}), diversity=0.0, collapse=False)
        engine = SearchEngine(library, encoder=encoder, sentences=sentences, settings=settings)
        scores = []
        for video_id, title in titles:
            before_each()
            scores.append(_best_of_others(engine, title, video_id))
        best[channel] = tuple(sorted(score for score in scores if score is not None))
        if len(best[channel]) < FEWEST:
            raise InputError(
                f"A calibration needs {FEWEST} videos with a title, and {len(best[channel])} have one: add more videos first."
            )
    return Calibration(made_with=mark_of(library), clips=library.status().clips, best=best)


def questions(library: Library, *, seed: int = 0) -> Iterator[tuple[str, str]]:
    """(video id, title) of at most 200 videos with a title, drawn at random."""
    ids = library.video_ids()
    drawn = Random(seed).sample(ids, min(MOST_QUERIES, len(ids)))
    for video_id, titles in library.titles(drawn).items():
        text = next((text for _, text in titles if normalise(text)), None)
        if text is not None:
            yield video_id, text


def _best_of_others(engine: SearchEngine, title: str, video_id: str) -> float | None:
    hits = engine.search(title, count=_FIRST).hits
    return max((match.score for hit in hits if hit.video_id != video_id for match in hit.channels), default=None)
