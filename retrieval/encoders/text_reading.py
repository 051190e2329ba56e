"""Texts of any length through a text tower: in overlapping windows, each token counted once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from retrieval.encoders.pooling import pool_frames
from retrieval.encoders.protocols import TextVectors
from retrieval.encoders.tokenizing import Tokens
from retrieval.encoders.vectors import joined
from retrieval.encoders.windows import Window, split_windows
from retrieval.errors import InputError
from retrieval.model.word_table import WordTable

_T = TypeVar("_T")


class TextTokenizer(Protocol):
    """Reads texts without cutting them; see `tokenizing.Tokenizer`."""

    context_length: int
    pad_id: int
    pads_left: bool

    @property
    def capacity(self) -> int: ...
    @property
    def first(self) -> int: ...

    def read(self, texts: Sequence[str]) -> list[Tokens]: ...
    def framed(self, ids: list[int]) -> list[int]: ...


class TextTower(Protocol):
    """Token numbers to vectors, in batches of a size that it can hold.

    run: ids int64 [A, L]; attended int64 [A, L], 1 = looked at, None = all -> the vectors of the texts [A, D] and of
    their tokens [A, L, D], unit length.
    """

    def in_batches(self, count: int, run: Callable[[slice], _T]) -> list[_T]: ...
    def run(
        self, ids: NDArray[np.int64], attended: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...


@dataclass(frozen=True)
class _Reading:
    """One pass over a part of a text; `vector` [D] and `words` [window.owned, D] have unit length."""

    vector: NDArray[np.float32]
    words: NDArray[np.float32]


class TextReader:
    """Texts to vectors. pads_to_context: short texts are padded to the context, and the padding is read.

    significant_words: what weighs the words of a text, None = all weigh alike.
    """

    def __init__(
        self, tokenizer: TextTokenizer, tower: TextTower, *, dimension: int, pads_to_context: bool,
        significant_words: WordTable | None = None,
    ) -> None:  # fmt: skip
        self.context_length = tokenizer.context_length
        self._tokenizer = tokenizer
        self._tower = tower
        self._dimension = dimension
        self._pads_to_context = pads_to_context
        self._significant_words = significant_words

    def read(self, texts: Sequence[str], *, max_windows: int | None = None) -> TextVectors:
        """Texts to vectors; one longer than the context is read in overlapping windows, each token counted once.

        The vector of such a text is the mean of its windows' vectors, weighted by the tokens that each owns, at unit
        length. max_windows: None = read everything; otherwise what lies behind that many windows is left out and
        counted in `unread`. Raises InputError for a text that is empty, and ModelError when the model fails.
        """
        if isinstance(texts, str):
            raise InputError("encode_texts takes a list of texts, not a single string.")
        if max_windows is not None and max_windows < 1:
            raise InputError(f"max_windows must be 1 or more, not {max_windows}.")
        tokens = self._tokenizer.read(texts)
        windows = [split_windows(len(text.ids), capacity=self._tokenizer.capacity)[:max_windows] for text in tokens]
        readings = self._read_windows(tokens, windows)
        read = [sum(window.owned for window in own) for own in windows]
        words, mask = self._padded_words(readings)
        return TextVectors(
            pooled=self._pooled(readings, windows),
            words=words,
            mask=mask,
            pieces=[text.pieces[:count] for text, count in zip(tokens, read, strict=True)],
            unread=[len(text.ids) - count for text, count in zip(tokens, read, strict=True)],
            windows=[len(own) for own in windows],
            unknown=[text.unknown for text in tokens],
            weights=self._weights(tokens, mask) if self._significant_words is not None else None,
        )

    def _weights(self, tokens: Sequence[Tokens], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """[B, L] what each word that was read weighs; mask: bool [B, L], True = read."""
        assert self._significant_words is not None
        weights = np.zeros(mask.shape, dtype=np.float32)
        for row, text in enumerate(tokens):
            found = self._significant_words.significance(text.text, text.known_spans()).weights
            weights[row, mask[row]] = found[: mask[row].sum()]
        return weights

    def _read_windows(self, tokens: list[Tokens], windows: list[list[Window]]) -> list[list[_Reading]]:
        """The readings of every text's windows, in order; windows of like length go through the model together."""
        jobs = [(text, window) for text, own in enumerate(windows) for window in own]
        order = sorted(range(len(jobs)), key=lambda job: jobs[job][1].stop - jobs[job][1].start)
        inputs = [(tokens[jobs[job][0]].ids, jobs[job][1]) for job in order]
        batches = self._tower.in_batches(len(inputs), lambda part: self._window_batch(inputs[part]))
        by_job = dict(zip(order, (reading for batch in batches for reading in batch), strict=True))
        readings: list[list[_Reading]] = [[] for _ in tokens]
        for job, (text, _) in enumerate(jobs):
            readings[text].append(by_job[job])
        return readings

    def _window_batch(self, inputs: list[tuple[list[int], Window]]) -> list[_Reading]:
        rows = [self._tokenizer.framed(ids[window.start : window.stop]) for ids, window in inputs]
        ids, attended, firsts = self._padded_ids(rows)
        vectors, word_vectors = self._tower.run(ids, None if self._pads_to_context else attended)
        readings = []
        for row, (_, window) in enumerate(inputs):
            start = firsts[row] + self._tokenizer.first + window.own_start - window.start
            readings.append(_Reading(vectors[row], word_vectors[row, start : start + window.owned].copy()))
        return readings

    def _padded_ids(self, rows: list[list[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int]]:
        """ids and attended [B, L], and the column at which each row begins."""
        width = self.context_length if self._pads_to_context else max(map(len, rows))
        ids = np.full((len(rows), width), self._tokenizer.pad_id, dtype=np.int64)
        attended = np.zeros_like(ids)
        firsts = [width - len(row) if self._tokenizer.pads_left else 0 for row in rows]
        for number, (row, first) in enumerate(zip(rows, firsts, strict=True)):
            ids[number, first : first + len(row)] = row
            attended[number, first : first + len(row)] = 1
        return ids, attended, firsts

    def _pooled(self, readings: list[list[_Reading]], windows: list[list[Window]]) -> NDArray[np.float32]:
        vectors = [
            pool_frames(
                np.stack([reading.vector for reading in own]), weights=np.array([float(w.owned) for w in spans])
            )
            for own, spans in zip(readings, windows, strict=True)
        ]
        return joined([vector[None] for vector in vectors], dimension=self._dimension)

    def _padded_words(self, readings: list[list[_Reading]]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        lengths = [sum(len(reading.words) for reading in own) for own in readings]
        words = np.zeros((len(readings), max(lengths, default=0), self._dimension), dtype=np.float32)
        for row, own in enumerate(readings):
            words[row, : lengths[row]] = np.concatenate([reading.words for reading in own])
        mask = np.arange(words.shape[1])[None, :] < np.array(lengths, dtype=np.int64)[:, None]
        return words, mask
