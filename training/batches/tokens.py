"""Texts as padded rows of token numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor

from retrieval.encoders.checkpoint import Checkpoint
from retrieval.encoders.tokenizing import Tokenizer
from retrieval.errors import InputError


@dataclass(frozen=True, kw_only=True)
class TokenRows:
    """ids int64 [A, L]; attended int64 [A, L], 1 = looked at, None = all are; words bool [A, L], True = the text's own."""

    ids: Tensor
    attended: Tensor | None
    words: Tensor

    def to(self, device: torch.device) -> TokenRows:
        """The same on a device."""
        attended = None if self.attended is None else moved(self.attended, device)
        return TokenRows(ids=moved(self.ids, device), attended=attended, words=moved(self.words, device))


class TextReader:
    """Reads texts as the model's tokenizer does; what is longer than `max_tokens` (special ones included) is cut."""

    def __init__(self, checkpoint: Checkpoint, *, max_tokens: int | None = None) -> None:
        self._tokenizer = Tokenizer(checkpoint)
        self._lock = Lock()         # a fast tokenizer must not be asked by two threads at once
        self._pads_to_context = checkpoint.family.pads_to_context
        longest = min(max_tokens or self._tokenizer.context_length, self._tokenizer.context_length)
        self._capacity = longest - (self._tokenizer.context_length - self._tokenizer.capacity)
        if self._capacity < 1:
            raise InputError(f"data.max_tokens is {max_tokens}: special tokens alone take that many, give more.")

    def read(self, text: str) -> list[int]:
        """The text's own token numbers. Raises InputError for a text with nothing readable in it."""
        with self._lock:
            return self._tokenizer.read([text])[0].ids[: self._capacity]

    def padded(self, texts: Sequence[list[int]]) -> TokenRows:
        """Rows between special tokens, all of one length."""
        rows = [self._tokenizer.framed(ids) for ids in texts]
        width = self._tokenizer.context_length if self._pads_to_context else max(map(len, rows))
        ids = torch.full((len(rows), width), self._tokenizer.pad_id, dtype=torch.int64)
        attended = torch.zeros_like(ids)
        words = torch.zeros(ids.shape, dtype=torch.bool)
        for number, (own, row) in enumerate(zip(texts, rows, strict=True)):
            start = width - len(row) if self._tokenizer.pads_left else 0
            ids[number, start : start + len(row)] = torch.tensor(row)
            attended[number, start : start + len(row)] = 1
            words[number, start + self._tokenizer.first : start + self._tokenizer.first + len(own)] = True
        return TokenRows(ids=ids, attended=None if self._pads_to_context else attended, words=words)


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device, without waiting for the copy where that is possible."""
    if tensor.device == device:
        return tensor
    return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)
