"""Texts as padded rows of token numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor

from retrieval.encoders.checkpoint import Checkpoint
from retrieval.encoders.tokenizing import Tokenizer
from retrieval.errors import InputError, ModelError
from retrieval.model.word_table import TextSignificance, WordTable


@dataclass(frozen=True, kw_only=True)
class TokenSignificance:
    """What the tokens of texts are, see `retrieval.model.word_table.TextSignificance`; padding and special tokens are
    nothing.

    significant: bool [A, L]; word_numbers: int64 [A, L], -1 = no word, tokens of one word share a number; weights:
    float32 [A, L], 0 for what is no token of the text.
    """

    significant: Tensor
    word_numbers: Tensor
    weights: Tensor

    def to(self, device: torch.device) -> TokenSignificance:
        """The same on a device."""
        return self.each(lambda tensor: moved(tensor, device))

    def rows(self, rows: slice) -> TokenSignificance:
        """That of some of the texts."""
        return self.each(lambda tensor: tensor[rows])

    def each(self, change: Callable[[Tensor], Tensor]) -> TokenSignificance:
        """The same with each of its tensors changed."""
        return TokenSignificance(
            significant=change(self.significant), word_numbers=change(self.word_numbers), weights=change(self.weights)
        )


@dataclass(frozen=True, kw_only=True)
class TokenRows:
    """ids int64 [A, L]; attended int64 [A, L], 1 = looked at, None = all are; words bool [A, L], True = the text's own.

    significance: None where the recipe has no use for it.
    """

    ids: Tensor
    attended: Tensor | None
    words: Tensor
    significance: TokenSignificance | None = None

    def to(self, device: torch.device) -> TokenRows:
        """The same on a device."""
        return TokenRows(
            ids=moved(self.ids, device), words=moved(self.words, device),
            attended=None if self.attended is None else moved(self.attended, device),
            significance=None if self.significance is None else self.significance.to(device),
        )  # fmt: skip

    @property
    def weights(self) -> Tensor | None:
        """float32 [A, L], what each token weighs in the token-wise score; None where nobody asks."""
        return None if self.significance is None else self.significance.weights

    def rows(self, rows: slice) -> TokenRows:
        """Some of the texts."""
        return TokenRows(
            ids=self.ids[rows], words=self.words[rows],
            attended=None if self.attended is None else self.attended[rows],
            significance=None if self.significance is None else self.significance.rows(rows),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ReadText:
    """The tokens of one text, cut to what the model is given; significance: None where nobody asks for it."""

    ids: list[int]
    significance: TextSignificance | None = None


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """What stands in the place of a hidden token: the mask token or, now and then, one of the replacements, int64 [R]."""

    mask_id: int
    replacements: Tensor


class TextReader:
    """Reads texts as the model's tokenizer does; what is longer than `max_tokens` (special ones included) is cut.

    words: the table by which tokens are significant, None = nobody asks.
    """

    def __init__(self, checkpoint: Checkpoint, *, max_tokens: int | None = None, words: WordTable | None = None) -> None:
        self._tokenizer = Tokenizer(checkpoint)
        self._words = words
        self._lock = Lock()         # a fast tokenizer must not be asked by two threads at once
        self._pads_to_context = checkpoint.family.pads_to_context
        self._longest = min(max_tokens or self._tokenizer.context_length, self._tokenizer.context_length)
        self._capacity = self._longest - (self._tokenizer.context_length - self._tokenizer.capacity)
        if self._capacity < 1:
            raise InputError(f"data.max_tokens is {max_tokens}: special tokens alone take that many, give more.")

    @property
    def longest(self) -> int:
        """The most tokens that a row may have, special ones included."""
        return self._longest

    def read(self, text: str) -> ReadText:
        """The text's own tokens. Raises InputError for a text with nothing readable in it, and ModelError when
        significance is asked of a tokenizer that does not tell where its tokens stand.
        """
        with self._lock:
            tokens = self._tokenizer.read([text])[0]
        if self._words is None:
            return ReadText(ids=tokens.ids[: self._capacity])
        found = self._words.significance(tokens.text, tokens.known_spans()[: self._capacity])
        return ReadText(ids=tokens.ids[: self._capacity], significance=found)

    def vocabulary(self, *, significant: bool = False) -> Vocabulary:
        """What hides a token; significant: replaced by tokens of significant words alone, if the texts have any.

        Raises ModelError when the model knows no token for a hidden one.
        """
        if self._tokenizer.mask_id is None:
            raise ModelError("The model's tokenizer knows no mask token: texts and clips are read together by one that does.")
        ids = {*self._tokenizer.text_ids}
        if significant and self._words is not None:
            own = {token for word in self._tokenizer.read([*self._words.words]) for token in word.ids}
            ids = (ids & own) or ids
        return Vocabulary(mask_id=self._tokenizer.mask_id, replacements=torch.tensor(sorted(ids)))

    def padded(self, texts: Sequence[ReadText]) -> TokenRows:
        """Rows between special tokens, all of one length."""
        rows = [self._tokenizer.framed(text.ids) for text in texts]
        width = self._tokenizer.context_length if self._pads_to_context else max(map(len, rows))
        ids = torch.full((len(rows), width), self._tokenizer.pad_id, dtype=torch.int64)
        attended = torch.zeros_like(ids)
        words = torch.zeros(ids.shape, dtype=torch.bool)
        for number, (own, row) in enumerate(zip(texts, rows, strict=True)):
            start = width - len(row) if self._tokenizer.pads_left else 0
            ids[number, start : start + len(row)] = torch.tensor(row)
            attended[number, start : start + len(row)] = 1
            words[number, start + self._tokenizer.first : start + self._tokenizer.first + len(own.ids)] = True
        return TokenRows(
            ids=ids, attended=None if self._pads_to_context else attended, words=words,
            significance=None if self._words is None else _placed(texts, words),
        )  # fmt: skip


def _placed(texts: Sequence[ReadText], words: Tensor) -> TokenSignificance:
    """The significance of texts at the places of their tokens; words: bool [A, L], in each row as many as it has tokens."""
    found = [text.significance for text in texts if text.significance is not None]
    significant = torch.zeros_like(words)
    numbers = torch.full(words.shape, -1, dtype=torch.int64)
    weights = torch.zeros(words.shape)
    significant[words] = torch.tensor([flag for one in found for flag in one.significant], dtype=torch.bool)
    numbers[words] = torch.tensor([number for one in found for number in one.word_numbers], dtype=torch.int64)
    weights[words] = torch.tensor([weight for one in found for weight in one.weights])
    return TokenSignificance(significant=significant, word_numbers=numbers, weights=weights)


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device, without waiting for the copy where that is possible."""
    if tensor.device == device:
        return tensor
    return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)
