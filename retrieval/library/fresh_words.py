"""The rows of the word index that stand in no segment yet, kept in memory by a process that asks more than once or twice.

They are the rows of the FTS5 tables, counted and ranked as FTS5 does it, to the last bit: a question to FTS5 costs
most of a millisecond, however few its rows are. A row of evidence never changes, so a view of a later state of the library
reads new rows alone.
"""

from __future__ import annotations

import math
import sqlite3
import threading
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from retrieval.library import postings
from retrieval.library.connections import edition_here
from retrieval.library.database import select_in
from retrieval.library.postings import K1, LAST, B
from retrieval.library.segments.fresh import of_videos
from retrieval.records import EvidenceKind
from retrieval.text import is_pair, ngrams

UNIGRAM_WEIGHT = 1.0                # measured: better than equal weights on short Chinese texts
BIGRAM_WEIGHT = 0.5                 # a bigram repeats what its two characters already said
MOST_ROWS = 8192                    # of a kind in memory; an earlier form of the index may have more in its FTS5 table
_LEAST_INVERSE = 1e-6               # FTS5's own, of a token that at least half of the rows hold
_FEW_ASKINGS = 12                   # that FTS5 answers faster than the rows are read: about one search
_WORTH_KEEPING = 16                 # rows that hold a token
_TIMES = 1 << 16                    # more than a text holds a token
_Held = tuple[NDArray[np.intp], NDArray[np.float64]]       # places in a view, and how often each holds a token
_NOBODY: _Held = (np.zeros(0, np.intp), np.zeros(0))


def weight_of(token: str) -> float:
    """What an occurrence of a token counts."""
    return BIGRAM_WEIGHT if is_pair(token) else UNIGRAM_WEIGHT


def inverse_frequency(rows_with_token: int, *, rows: int) -> float:
    """The inverse document frequency as FTS5 has it: a little above zero where half of the rows or more hold the token."""
    inverse = math.log((rows - rows_with_token + 0.5) / (rows_with_token + 0.5))
    return inverse if inverse > 0 else _LEAST_INVERSE


@dataclass
class _Index:
    """Lengths in tokens by row, and by token its rows, each as one number with how often it holds the token.

    A row that is known stays until all are forgotten: a view takes its own ones out. words: the tokens that a shorter word
    may begin, sorted.
    """

    identity: str
    lengths: dict[int, int] = field(default_factory=dict)
    rows: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    words: list[str] = field(default_factory=list)

    def add(self, rows: Iterable[tuple[int, str]]) -> None:
        """Take in rows (evidence id, text)."""
        new = []
        for row, text in rows:
            tokens = ngrams(text)
            for token, count in Counter(tokens).items():
                if token not in self.rows and len(token) >= 2 and not is_pair(token):
                    new.append(token)
                self.rows[token].append(row * _TIMES + min(count, _TIMES - 1))
            self.lengths[row] = len(tokens)
        if new:
            self.words = sorted(self.words + new)

    def beginning(self, word: str) -> list[list[int]]:
        """The rows of every token that begins with a word of two or more letters or digits, the word itself too."""
        words = self.words
        return [self.rows[token] for token in words[bisect_left(words, word) : bisect_left(words, word + LAST)]]


@dataclass(frozen=True, kw_only=True)
class FreshRows:
    """The fresh rows [n] of a kind in one state of a library, by evidence id; safe to ask from several threads."""

    edition: tuple[str, int]
    ids: NDArray[np.int64]
    videos: NDArray[np.int64]
    _lengths: NDArray[np.float64]
    _index: _Index
    _known: dict[str, _Held] = field(default_factory=dict)

    def count(self, token: str) -> int:
        """How many rows hold a token."""
        return len(self._held(token)[0])

    def ranked(
        self, tokens: Collection[str], *, limit: int, selected: NDArray[np.bool_] | None
    ) -> list[tuple[int, float]]:
        """Ids and scores of the best rows that hold a token, best first; `selected` by number of the video."""
        scores, held = np.zeros(len(self.ids)), np.zeros(len(self.ids), np.bool_)
        mean = self._lengths.mean() if len(self.ids) else 0.0
        for token in tokens:
            weight = weight_of(token)
            of_token = [self._held(token)]
            if len(token) >= 2 and not is_pair(token):
                of_token.append(self._beginning(token))
            for places, times in of_token:
                counts = weight * times
                norms = K1 * (1 - B + B * self._lengths[places] / mean)
                inverse = inverse_frequency(len(places), rows=len(self.ids))
                scores[places] += inverse * (counts * (K1 + 1) / (counts + norms))
                held[places] = True
        of_selected = of_videos(self.videos, selected)
        if of_selected is not None:
            held &= of_selected
        found = np.flatnonzero(held)
        best = found[np.argsort(-scores[found], kind="stable")[:limit]]
        return list(zip(self.ids[best].tolist(), scores[best].tolist(), strict=True))

    def holding(self, tokens: Collection[str]) -> list[int]:
        """Ids of the rows that hold every one of these tokens, at least one."""
        if not all(token in self._index.rows for token in tokens):
            return []
        first, *others = (set(self._held(token)[0].tolist()) for token in tokens)
        return self.ids[sorted(first.intersection(*others))].tolist()

    def _held(self, token: str) -> _Held:
        if token not in self._index.rows:
            return _NOBODY
        held = self._known.get(token)
        if held is None:
            held = self._of_view(np.array(self._index.rows[token], np.int64))
            if len(held[0]) >= _WORTH_KEEPING:
                self._known[token] = held
        return held

    def _beginning(self, word: str) -> _Held:
        """Rows that hold a token that begins with a word, the word itself too."""
        places, times = self._of_view(np.array(list(chain.from_iterable(self._index.beginning(word))), np.int64))
        distinct, of_which = np.unique(places, return_inverse=True)
        return distinct, np.bincount(of_which, weights=times, minlength=len(distinct)).astype(np.float64)

    def _of_view(self, rows: NDArray[np.int64]) -> _Held:
        ids = rows // _TIMES
        places = np.searchsorted(self.ids, ids)
        here = np.append(self.ids, -1)[places] == ids
        return places[here], (rows[here] % _TIMES).astype(np.float64)


class FreshWords:
    """The fresh rows of each kind of one library, in step with what is committed. Safe to ask from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._askings: Counter[EvidenceKind] = Counter()
        self._views: dict[EvidenceKind, FreshRows] = {}
        self._indexes: dict[EvidenceKind, _Index] = {}

    def of(self, db: sqlite3.Connection, kind: EvidenceKind) -> FreshRows | None:
        """The rows that `db` sees; None where FTS5 is to be asked: at first, and where there are too many."""
        now = edition_here(db)
        with self._lock:
            view = self._views.get(kind)
            if view is not None and view.edition == now:
                return view
            self._askings[kind] += 1
            if view is None and self._askings[kind] <= _FEW_ASKINGS:
                return None
            rows = db.execute(
                "SELECT id, video FROM evidence WHERE kind = ? AND id > ? ORDER BY id LIMIT ?",
                [kind, postings.last_id(db, kind), MOST_ROWS + 1],
            ).fetchall()
            if len(rows) > MOST_ROWS:
                return None
            self._views[kind] = view = self._view(db, kind, rows, now)
            return view

    def _view(
        self, db: sqlite3.Connection, kind: EvidenceKind, rows: list[tuple[int, int]], edition_: tuple[str, int]
    ) -> FreshRows:
        ids = np.array([row for row, _ in rows], np.int64)
        index = self._indexes.get(kind)
        if index is None or index.identity != edition_[0] or len(index.lengths) > 2 * len(rows) + MOST_ROWS:
            index = self._indexes[kind] = _Index(edition_[0])
        unknown = [row for row, _ in rows if row not in index.lengths]
        index.add(select_in(db, "SELECT id, text FROM evidence WHERE id IN {in}", unknown))
        return FreshRows(
            edition=edition_, ids=ids, videos=np.array([video for _, video in rows], np.int64),
            _lengths=np.array([index.lengths[row] for row, _ in rows], np.float64), _index=index,
        )  # fmt: skip
